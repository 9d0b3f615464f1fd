package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"metaflows/docker/phone"
	"metaflows/docker/rig"
)

// held are calls that stay up, and the phones that they are between. The phones send silence: it is as much as sound, and
// costs them less.
type held struct {
	phones []*phone.Phone
	calls  []parties
}

// hold makes calls, half of them by alice to bob, half by carol to dave. What is dialled is the callee's name with something
// before it. What was made when it fails is in what is returned, too.
func hold(ctx context.Context, r *rig.Rig, before string, n int) (h *held, err error) {
	h = &held{}
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		p, err := r.Phone(ctx, name, 0)
		if err != nil {
			return h, err
		}
		h.phones = append(h.phones, p)
	}
	for i := range n {
		pair := h.phones[:2]
		if i%2 == 1 {
			pair = h.phones[2:]
		}
		p, err := call(ctx, pair[0], before+pair[1].Name(), pair[1])
		if err != nil {
			return h, fmt.Errorf("call %d: %w", i+1, err)
		}
		h.calls = append(h.calls, p)
	}
	return h, nil
}

// call makes a call and returns both sides of it.
func call(ctx context.Context, from *phone.Phone, number string, to *phone.Phone) (p parties, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if p.caller, err = from.Call(ctx, number); err != nil {
		return p, err
	}
	p.callee, err = to.Incoming(ctx)
	return p, err
}

// close lets the phones go, and their calls with them.
func (h *held) close() {
	if h == nil {
		return
	}
	var all sync.WaitGroup
	for _, p := range h.phones {
		all.Go(func() { _ = p.Close() })
	}
	all.Wait()
}

// pressEach lets each caller press the same keys again and again, with a pause after them, until the time is over. It
// returns how often they were pressed by all.
func (h *held) pressEach(ctx context.Context, keys string, how phone.Press, pause, lasts time.Duration) (times int, err error) {
	limit, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, each := range h.calls {
		all.Go(func() {
			wait := pause * time.Duration(i) / time.Duration(len(h.calls)) // not all at once
			for {
				select {
				case <-limit.Done():
					return
				case <-time.After(wait):
				}
				_, failed := each.caller.Press(ctx, keys, how)
				mu.Lock()
				if times++; failed != nil {
					err = failed
				}
				mu.Unlock()
				if failed != nil {
					return
				}
				wait = pause
			}
		})
	}
	all.Wait()
	return times, err
}

// lasting waits, unless the context ends before.
func lasting(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
