package live

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/flows/calls"
)

// address is what a subject of commands is for.
type address struct{ account, call string }

// keep tells the bucket of this process's calls, until ctx ends.
func (l *Live) keep(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
		timer.Reset(l.work())
	}
}

// work does what is due, and returns when there is more.
func (l *Live) work() time.Duration {
	for {
		h, view, over, wait := l.next(time.Now())
		if h == nil {
			return wait
		}
		l.publish(h, view, over)
	}
}

// next takes the next call that is due; nil when none is for a while.
func (l *Live) next(now time.Time) (h *holding, view calls.View, over bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		var due task
		switch {
		case len(l.urgent) > 0 && !l.urgent[0].at.After(now):
			due, l.urgent = l.urgent[0], l.urgent[1:]
			if h = l.held[due.call]; h == nil {
				continue
			}
			h.pending = false
		case len(l.refreshes) > 0 && !l.refreshes[0].at.After(now):
			due, l.refreshes = l.refreshes[0], l.refreshes[1:]
			if h = l.held[due.call]; h == nil || h.published != due.published {
				continue
			}
		default:
			wait = refresh
			for _, list := range [][]task{l.urgent, l.refreshes} {
				if len(list) > 0 {
					wait = min(wait, list[0].at.Sub(now))
				}
			}
			return nil, view, false, max(wait, time.Millisecond)
		}
		if over = h.over || h.left; over {
			delete(l.held, due.call)
		} else {
			h.published++
			l.refreshes = append(l.refreshes, task{at: now.Add(refresh), call: due.call, published: h.published})
		}
		return h, h.view, over, 0
	}
}

// publish tells of one call: commands for it come here from now on, or not any more. What cannot be sent now is sent when
// NATS is back (renew).
func (l *Live) publish(h *holding, v calls.View, over bool) {
	accounts := slices.DeleteFunc(slices.Clone(v.Accounts), func(a string) bool { return a == "" })
	if over {
		accounts = nil
	}
	for account, sub := range h.subs {
		if slices.Contains(accounts, account) {
			continue
		}
		l.address(sub.Subject, nil)
		_ = sub.Unsubscribe() // an error is that the connection is closed
		delete(h.subs, account)
		if !over || !h.left { // else it is another's entry
			l.send(key(account, v.ID), nil)
		}
	}
	for _, account := range accounts {
		if h.subs[account] == nil {
			to := subject(account, v.ID)
			l.address(to, &address{account, v.ID})
			sub, err := l.cfg.Conn.ChanSubscribe(to, l.commands)
			if err != nil {
				l.cfg.Log.Warn("commands for a call cannot be taken", "call", v.ID, "error", err)
				l.address(to, nil)
				continue
			}
			h.subs[account] = sub
		}
		l.send(key(account, v.ID), l.entry(v, account))
	}
}

// address notes what a subject is for, nil for nothing.
func (l *Live) address(subject string, a *address) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a == nil {
		delete(l.addressed, subject)
		return
	}
	l.addressed[subject] = *a
}

// send puts an entry into the bucket, or with nil deletes it, as any KV client does. Nobody waits for an answer: what is
// lost is sent again soon.
func (l *Live) send(key string, e *Entry) {
	msg := nats.NewMsg("$KV." + Bucket + "." + key)
	if e == nil {
		msg.Header.Set("KV-Operation", "DEL")
	} else {
		var err error
		if msg.Data, err = json.Marshal(e); err != nil {
			l.cfg.Log.Error("a call cannot be told of", "call", e.Call, "error", err, "do", "report it, with the lines around it")
			return
		}
	}
	err := l.cfg.Conn.PublishMsg(msg)
	switch {
	case err == nil:
		return
	case l.cfg.Conn.IsConnected():
		l.cfg.Log.Warn("a call cannot be told of", "key", key, "error", err)
	}
	if e == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.unsent = append(l.unsent, key)
	}
}

// renew tells of all calls again: the bucket may not have what was sent.
func (l *Live) renew() {
	l.mu.Lock()
	for call, h := range l.held {
		l.hurry(h, call)
	}
	ended := l.unsent
	l.unsent = nil
	l.mu.Unlock()
	for _, key := range ended {
		l.send(key, nil)
	}
	l.signal()
}
