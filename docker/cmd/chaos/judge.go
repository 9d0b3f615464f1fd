package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// category is a kind of what must not happen.
type category int

const (
	dropped    category = iota // talking and cut off, or neither through nor refused
	leftOver                   // legs, bridges and subscriptions that nobody needs
	unrecorded                 // recordings without their one event
	twice                      // what was done twice
	deaf                       // digits that do not reach the other party any more
	categories
)

func (c category) String() string {
	return [...]string{"calls dropped", "legs and bridges left", "recordings without an event", "actions twice", "digits not heard after the restart"}[c]
}

// problem is one thing that must not happen.
type problem struct {
	category
	text string
}

// What a judgement waits for at most.
const (
	guardTime  = 10 * time.Second // the application's own for who is not answered
	settleTime = 4 * time.Second  // what is to happen at once
	steadyTime = 400 * time.Millisecond
)

// judge looks what has become of a call once metaflows is back and everything was pressed.
func (s *scene) judge(ctx context.Context) []problem {
	if s.err != nil {
		return []problem{{dropped, s.err.Error()}}
	}
	switch a := s.parties[caller]; {
	case s.peer == nil:
		return s.judgeSetup(ctx)
	case s.hungUp:
		return s.until(ctx, settleTime, "the code to hang up was pressed: both must have gone, or talk on", func() bool {
			peerGone, callerGone := !s.peer.busy(), !a.busy() || a.hearsTone(afterTone)
			return peerGone && callerGone || talk(a, s.peer)
		})
	case s.mover != nil:
		return s.judgeTransfer(ctx)
	}
	found := s.until(ctx, settleTime, "they talked, nobody hung up, and they must talk on", func() bool { return talk(s.parties[caller], s.peer) })
	if found == nil {
		found = s.listen(ctx)
	}
	return found
}

// judgeSetup is for a call whose parties did not talk: it gets through, or the caller is told, or goes on in the dialplan.
func (s *scene) judgeSetup(ctx context.Context) []problem {
	a := s.parties[caller]
	limit := time.Until(s.began.Add(dialTime + guardTime + settleTime))
	found := s.until(ctx, limit, "set-up: the caller must get through, or an end, or go on in the dialplan", func() bool {
		return !a.busy() || a.hearsTone(afterTone) || talk(a, s.parties[callee]) || talk(a, s.parties[second])
	})
	if found != nil || talk(a, s.parties[callee]) || talk(a, s.parties[second]) {
		return found
	}
	found = s.until(ctx, settleTime, "set-up: the caller has gone, nobody may ring or wait", func() bool {
		return !s.parties[callee].busy() && !s.parties[second].busy()
	})
	for i := range found {
		found[i].category = leftOver
	}
	return found
}

// judgeTransfer: whoever pressed it, the other party must talk to the target or to the presser in the end.
func (s *scene) judgeTransfer(ctx context.Context) []problem {
	moved := s.parties[caller]
	if s.mover == moved {
		moved = s.peer
	}
	limit := transferTime + transferTime + guardTime
	return s.until(ctx, limit, "a transfer was pressed: "+moved.Name()+" must talk to its target or again to the presser", func() bool {
		return talk(moved, s.parties[target]) || talk(moved, s.mover)
	})
}

// hearsTone says whether a caller hears a tone of the dialplan.
func (p *party) hearsTone(tone float64) bool {
	for _, c := range p.all() {
		if c.Hears(tone) {
			return true
		}
	}
	return false
}

// until waits until something is so, and for some time on.
func (s *scene) until(ctx context.Context, limit time.Duration, what string, so func() bool) []problem {
	ctx, cancel := context.WithTimeout(ctx, max(limit, settleTime))
	defer cancel()
	since := time.Time{}
	for {
		switch now := time.Now(); {
		case !so():
			since = time.Time{}
		case since.IsZero():
			since = now
		case now.Sub(since) >= steadyTime:
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return []problem{{dropped, what + ", but " + s.states()}}
		}
	}
}

// listen presses a digit that the other party must hear: the call has its keys again.
func (s *scene) listen(ctx context.Context) []problem {
	a, b := s.parties[caller].all()[0], s.peer.all()[0]
	for range 3 {
		b.ForgetDigits()
		if _, err := a.Press(ctx, "4"); err != nil {
			return []problem{{dropped, err.Error()}}
		}
		for began := time.Now(); time.Since(began) < 1500*time.Millisecond; {
			if strings.HasSuffix(b.Digits(), "4") {
				return nil
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return nil
			}
		}
	}
	return []problem{{deaf, fmt.Sprintf("%s does not hear what %s presses", b.Phone().Name(), a.Phone().Name())}}
}

func (s *scene) states() string {
	words := make([]string, 0, roles)
	for _, p := range s.parties {
		if len(p.all()) > 0 {
			words = append(words, p.state())
		}
	}
	return strings.Join(words, ", ")
}

// rungTooOften finds phones that were rung more often than without a kill.
func (s *scene) rungTooOften() (found []problem) {
	most := [roles]int{callee: 1}
	if s.several {
		most[second] = 1
	}
	if s.mover != nil {
		most[target] = 1
	}
	for r, p := range s.parties {
		if p == s.mover {
			most[r]++ // rung back
		}
		if rung := p.rings(); rung > most[r] {
			found = append(found, problem{twice, fmt.Sprintf("%s was rung %d times, %d are enough", p.Name(), rung, most[r])})
		}
	}
	return found
}
