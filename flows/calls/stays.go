package calls

import "slices"

// Stay is a leg's time in the call's bridge, with one channel: from when it is put there until it leaves, whatever takes it away:
// it is taken out, its channel is gone or goes on in the dialplan, or another channel has its place.
type Stay struct {
	Leg     *Leg
	Channel string // the leg's for as long

	of    *Attendance
	task  *Task
	ready bool
	err   error
	over  bool
}

// Over says that the leg has left, or that nobody attends the call any more.
func (s *Stay) Over() bool {
	s.over = s.over || s.of.ended || s.Leg.Gone || s.Leg.ID != s.Channel || !s.Leg.bridged
	return s.over
}

// Ready says that what is to be done when the leg comes is done. After Failed it says that it could be done after all.
func (s *Stay) Ready() { s.ready, s.err = true, nil }

// Failed says why that could not be done, so far.
func (s *Stay) Failed(err error) { s.err = err }

// settled: it is known whether that was done, or nobody needs it any more.
func (s *Stay) settled() bool { return s.ready || s.err != nil || s.task.done || s.Over() }

// Attendance is what is done beside each leg that is in the call's bridge (Call.Attend).
type Attendance struct {
	call  *Call
	name  string
	run   func(*Task, *Stay) error
	stays []*Stay
	ended bool
}

// Attend lets run be with every leg that is in the call's bridge, and that comes there later, until End: a task for each Stay, which
// does what is to be done when the leg comes, says so by Stay.Ready, waits until the stay is over, and undoes it. Whichever way legs
// come and go, by a dial, a transfer, a pickup or a claim, they do it here: nobody who changes who is on the call has to think of
// who attends it. A leg that is to leave its bridge alive does so when that is undone (Task.Part).
func (c *Call) Attend(name string, run func(*Task, *Stay) error) *Attendance {
	a := &Attendance{call: c, name: name, run: run}
	c.attending = append(c.attending, a)
	a.look()
	return a
}

// Settled waits until all has been done for every leg that is there now, and returns why it could not be for one of them; or the
// call's end, or the process's.
func (a *Attendance) Settled(t *Task) error {
	if err := t.Until(0, func() bool { return !slices.ContainsFunc(a.stays, func(s *Stay) bool { return !s.settled() }) }); err != nil {
		return err
	}
	for _, s := range a.stays {
		if !s.Over() && s.err != nil {
			return s.err
		}
	}
	return nil
}

// End lets it end, and returns when everything is undone. An error is only the call's end, or the process's: the tasks end by
// that, too.
func (a *Attendance) End(t *Task) error {
	a.ended = true
	a.call.attending = slices.DeleteFunc(a.call.attending, func(other *Attendance) bool { return other == a })
	return t.Until(0, func() bool { return !slices.ContainsFunc(a.stays, func(s *Stay) bool { return !s.task.done }) })
}

// attend looks who has come and who has gone, and says whether somebody has come.
func (c *Call) attend() (came bool) {
	if c.over != nil {
		return false
	}
	if c.far {
		c.tellSources()
	}
	for _, a := range c.attending {
		came = a.look() || came
	}
	return came
}

func (a *Attendance) look() (came bool) {
	a.stays = slices.DeleteFunc(a.stays, func(s *Stay) bool { return s.Over() && s.task.done })
	for _, leg := range a.call.Legs {
		// After a pickup what is on the channel may be another's until that is known whose it is (Config.Replaced).
		if !leg.bridged || leg.Asked || slices.ContainsFunc(a.stays, func(s *Stay) bool { return s.Leg == leg && !s.Over() }) {
			continue
		}
		s := &Stay{Leg: leg, Channel: leg.ID, of: a}
		s.task = a.call.spawn(a.name, nil, nil, func(t *Task) error { return a.run(t, s) })
		a.stays = append(a.stays, s)
		came = true
	}
	return came
}

// attended says of a leg that has left its bridge that what was done beside it there is not undone yet.
func (c *Call) attended(leg *Leg) bool {
	return slices.ContainsFunc(c.attending, func(a *Attendance) bool {
		return slices.ContainsFunc(a.stays, func(s *Stay) bool { return s.Leg == leg && s.Channel == leg.ID && !s.task.done })
	})
}

// Ear is the ear that a process before this one has left beside the leg, for who takes it up; ok says that there is one.
func (s *Stay) Ear() (ear Found, ok bool) {
	c := s.of.call
	i := slices.IndexFunc(c.ears, func(f Found) bool { return f.Args[2] == s.Channel })
	if i < 0 {
		return ear, false
	}
	ear = c.ears[i]
	c.ears = slices.Delete(c.ears, i, i+1)
	return ear, true
}

// Heard says that ears which a process before this one has left, and nobody has taken up yet, are in a bridge.
func (c *Call) Heard(bridge string) bool {
	return slices.ContainsFunc(c.ears, func(f Found) bool { return f.Bridge == bridge })
}

// endEars ends those that nobody has taken up, and gives their bridge free where nothing is recorded.
func (c *Call) endEars() {
	for _, f := range c.ears {
		c.Forget(f.ID)
		c.calls.do(c.calls.cfg.Stray, f.ID)
	}
	if c.ears = nil; len(c.attending) == 0 {
		c.Forget(c.Beside())
	}
}
