package live

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"metaflows/app/broker"
)

// index is the entries of all calls in memory. Nothing in it is changed once it is there.
type index struct {
	mu        sync.RWMutex
	entries   map[string]*listed         // by their keys in the bucket
	byAccount map[string]*accountEntries // by account
}

// accountEntries is what there is of one account.
type accountEntries struct {
	entries  map[string]*listed
	channels map[string]*listed // the entry that has the channel, also that of a leg that has left
}

// listed is an entry and when it ends unless it is refreshed.
type listed struct {
	*Entry
	ends time.Time // zero: the call is this process's
}

func (p *listed) own() bool { return p.ends.IsZero() }

func (p *listed) over(now time.Time) bool { return !p.own() && p.ends.Before(now) }

// each visits the legs, those that are on the call last.
func (p *listed) each(visit func(channel string)) {
	for _, legs := range [][]Leg{p.Past, p.Legs} {
		for i := range legs {
			visit(legs[i].UUID)
		}
	}
}

func newIndex() *index {
	return &index{entries: map[string]*listed{}, byAccount: map[string]*accountEntries{}}
}

// put takes an entry in, in place of an older one. What another instance says of a call of this process is not taken.
func (x *index) put(key string, e *Entry, ends time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &listed{e, ends}
	if was := x.entries[key]; was != nil && was.own() && !p.own() {
		return
	}
	x.remove(key)
	b := x.byAccount[e.Account]
	if b == nil {
		b = &accountEntries{entries: map[string]*listed{}, channels: map[string]*listed{}}
		x.byAccount[e.Account] = b
	}
	x.entries[key], b.entries[key] = p, p
	p.each(func(channel string) { b.channels[channel] = p })
}

// drop takes a call of this process out, or with foreign one of another.
func (x *index) drop(key string, foreign bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p := x.entries[key]; p != nil && p.own() != foreign {
		x.remove(key)
	}
}

// leave makes a call of this process one of another, who may refresh it.
func (x *index) leave(key string, ends time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p := x.entries[key]; p != nil && p.own() {
		p.ends = ends
	}
}

// remove takes an entry out; who calls it holds the lock.
func (x *index) remove(key string) {
	p := x.entries[key]
	if p == nil {
		return
	}
	b := x.byAccount[p.Account]
	delete(x.entries, key)
	delete(b.entries, key)
	p.each(func(channel string) {
		if b.channels[channel] == p {
			delete(b.channels, channel)
		}
	})
	if len(b.entries) == 0 {
		delete(x.byAccount, p.Account)
	}
}

// expire drops what nobody has refreshed in time.
func (x *index) expire(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for key, p := range x.entries {
		if p.over(now) {
			x.remove(key)
		}
	}
}

// missed are foreign entries that were not in the bucket: their calls have ended, or where the bucket is a new one, their
// holders may not have written them yet.
func (x *index) missed(keys map[string]bool, newBucket bool, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for key := range keys {
		switch p := x.entries[key]; {
		case p == nil || p.own():
		case !newBucket:
			x.remove(key)
		case p.ends.After(now.Add(broker.FollowTime)):
			p.ends = now.Add(broker.FollowTime)
		}
	}
}

// foreign are the keys of other instances' calls.
func (x *index) foreign() map[string]bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	keys := map[string]bool{}
	for key, p := range x.entries {
		if !p.own() {
			keys[key] = true
		}
	}
	return keys
}

// find is the call of a channel, nil if there is none, and the leg; there says whether that is on the call now.
func (x *index) find(account, channel string, now time.Time) (e *Entry, leg *Leg, there bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	b := x.byAccount[account]
	if b == nil {
		return nil, nil, false
	}
	p := b.channels[channel]
	if p == nil || p.over(now) {
		return nil, nil, false
	}
	named := func(leg Leg) bool { return leg.UUID == channel }
	if i := slices.IndexFunc(p.Legs, named); i >= 0 {
		return p.Entry, &p.Legs[i], true
	}
	return p.Entry, &p.Past[slices.IndexFunc(p.Past, named)], false
}

// accounts are those that have calls, sorted.
func (x *index) accounts() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Sorted(maps.Keys(x.byAccount))
}

// list is the channels of an account that are wanted, the oldest first.
func (x *index) list(account string, now time.Time, wanted func(*Entry, *Leg) bool) []Channel {
	type found struct {
		leg *Leg
		e   *Entry
	}
	var all []found
	x.mu.RLock()
	if b := x.byAccount[account]; b != nil {
		all = make([]found, 0, 2*len(b.entries))
		for _, p := range b.entries {
			for i := range p.Legs {
				if leg := &p.Legs[i]; !p.over(now) && wanted(p.Entry, leg) {
					all = append(all, found{leg, p.Entry})
				}
			}
		}
	}
	x.mu.RUnlock()
	slices.SortFunc(all, func(a, b found) int {
		if a.leg.Timestamp != b.leg.Timestamp {
			return cmp.Compare(a.leg.Timestamp, b.leg.Timestamp)
		}
		return cmp.Compare(a.leg.UUID, b.leg.UUID)
	})
	channels := make([]Channel, len(all))
	for i, f := range all {
		channels[i] = f.e.channel(f.leg)
	}
	return channels
}
