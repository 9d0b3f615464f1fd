package store

import (
	"fmt"
	"strings"
	"sync"
)

// Kind is something that an account may have so much of.
type Kind int

// The kinds. Bytes are those of documents and of the directory's entries, as they are stored.
const (
	Documents Kind = iota
	APIKeys
	Users
	Devices
	Bytes
	kinds
)

var (
	kindNames = [kinds]string{"documents", "api_keys", "users", "devices", "bytes"}
	kindWords = [kinds]string{"documents", "API keys", "users", "devices", "bytes of documents and directory entries"}
)

// String is a kind's name in settings, metrics and answers: "api_keys".
func (k Kind) String() string { return kindNames[k] }

// LimitError is why a change is refused that would give an account more than it may have. Nothing was changed.
type LimitError struct {
	Kind  Kind
	Limit int64
	Use   int64 // what the account has, with what is just being stored
	Would int64 // what it would have had
}

// Error is fit for a client: it names nothing but the limit and the use.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the account has %d %s and would have %d; METAFLOWS_ACCOUNT_MAX_%s allows %d",
		e.Use, kindWords[e.Kind], e.Would, strings.ToUpper(e.Kind.String()), e.Limit)
}

// Quota bounds how much each account may have, and knows how much it has. Stores and Records whose keys have different prefixes
// share one. Its methods may be called by any goroutine; a nil Quota bounds nothing.
//
// What makes nothing more is never refused, and what is stored already stays, also where it is more than the limit. Of several
// instances on one NATS each counts what it knows: each may let a last one through at once, until it has heard of the others'.
type Quota struct {
	limits map[Kind]int64

	mu     sync.Mutex
	uses   map[string]*use    // by account; of those that have something
	moving map[string]*moving // by whole key; of those that are being changed
}

// NewQuota makes one; a kind without a limit, or whose limit is 0, is counted only.
func NewQuota(limits map[Kind]int64) *Quota {
	return &Quota{limits: limits, uses: map[string]*use{}, moving: map[string]*moving{}}
}

// Highest is the most that any account has of each kind, by its name. It looks at each account.
func (q *Quota) Highest() map[string]int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	var most amounts
	for _, u := range q.uses {
		most = most.or(u.stored)
	}
	byName := make(map[string]int64, kinds)
	for k, n := range most {
		byName[Kind(k).String()] = n
	}
	return byName
}

// amounts are one of each kind.
type amounts [kinds]int64

// weigh is what a value counts, nil for none.
func weigh(of []Kind, raw []byte) (a amounts) {
	if raw == nil {
		return a
	}
	for _, k := range of {
		if a[k] = 1; k == Bytes {
			a[k] = int64(len(raw))
		}
	}
	return a
}

func (a amounts) plus(b amounts) amounts {
	for k := range a {
		a[k] += b[k]
	}
	return a
}

func (a amounts) minus(b amounts) amounts {
	for k := range a {
		a[k] -= b[k]
	}
	return a
}

// or is the larger of each kind.
func (a amounts) or(b amounts) amounts {
	for k := range a {
		a[k] = max(a[k], b[k])
	}
	return a
}

// use is what one account has, and what it may have beyond that when all that is being stored has been.
type use struct{ stored, coming amounts }

// moving is a key that is being changed, by any number of writers. Nobody knows in which order NATS takes what they send, and
// which is the last: the key counts as the largest of what is stored and what may be.
type moving struct {
	stored amounts
	next   []*amounts
}

// coming is what the key counts beyond what is stored.
func (m *moving) coming() amounts {
	most := m.stored
	for _, n := range m.next {
		most = most.or(*n)
	}
	return most.minus(m.stored)
}

// at is a key that is being changed, which it is from now on, and its account's use.
func (q *Quota) at(account, key string, stored amounts) (*use, *moving) {
	u, m := q.uses[account], q.moving[key]
	if u == nil {
		u = &use{}
		q.uses[account] = u
	}
	if m == nil {
		m = &moving{stored: stored}
		q.moving[key] = m
	}
	return u, m
}

// tidy forgets what says nothing.
func (q *Quota) tidy(account, key string) {
	if m := q.moving[key]; m != nil && len(m.next) == 0 {
		delete(q.moving, key)
	}
	if u := q.uses[account]; u != nil && *u == (use{}) {
		delete(q.uses, account)
	}
}

// changed counts a key's value, which was another.
func (q *Quota) changed(account, key string, was, is amounts) {
	if q == nil || was == is {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	u, m := q.at(account, key, was)
	u.stored = u.stored.plus(is.minus(was))
	u.coming = u.coming.minus(m.coming())
	m.stored = is
	u.coming = u.coming.plus(m.coming())
	q.tidy(account, key)
}

// hold keeps room for a value that is going to be stored under a key, until it is given back. The error is a *LimitError.
func (q *Quota) hold(account, key string, stored, next amounts) (giveBack func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.tidy(account, key)
	u, m := q.at(account, key, stored)
	more := m.coming().or(next.minus(stored)).minus(m.coming())
	for k := range more {
		has, limit := u.stored[k]+u.coming[k], q.limits[Kind(k)]
		if limit > 0 && more[k] > 0 && has+more[k] > limit {
			return nil, &LimitError{Kind: Kind(k), Limit: limit, Use: has, Would: has + more[k]}
		}
	}
	m.next = append(m.next, &next)
	u.coming = u.coming.plus(more)
	return sync.OnceFunc(func() { q.giveBack(account, key, &next) }), nil
}

func (q *Quota) giveBack(account, key string, next *amounts) {
	q.mu.Lock()
	defer q.mu.Unlock()
	u, m := q.uses[account], q.moving[key]
	u.coming = u.coming.minus(m.coming())
	for i, n := range m.next {
		if n == next {
			m.next = append(m.next[:i], m.next[i+1:]...)
			break
		}
	}
	u.coming = u.coming.plus(m.coming())
	q.tidy(account, key)
}
