package main

import (
	"context"
	"fmt"
	"time"

	"metaflows/docker/phone"
)

// scene is one call of a run.
type scene struct {
	plan
	parties [roles]*party
	began   time.Time
	ended   chan struct{} // closed when everything was pressed

	// What follows is the scene's own until it has ended.
	err    error
	call   *phone.Call
	peer   *party // who has answered, once they have talked
	codes  []string
	mover  *party // who has pressed a transfer to its end
	hungUp bool   // somebody has pressed the code to hang up to its end
}

func newScene(p plan, parties [roles]*party) *scene {
	s := &scene{plan: p, parties: parties, ended: make(chan struct{})}
	for r, b := range [roles]phone.Behaviour{caller: phone.Answer(), callee: p.callee.behaviour(), second: p.second.behaviour(), target: p.target.behaviour()} {
		parties[r].reset(b)
	}
	return s
}

// extension is what the caller calls.
func (s *scene) extension() string {
	to := s.parties[callee].Name()
	switch {
	case s.several:
		return "m" + to + s.parties[second].Name()
	case s.goes:
		return "g" + to
	}
	return to
}

// play calls and presses. No press begins once killed is closed, but one that has begun goes on: people do not know.
// pressing is told when a press begins.
func (s *scene) play(ctx context.Context, killed <-chan struct{}, pressing chan<- struct{}) {
	defer close(s.ended)
	s.began = time.Now()
	if s.call, s.err = s.parties[caller].Dial(ctx, s.extension()); s.err != nil {
		return
	}
	s.parties[caller].note(s.call)
	if !s.connected(ctx, killed) {
		return
	}
	for _, step := range s.steps {
		select {
		case <-time.After(step.wait):
		case <-killed:
			return
		case <-ctx.Done():
			return
		}
		who := s.peer
		if step.caller {
			who = s.parties[caller]
		}
		select {
		case pressing <- struct{}{}:
		default:
		}
		if !s.press(ctx, who, step) {
			return
		}
	}
}

// connected returns when the caller and somebody hear each other. It gives up when that is not to be, or some time after
// the kill: who talks later is found out by the judge.
func (s *scene) connected(ctx context.Context, killed <-chan struct{}) bool {
	for late := (<-chan time.Time)(nil); ; {
		for _, r := range []role{callee, second} {
			if p := s.parties[r]; talk(s.parties[caller], p) {
				s.peer = p
				return true
			}
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-killed:
			killed, late = nil, time.After(300*time.Millisecond)
		case <-late:
			return false
		case <-s.call.Ended():
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// press is one step; false when the presser's call is over.
func (s *scene) press(ctx context.Context, who *party, step step) bool {
	all := who.all()
	if len(all) == 0 {
		return false
	}
	keys := step.keys(s.parties[target].Name())
	if _, err := all[0].Press(ctx, keys, step.how); err != nil {
		return false
	}
	s.codes = append(s.codes, step.what)
	switch step.what {
	case "transfer":
		s.mover = who
	case "hangup":
		s.hungUp = true
	}
	return true
}

// recordings is how many the codes can have begun: each second one ends what the one before it began.
func (s *scene) recordings() int {
	n := 0
	for _, what := range s.codes {
		if what == "record" {
			n++
		}
	}
	return (n + 1) / 2
}

// String tells the scene to people.
func (s *scene) String() string {
	return fmt.Sprintf("%s calls %s: %s; pressed: %v", s.parties[caller].Name(), s.extension(), s.plan, s.codes)
}
