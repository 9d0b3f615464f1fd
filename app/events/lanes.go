package events

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// lanes are the notices that the stream does not have yet. A lane that has none is given back. A lane stands in one of
// three places: ready among those of its account, in flight with the one who took it, or resting. No step looks at more
// lanes than it moves. It is one goroutine's.
type lanes struct {
	byKey    map[laneKey]*lane
	accounts map[string]*account
	turns    fifo[*account] // accounts with a lane that is ready, but for those that wait for an answer first
	resting  resting
	inFlight int
	notices  int
	number   uint64    // of the last notice
	passed   time.Time // when the stream last took a notice
}

func newLanes() *lanes {
	return &lanes{byKey: map[laneKey]*lane{}, accounts: map[string]*account{}}
}

// add puts a notice at the end of its lane.
func (s *lanes) add(n notice) {
	s.number++
	n.number = s.number
	s.notices++
	s.account(n.Account).notices++
	l := s.byKey[laneKey{n.Call, n.Account, true}]
	if l == nil {
		key := laneKey{call: n.Call}
		if n.Call == "" {
			key.account = n.Account
		}
		if l = s.byKey[key]; l == nil {
			l = &lane{key: key}
			s.byKey[key] = l
		}
	}
	if l.waiting.push(n); len(l.waiting) == 1 {
		s.ready(l)
	}
}

func (s *lanes) account(name string) *account {
	a := s.accounts[name]
	if a == nil {
		a = &account{name: name}
		s.accounts[name] = a
	}
	return a
}

// ready lets a lane send when it is its turn: the account's, and among the account's lanes.
func (s *lanes) ready(l *lane) {
	l.account = s.accounts[l.waiting[0].Account]
	l.account.ready.push(l)
	s.turn(l.account)
}

func (s *lanes) turn(a *account) {
	if !a.turn && len(a.ready) > 0 {
		a.turn = true
		s.turns.push(a)
	}
}

// take gives the lane whose first notice is to be sent now; nil when none may be. Accounts take turns, and none has more
// notices in flight than the window has room left: who gets no answers leaves room for the others.
func (s *lanes) take(window int) *lane {
	room := window - s.inFlight
	for room > 0 && len(s.turns) > 0 {
		a := s.turns.pop()
		a.turn = false
		if a.inFlight >= room {
			continue // its next turn comes with its next answer
		}
		l := a.ready.pop()
		a.inFlight++
		s.inFlight++
		s.turn(a)
		return l
	}
	return nil
}

// landed notes that a lane's notice is no longer in flight.
func (s *lanes) landed(l *lane) {
	s.inFlight--
	l.account.inFlight--
	s.turn(l.account)
}

// done drops a lane's first notice: the stream has it, or never will.
func (s *lanes) done(l *lane) {
	s.landed(l)
	s.notices--
	if l.account.notices--; l.account.notices == 0 {
		delete(s.accounts, l.account.name)
	}
	if l.next(); len(l.waiting) > 0 {
		s.ready(l)
		return
	}
	if delete(s.byKey, l.key); s.notices == 0 { // what a burst took is given back
		*s = lanes{byKey: map[laneKey]*lane{}, accounts: map[string]*account{}, number: s.number, passed: s.passed}
	}
}

// pass notes that the stream has taken a lane's first notice.
func (s *lanes) pass(l *lane, now time.Time) {
	s.passed = now
	l.account.refused, l.account.warned = false, false
}

// alone says whether a failure is the lane's own: others' notices pass.
func (s *lanes) alone(l *lane) bool {
	others := s.passed.After(l.began)
	if others && l.tries > 1 {
		l.account.refused = true
	}
	return others || l.account.refused
}

// again has a lane's first notice sent again when its turn comes.
func (s *lanes) again(l *lane) {
	s.landed(l)
	s.ready(l)
}

// rest has a lane back off by itself. It leaves its call's other accounts behind.
func (s *lanes) rest(l *lane, now time.Time) {
	s.landed(l)
	if !l.key.apart {
		s.setApart(l)
	}
	l.until = now.Add(l.backOff())
	heap.Push(&s.resting, l)
}

// setApart makes a call's lane that of the account of its first notice alone. What is under other accounts goes on without
// it, in a lane as it was.
func (s *lanes) setApart(l *lane) {
	var mine, others fifo[notice]
	for _, n := range l.waiting {
		if n.Account == l.account.name {
			mine.push(n)
		} else {
			others.push(n)
		}
	}
	delete(s.byKey, l.key)
	if len(others) > 0 {
		rest := &lane{key: l.key, waiting: others}
		s.byKey[rest.key] = rest
		s.ready(rest)
	}
	l.key = laneKey{l.key.call, l.account.name, true}
	l.waiting = mine
	s.byKey[l.key] = l
}

// wake makes those ready that have rested.
func (s *lanes) wake(now time.Time) {
	for len(s.resting) > 0 && !s.resting[0].until.After(now) {
		s.ready(heap.Pop(&s.resting).(*lane))
	}
}

// wakeAll makes all ready that rest, as if they had not failed.
func (s *lanes) wakeAll() {
	for _, l := range s.resting {
		l.pause = 0
		s.ready(l)
	}
	s.resting = nil
}

// all are the notices in the order in which they came.
func (s *lanes) all() []notice {
	all := make([]notice, 0, s.notices)
	for _, l := range s.byKey {
		all = append(all, l.waiting...)
	}
	slices.SortFunc(all, func(a, b notice) int { return cmp.Compare(a.number, b.number) })
	return all
}
