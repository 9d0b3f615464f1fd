package actions

import (
	"errors"
	"slices"
	"time"

	"metaflows/flows/calls"
)

// beside is that by which a call is recorded, without a change to its own bridge (ari/ASTERISK.md, Recording beside the call): a
// bridge that is recorded, and in it an ear of each leg. The recordings of a call share it; the last that ends takes it away.
type beside struct {
	bridge   string
	ears     *calls.Attendance
	users    int
	made     bool        // the bridge, or it is known why not
	err      error       // why not
	over     bool        // it is taken away
	inside   []*ear      // that are in the bridge
	renewing *calls.Stay // whose ear is being renewed
}

// besideOf is what a call's recordings have, nil where there is none.
func besideOf(call *calls.Call) *beside {
	for _, k := range recordingsOn(call) {
		if b := recordingIn(k).beside; b != nil {
			return b
		}
	}
	return nil
}

// listen begins to make what a recording records, unless another has it; listens waits for it. It ends by deafen. An error is only
// the call's end, or the process's.
func (s *Set) listen(t *calls.Task, rec *recording) error {
	b := besideOf(t.Call)
	for b != nil && b.users == 0 { // it is being taken away
		if err := t.Until(0, func() bool { return b.over }); err != nil {
			return err
		}
		b = besideOf(t.Call)
	}
	if b == nil {
		b = s.newBeside(t)
	}
	b.users++
	rec.beside = b
	return nil
}

// listens waits until every party that is there is heard, and returns why one is not.
func (b *beside) listens(t *calls.Task) error {
	if err := t.Until(0, func() bool { return b.made }); err != nil {
		return err
	}
	if b.err != nil {
		return b.err
	}
	return b.ears.Settled(t)
}

// newBeside begins to make one.
func (s *Set) newBeside(t *calls.Task) *beside {
	b := &beside{bridge: t.Call.Beside()}
	t.Call.Register(b.bridge)
	if b.made = t.Call.Heard(b.bridge); !b.made { // one with ears in it is a process's before this one
		t.Go("bridge beside", func(t *calls.Task) error {
			b.err = s.bridgeBeside(t, b.bridge)
			b.made = true
			return b.err
		})
	}
	b.ears = t.Call.Attend("ear", func(t *calls.Task, stay *calls.Stay) error { return s.beEar(t, b, stay) })
	return b
}

// bridgeBeside makes the bridge. One that is there already is a process's before this one, or, for a moment, the one that was just
// taken away: Asterisk still knows its id, and nobody can be put into it.
func (s *Set) bridgeBeside(t *calls.Task, bridge string) error {
	err := s.createBridge(t, bridge)
	for tries := 0; errors.Is(err, calls.ErrConflict) && tries < bridgeTries; tries++ {
		if err := t.Sleep(bridgePause); err != nil {
			return err
		}
		err = s.createBridge(t, bridge)
	}
	if errors.Is(err, calls.ErrConflict) {
		return nil
	}
	return err
}

// How often the bridge is tried to be made again, and what is waited before.
const (
	bridgeTries = 10
	bridgePause = 20 * time.Millisecond
)

// deafen ends listen: what no recording needs any more is taken away. When the call has ended that is not waited for.
func (s *Set) deafen(t *calls.Task, rec *recording) {
	b := rec.beside
	if b == nil {
		return
	}
	if b.users--; b.users > 0 {
		return
	}
	_ = b.ears.End(t) // the call's end ends them, too
	remove := func() error { return s.pbx.DeleteBridge(b.bridge) }
	if t.Ending() != nil {
		t.Beside(t.Call.Lane(b.bridge), remove)
		return
	}
	_ = s.insist(t, func() error { return t.Do(t.Call.Lane(b.bridge), remove) }, "removing the bridge of a recording")
	if t.Ending() == nil {
		t.Call.Forget(b.bridge)
	}
	b.over = true
}

// What an ear that could not be made waits before it is tried again.
const (
	earPause    = 100 * time.Millisecond
	longEarWait = 10 * time.Second
)

// beEar lets a leg be heard for as long as it is there.
func (s *Set) beEar(t *calls.Task, b *beside, stay *calls.Stay) error {
	for pause := earPause; !stay.Over(); {
		err := s.hear(t, b, stay)
		if errors.Is(err, errStale) {
			pause = earPause
			continue
		}
		b.renewed(stay)
		if t.Ending() != nil {
			return err
		}
		if gone(err) { // it is, and that is told in a moment
			if err := t.Until(time.Second, stay.Over); !errors.Is(err, calls.ErrTimeout) {
				return err
			}
		}
		if stay.Over() {
			return nil
		}
		stay.Failed(err)
		if err := t.Until(pause, stay.Over); !errors.Is(err, calls.ErrTimeout) {
			return err
		}
		pause = min(2*pause, longEarWait)
		t.Call.Log.Error("a party is not heard in the recording of its call: it is tried again", "leg", stay.Leg.Label(), "error", err,
			"do", "see what Asterisk's own log says at this time")
	}
	b.renewed(stay)
	return nil
}

// Why an ear has ended, and another is to be made.
var (
	errDeaf  = errors.New("the channel that heard it has ended") // by somebody else
	errStale = errors.New("it may not hear what comes now")
)

// hear is one ear, from its making to its end. An ear that a process before this one has left is taken up.
func (s *Set) hear(t *calls.Task, b *beside, stay *calls.Stay) error {
	found, again := stay.Ear()
	e := &ear{id: found.ID, stay: stay}
	if !again {
		e.id = t.Call.Name(calls.ArgEar)
	}
	defer t.Call.Forget(e.id)
	lane := t.Call.Lane(e.id)
	e.ended = t.Expect(func(ev calls.Event) bool { return ev == calls.Event(calls.Left{Channel: e.id}) })
	e.watch(t)
	defer func() { s.endEar(t, b, e) }()
	if !again {
		entered, id, channel, call := t.Expect(startedAs(e.id)), e.id, stay.Channel, t.Call.ID
		if err := t.Do(lane, func() error { return s.pbx.Overhear(channel, id, call, channel) }); err != nil {
			return err
		}
		if err := t.Until(enterWait, func() bool { return entered() || e.ended() }); err != nil {
			return err
		}
	}
	if err := t.Until(0, func() bool { return b.made }); err != nil || b.err != nil {
		return errors.Join(err, b.err)
	}
	if found.Bridge != b.bridge { // to add who is there takes it out for a moment, and a recording that hears nobody ends
		if err := t.Step(lane, s.hiding(e.id), calls.Then(lane, s.adding(b.bridge, e.id))); err != nil {
			return err
		}
	}
	b.inside = append(b.inside, e)
	b.renewed(stay)
	stay.Ready()
	return b.keep(t, e)
}

// ear is one of them.
type ear struct {
	id      string
	stay    *calls.Stay
	ended   func() bool
	changes int  // of what its leg sends
	over    bool // it is not needed any more
}

// hiding is the request that keeps an ear out of the call records, where each would have a row.
func (s *Set) hiding(ear string) calls.Sending {
	return func(turn *calls.Turn) error {
		return s.pbx.In(turn).SetVariables(ear, map[string]string{"CDR_PROP(disable)": "1"})
	}
}

func (s *Set) adding(bridge, channel string) calls.Sending {
	return func(turn *calls.Turn) error { return s.pbx.In(turn).AddToBridge(bridge, channel, false) }
}

// earTime is more than an ear takes to end with whom it hears. One that has gone on in the dialplan would be heard there.
const earTime = 100 * time.Millisecond

// endEar ends an ear, unless it has ended with its leg. When the call has ended that is not waited for.
func (s *Set) endEar(t *calls.Task, b *beside, e *ear) {
	e.over = true
	renews := b.renewing == e.stay
	if !renews { // one of two that leaves while the other is renewed would end the recording
		_ = t.Until(renewTime, func() bool { return b.renewing == nil || e.ended() })
	}
	b.inside = slices.DeleteFunc(b.inside, func(other *ear) bool { return other == e })
	if e.stay.Leg.Gone && e.stay.Leg.ID == e.stay.Channel {
		_ = t.Until(earTime, e.ended)
	}
	if e.ended() {
		return
	}
	id := e.id
	end := func() error { return s.pbx.Hangup(id, causeNormal) }
	if t.Ending() != nil {
		t.Beside(t.Call.Lane(id), end)
		return
	}
	_ = s.insist(t, func() error { return t.Do(t.Call.Lane(id), end) }, "ending the channel that hears a party")
	if renews {
		s.awaitDetached(t, e)
	}
}
