package live

import (
	"crypto/rand"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/app/broker"
	"metaflows/app/schema"
	"metaflows/flows/calls"
)

// Bucket is the name of the KV bucket.
const Bucket = "metaflows_calls"

// CommandSubjects is what instances subscribe to, each to those of its own calls.
const CommandSubjects = "metaflows.v1.command.>"

// Times of the registry.
const (
	Lifetime = 60 * time.Second // of an entry that nobody refreshes
	refresh  = 20 * time.Second
	coalesce = 20 * time.Millisecond // changes that come so soon after each other are published once
)

// Config is what a Live needs.
type Config struct {
	Conn    *nats.Conn
	Node    string // the Asterisk node's name
	Schemas *schema.Schemas
	// Execute hands a command to the call of this process that has its channel; see calls.Registry.Execute.
	Execute func(cmd calls.Command, told func(calls.Report)) bool
	Log     *slog.Logger
}

// Live is the live calls of all instances. Its methods may be called by any goroutine.
type Live struct {
	cfg      Config
	instance string // this process, in entries
	index    *index

	mu        sync.Mutex // guards what follows
	held      map[string]*holding
	urgent    []task   // changes that are to be published, by their time
	refreshes []task   // entries that are to be refreshed, by their time
	unsent    []string // keys of calls that have ended and were not told of
	problem   error
	settled   bool      // what there is in Asterisk has been taken up
	away      bool      // another process has it
	loaded    bool      // what the bucket had has come, once at least
	watched   time.Time // when the bucket was made that has been loaded; of the watch alone

	addressed map[string]address // by the subjects that are subscribed to

	wake     chan struct{}  // one slot: there is something urgent
	commands chan *nats.Msg // of all subscriptions
	slots    *slots         // of commands that are being answered
}

// holding is a call that this process handles.
type holding struct {
	view      calls.View
	over      bool
	left      bool // it is another process's
	pending   bool // among the urgent ones
	published int  // how often it was published: an older task is stale
	subs      map[string]*nats.Subscription
}

// task is something that the keeper does for a call at a time.
type task struct {
	at        time.Time
	call      string
	published int
}

// New makes a Live; Run starts it. Changed, Over and Settled may be called before.
func New(cfg Config) *Live {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Live{
		cfg: cfg, instance: rand.Text(), index: newIndex(), held: map[string]*holding{}, problem: errNotYet,
		addressed: map[string]address{},
		wake:      make(chan struct{}, 1), commands: make(chan *nats.Msg, 1024), slots: newSlots(),
	}
}

// Changed takes how a call of this process stands. It is a calls.Config's Changed and does not block.
func (l *Live) Changed(v calls.View) {
	l.mu.Lock()
	h := l.held[v.ID]
	if h == nil {
		h = &holding{subs: map[string]*nats.Subscription{}}
		l.held[v.ID] = h
	}
	was := h.view
	h.view, h.left = v, false
	for _, account := range v.Accounts {
		if account != "" {
			l.index.put(key(account, v.ID), l.entry(v, account), time.Time{})
		}
	}
	for _, account := range gone(was.Accounts, v.Accounts) {
		l.index.drop(key(account, v.ID), false)
	}
	l.hurry(h, v.ID)
	l.mu.Unlock()
	l.signal()
}

// Over takes that a call of this process has ended. It is a calls.Config's Over and does not block.
func (l *Live) Over(call string) {
	l.mu.Lock()
	if h := l.held[call]; h != nil {
		h.over = true
		for _, account := range h.view.Accounts {
			l.index.drop(key(account, call), false)
		}
		l.hurry(h, call)
	}
	l.mu.Unlock()
	l.signal()
}

// Leave gives the calls of this process away: another one has them now, and tells of them if it tells the same NATS. They
// are listed as long as any other instance's that is away, and commands for them are Unavailable. It does not block.
func (l *Live) Leave() {
	l.mu.Lock()
	l.settled, l.away = false, true
	for call, h := range l.held {
		h.left = true
		for _, account := range h.view.Accounts {
			l.index.leave(key(account, call), time.Now().Add(Lifetime))
		}
		l.hurry(h, call)
	}
	l.mu.Unlock()
	l.signal()
}

// Settled says that what there was in Asterisk has been taken up: a channel that nobody knows is none. Before that it may
// be one that this process does not know yet.
func (l *Live) Settled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settled, l.away = true, false
}

func (l *Live) hasLoaded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded = true
}

// hurry lets the keeper publish a call soon. The caller holds the lock.
func (l *Live) hurry(h *holding, call string) {
	if !h.pending {
		h.pending = true
		l.urgent = append(l.urgent, task{at: time.Now().Add(coalesce), call: call})
	}
}

func (l *Live) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Err says why other instances do not learn of this one's calls, or this one of theirs; nil when they do.
func (l *Live) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.problem
}

// subject is where the holder of a call takes commands for an account.
func subject(account, call string) string {
	return "metaflows.v1.command." + broker.Token(account) + "." + broker.Token(call)
}

// key is the entry's in the bucket.
func key(account, call string) string { return broker.Token(account) + "." + broker.Token(call) }

// gone are those of was that now has not.
func gone(was, now []string) []string {
	return slices.DeleteFunc(slices.Clone(was), func(a string) bool { return slices.Contains(now, a) })
}
