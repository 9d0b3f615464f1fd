package actions

import (
	"log/slog"
	"time"

	"metaflows/flows/calls"
)

// Config is what actions need.
type Config struct {
	PBX PBX
	Log *slog.Logger
	// RecordingMax is the longest recording.
	RecordingMax time.Duration
	// RecordingName is what recordings are called, RecordingCDR whether the recorded leg's call record says so.
	RecordingName RecordingName
	RecordingCDR  bool
}

// Set is the actions on one PBX.
type Set struct {
	pbx          PBX
	log          *slog.Logger
	recordingMax time.Duration
	names        RecordingName
	cdr          bool  // says what recordings are called
	warned       daily // extensions whose options have been warned of
}

// New makes the actions.
func New(cfg Config) *Set {
	return &Set{pbx: cfg.PBX, log: cfg.Log, recordingMax: cfg.RecordingMax, names: cfg.RecordingName, cdr: cfg.RecordingCDR}
}

// Modules are all that this version can run.
func (s *Set) Modules() calls.Modules {
	modules := calls.Modules{}
	for _, m := range []calls.Module{
		s.hangup(),
		s.mute(),
		s.none(),
		s.recordCall(),
		s.transfer(),
	} {
		modules[m.Name] = m
	}
	return modules
}

// later are Kazoo's modules that this version cannot run, and that something is known of all the same.
var later = []calls.Module{
	{Name: "break", Serves: []calls.ChannelAction{{Name: "break", Reply: "break initiated"}}},
	{Name: "callflow", Serves: []calls.ChannelAction{{
		Name: "callflow", Reply: "callflow initiated", Params: []calls.Param{{Name: "id"}, {Name: "captures"}, {Name: "collected"}},
	}}},
	{Name: "intercept", Serves: []calls.ChannelAction{{Name: "intercept", Reply: "intercept initiated", Params: []calls.Param{
		{Name: "target_type", Missing: "No target type specified"}, {Name: "target_id", Missing: "No target id specified"}, {Name: "unbridged_only"},
	}}}},
	{Name: "move", Serves: []calls.ChannelAction{{Name: "move", Reply: "move initiated", Params: []calls.Param{
		{Name: "auto_answer"}, {Name: "can_call_self"}, {Name: "device_id"}, {Name: "dial_strategy"}, {Name: "owner_id"}, {Name: "timeout"},
	}}}},
	{Name: "pivot", URL: "voice_url"},
}

// Declared are the modules as they tell about themselves: those that this version runs, and others of Kazoo's, which have no
// Run. None of them may be run.
func Declared() calls.Modules {
	modules := New(Config{}).Modules()
	for _, m := range later {
		modules[m.Name] = m
	}
	return modules
}

// Enter runs the call of a channel that the dialplan has handed over: Stasis(metaflows,dial,...) dials and bridges,
// Stasis(metaflows) alone answers and keeps it. The call is over when it returns.
func (s *Set) Enter(t *calls.Task, started calls.Started) error {
	caller := calls.NewLeg(started.Channel, calls.RoleCaller)
	d := &dialling{Set: s, t: t, call: t.Call, caller: caller, began: time.Now(), wasUp: caller.Up()}
	alone := len(started.Args) == 0 || started.Args[0] == ""
	if !alone {
		d.understand(started.Args)
		d.goAhead()
		defer d.giveUpAhead()
	}
	if err := d.meet(); err != nil {
		return d.abandon(err)
	}
	if alone {
		return d.keep()
	}
	return d.dial()
}

// Stray hangs up a channel that belongs to no call any more.
func (s *Set) Stray(channel string) {
	s.quietly(func() error { return s.pbx.Hangup(channel, causeNormal) }, "hanging up a stray channel")
}

// Return lets a channel go on in the dialplan that a process before this one was giving back.
func (s *Set) Return(channel string) {
	s.quietly(func() error { return s.pbx.Continue(channel) }, "giving a channel back to the dialplan")
}

// Failed tells the presser by a tone that its action has failed.
func (s *Set) Failed(t *calls.Task) {
	if t.Leg != nil && !t.Leg.Gone {
		s.sound(t, t.Leg, errorTone)
	}
}
