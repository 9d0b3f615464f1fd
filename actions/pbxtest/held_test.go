package pbxtest

import (
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows/calls"
)

// TestHeld: a request that a call or one of its tasks waits for is seen, one that is asked for by Task.Do is none, nor one that
// the call's end waits for.
func TestHeld(t *testing.T) {
	for name, tt := range map[string]struct {
		enter func(*PBX, *calls.Task)
		want  []string
	}{
		"by the first task":   {func(p *PBX, _ *calls.Task) { _ = p.Answer("alice1") }, []string{"Answer"}},
		"by Task.Do":          {func(p *PBX, t *calls.Task) { _ = ask(p, t) }, nil},
		"by a task beside it": {func(p *PBX, t *calls.Task) { beside(t, func(*calls.Task) error { return p.Ring("alice1") }) }, []string{"Ring"}},
		"by a condition":      {func(p *PBX, t *calls.Task) { _ = t.Until(0, func() bool { return p.Progress("alice1") == nil }) }, []string{"Progress"}},
		"by what is deferred": {func(p *PBX, t *calls.Task) {
			beside(t, func(t *calls.Task) error {
				defer func() { _ = ask(p, t) }()
				return t.Await(func(calls.Event) bool { return false })
			})
			t.EndOthers()
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New()
				p.Listen(calls.New(calls.Config{
					Line: p, Log: slog.New(slog.DiscardHandler),
					Enter: func(task *calls.Task, _ calls.Started) error {
						tt.enter(p, task)
						return nil
					},
				}))
				p.Call("alice", "s", nil, "dial", "PJSIP/bob")
				time.Sleep(time.Second)
				p.HangUp("alice")
				time.Sleep(time.Second)
				p.Close()
				if got := p.heldBy(); !slices.Equal(got, tt.want) {
					t.Errorf("the call was held by %v, want %v", got, tt.want)
				}
			})
		})
	}
}

func ask(p *PBX, t *calls.Task) error {
	return t.Do(t.Call.Lane("alice1"), func() error { return p.Answer("alice1") })
}

// beside runs a task until it waits or has returned.
func beside(t *calls.Task, body func(*calls.Task) error) {
	begun := false
	t.Go("beside", func(t *calls.Task) error {
		begun = true
		return body(t)
	})
	_ = t.Until(0, func() bool { return begun })
}
