package pbxtest

import (
	"strings"
	"time"

	"metaflows/flows/calls"
)

// trials are all of them.
func trials() []namedTrial {
	return []namedTrial{
		{"a created channel enters, rings and is up", createdChannel},
		{"the answer reaches the caller in the bridge", earlyBridge},
		{"a dialled channel has its caller's language", dialledLanguage},
		{"how a call fails", failures},
		{"where a phone redirects to", redirection},
		{"who cannot be called", unavailable},
		{"commands to a channel that is gone", goneChannel},
		{"ids that are in use", reusedIDs},
		{"a Local channel into the dialplan", localTargets},
		{"who says it is busy ends a caller in a bridge of two", refusedInBridge},
		{"continue leaves the application", continued},
		{"variables and functions", variables},
		{"a subroutine of the dialplan runs on a channel", subroutines},
		{"who has made a channel", madeBy},
		{"TIMEOUT(absolute) ends a channel", guard},
		{"a hangup handler takes the partner along", partners},
		{"a hangup handler spares a partner that talks", spared},
		{"requests of a step are sent at once, and carried out in their order", steps},
		{"a bridge outlives its channels", emptyBridge},
		{"several are added to a bridge at once", addedTogether},
		{"removing a channel", removed},
		{"digits arrive in order with their durations", digits},
		{"a fast typist's digits are told twice", fastDigits},
		{"a digit begins while its phone is sent digits", deafDigits},
		{"absorb decides what the other party hears", absorb},
		{"a digit's end is lost in a bridge that mixes", tornDigits},
		{"a key outlasts the time in which its phone is not believed", deafAgain},
		{"sending digits blocks until they are played", sendDigits},
		{"a whisper is heard by one party only", whisper},
		{"a playback that is stopped or cannot be", playbacks},
		{"who is muted is not heard, but its digits are", muted},
		{"music takes the place of the other party", music},
		{"silence takes the place of the other party", silence},
		{"the volume of each direction", volume},
		{"the pitch of each direction", pitch},
		{"an ear is no party, and ends with whom it hears", ears},
		{"recordings start, end and are gone then", recordings},
		{"a recording ends with the last ear", recordingEnds},
		{"a recording is written, or kept", recordingKept},
		{"a recording ends when its only ear is added again", recordingAlone},
		{"what a restart finds", inventory},
		{"who enters again is not on its way back", enterAgain},
		{"a variable that is handed down says that a dial was sent", handedDown},
		{"what is there is put together again", startAgain},
	}
}

func createdChannel(tr *trial) {
	b := tr.create("PJSIP/bob", map[string]string{"METAFLOWS_CALL": "x1"})
	if b.CallerNum != "1002" {
		tr.Errorf("its caller id is %q, its endpoint says 1002", b.CallerNum)
	}
	if b.State != "Down" || b.Vars["METAFLOWS_ACCOUNT"] != "acme" || b.Vars["METAFLOWS_CALL"] != "x1" || b.Endpoint() != "PJSIP/bob" {
		tr.Errorf("it enters as %+v", b)
	}
	tr.must(tr.DialChannel(b.ID, "", 20*time.Second))
	await(tr, "ringing", func(ev calls.StateChanged) bool { return ev.Channel == b.ID && ev.State == "Ringing" })
	await(tr, "up", func(ev calls.StateChanged) bool { return ev.Channel == b.ID && ev.State == "Up" })
	tr.rewind()
	await(tr, "the dial's answer", func(ev calls.Dialed) bool { return ev.Channel == b.ID && ev.Status == "ANSWER" })
	tr.must(tr.Answer(b.ID)) // once more: no error
	tr.PutDown("bob")
	tr.left(b)
	if end := tr.destroyed(b); end.Cause != 16 {
		tr.Errorf("it ends with cause %d, want 16", end.Cause)
	}
}

func dialledLanguage(tr *trial) {
	a := tr.enter("alice")
	tr.must(tr.SetVariables(a.ID, map[string]string{language: "de"}))
	b := tr.create("PJSIP/bob", nil)
	if a.Language != "en" || b.Language != "en" {
		tr.Errorf("they enter with languages %q and %q, want en", a.Language, b.Language)
	}
	tr.must(tr.DialChannel(b.ID, a.ID, 20*time.Second))
	for _, step := range []struct {
		set  map[string]string
		want string
	}{{nil, "de"}, {map[string]string{language: "en"}, "en"}} {
		tr.must(tr.SetVariables(b.ID, step.set))
		got, err := tr.Variables(b.ID, language)
		tr.must(err)
		if got[language] != step.want {
			tr.Errorf("the callee's language is %q, want %q", got[language], step.want)
		}
	}
}

func earlyBridge(tr *trial) {
	a := tr.enter("alice")
	if a.State != "Ring" {
		tr.Errorf("the caller enters in state %s, want Ring", a.State)
	}
	b := tr.create("PJSIP/bob", nil)
	tr.bridge(a, b)
	tr.must(tr.DialChannel(b.ID, a.ID, 20*time.Second))
	await(tr, "bob is up", func(ev calls.StateChanged) bool { return ev.Channel == b.ID && ev.State == "Up" })
	tr.rewind()
	await(tr, "alice is up", func(ev calls.StateChanged) bool { return ev.Channel == a.ID && ev.State == "Up" })
	tr.eventually("they talk", func() bool { return tr.Hears("alice", "bob") && tr.Hears("bob", "alice") })
	tr.PutDown("alice")
	tr.left(a)
	if ev, ok := look(tr, 300*time.Millisecond, func(ev calls.Destroyed) bool { return ev.Channel == a.ID }); ok {
		tr.Errorf("the end of a channel that came by the dialplan is told twice: %+v", ev)
	}
	tr.rewind()
	if _, ok := look(tr, 300*time.Millisecond, func(ev calls.Left) bool { return ev.Channel == b.ID }); ok {
		tr.Error("the callee ends with the caller by itself")
	}
}

func failures(tr *trial) {
	for _, c := range []struct {
		about   string
		does    Behaviour
		seconds time.Duration
		cause   int
		tech    int
	}{
		{"busy", Busy(), 20, 17, 486},
		{"rejected", Rejects(200 * time.Millisecond), 20, 21, 603},
		{"no answer", Silent(), 1, 19, 480},
		{"redirected", Redirects("1234"), 20, 23, 302},
	} {
		tr.Behave("bob", c.does)
		b := tr.create("PJSIP/bob", nil)
		began := time.Now()
		tr.must(tr.DialChannel(b.ID, "", c.seconds*time.Second))
		if end := tr.destroyed(b); end.Cause != c.cause || end.TechCause != c.tech {
			tr.Errorf("%s: cause %d, %d; want %d, %d", c.about, end.Cause, end.TechCause, c.cause, c.tech)
		}
		if took := time.Since(began); c.does == Silent() && (took < time.Second || took > 1500*time.Millisecond) {
			tr.Errorf("%s: after %v, want 1 s", c.about, took)
		}
		tr.left(b)
	}
}

// redirection: where to is told, but where the hang-up that follows is faster (ari/ASTERISK.md): so it is asked again.
func redirection(tr *trial) {
	tr.Behave("bob", Redirects("1234"))
	told := func() bool {
		b := tr.create("PJSIP/bob", nil)
		tr.must(tr.DialChannel(b.ID, "", 20*time.Second))
		tr.destroyed(b)
		tr.rewind()
		_, ok := look(tr, 300*time.Millisecond, func(ev calls.Dialed) bool { return ev.Channel == b.ID && ev.Forward != "" })
		tr.left(b)
		return ok
	}
	for range 5 {
		if told() {
			return
		}
	}
	tr.Error("where a phone redirects to was not told in any of 5 dials")
}

func unavailable(tr *trial) {
	tr.Behave("bob", Unregistered())
	for _, endpoint := range []string{"PJSIP/bob", "PJSIP/nobody-here", "Nonsense/x"} {
		id := tr.id("leg")
		tr.is(tr.CreateChannel(calls.ChannelSpec{ID: id, Endpoint: endpoint}), calls.ErrUnavailable, "create "+endpoint)
		tr.is(tr.Hangup(id, 0), calls.ErrGone, "hang up what was not made")
	}
	tr.Behave("bob", Answers(0))
	tr.eventually("bob can be called again", func() bool {
		return tr.CreateChannel(calls.ChannelSpec{ID: tr.id("leg"), Endpoint: "PJSIP/bob"}) == nil
	})
	ev := await(tr, "bob enters", func(calls.Started) bool { return true })
	tr.legs = append(tr.legs, ev.Channel.ID)
}

func goneChannel(tr *trial) {
	b := tr.create("PJSIP/bob", nil)
	bridge := tr.bridge()
	tr.must(tr.Hangup(b.ID, 0))
	tr.destroyed(b)
	vars := map[string]string{"X": "y"}
	for _, c := range []struct {
		verb string
		do   func() error
	}{
		{"dial", func() error { return tr.DialChannel(b.ID, "", time.Second) }},
		{"answer", func() error { return tr.Answer(b.ID) }},
		{"ring", func() error { return tr.Ring(b.ID) }},
		{"stop ringing", func() error { return tr.StopRinging(b.ID) }},
		{"progress", func() error { return tr.Progress(b.ID) }},
		{"hang up", func() error { return tr.Hangup(b.ID, 16) }},
		{"continue", func() error { return tr.Continue(b.ID) }},
		{"read", func() error { _, err := tr.Variables(b.ID, "X", "Y"); return err }},
		{"set", func() error { return tr.SetVariables(b.ID, vars) }},
		{"music", func() error { return tr.StartMOH(b.ID, "default") }},
		{"stop music", func() error { return tr.StopMOH(b.ID) }},
		{"mute", func() error { return tr.Mute(b.ID) }},
		{"unmute", func() error { return tr.Unmute(b.ID) }},
		{"snoop", func() error { return tr.Snoop(b.ID, tr.id("snoop")) }},
		{"play", func() error { return tr.Play(b.ID, tr.id("play"), "tone:1000") }},
		{"send digits", func() error { return tr.SendDigits(b.ID, "1") }},
		{"add", func() error { return tr.AddToBridge(bridge, b.ID, true) }},
		{"remove", func() error { return tr.RemoveFromBridge(bridge, b.ID) }},
		{"delete bridge", func() error { return tr.DeleteBridge("bridge-none") }},
		{"record", func() error { return tr.Record("bridge-none", tr.id("acme/rec"), "wav") }},
		{"stop recording", func() error { return tr.StopRecording("acme/none") }},
		{"mask", func() error { return tr.MaskRecording("acme/none") }},
		{"unmask", func() error { return tr.UnmaskRecording("acme/none") }},
		{"stop playback", func() error { return tr.StopPlayback("play-none") }},
	} {
		tr.is(c.do(), calls.ErrGone, c.verb)
	}
}

func reusedIDs(tr *trial) {
	b := tr.create("PJSIP/bob", nil)
	tr.is(tr.CreateChannel(calls.ChannelSpec{ID: b.ID, Endpoint: "PJSIP/carol"}), calls.ErrConflict, "create with an id in use")
	bridge := tr.bridge(b)
	tr.is(tr.CreateBridge(bridge), calls.ErrConflict, "create a bridge with an id in use")
	name := tr.id("acme/rec")
	tr.must(tr.Record(bridge, name, "wav"))
	tr.is(tr.Record(bridge, name, "wav"), calls.ErrConflict, "record under a name in use")
	tr.must(tr.StopRecording(name))
	await(tr, "the recording's end", func(ev calls.RecordingDone) bool { return ev.Recording == name })
	tr.is(tr.Record(bridge, name, "wav"), calls.ErrConflict, "record over a recording")
	snoop := tr.id("snoop")
	tr.must(tr.Snoop(b.ID, snoop))
	tr.legs = append(tr.legs, snoop)
	tr.is(tr.Snoop(b.ID, snoop), calls.ErrUnavailable, "snoop with an id in use") // 500, whatever is wrong
}

func localTargets(tr *trial) {
	for _, c := range []struct {
		about, target string
		status        string // of the dial, where it says so
		cause         int    // of the channel's end, 0 where it stays
	}{
		{"it answers", "1234", "ANSWER", 0},
		{"busy, and it stays", "1999", "BUSY", 0},
		{"busy, and it ends", "1995", "", 17},
		{"nobody answers in time", "1998", "RINGING", 19},
		{"no such extension", "7777", "", 16},
	} {
		l := tr.create("Local/"+c.target+"@acme/n", map[string]string{"METAFLOWS_ROLE": "target", "CALLERID(num)": c.target})
		if l.CallerNum != c.target {
			tr.Errorf("%s: its caller id is %q, it was made with %s", c.about, l.CallerNum, c.target)
		}
		if l.State != "Down" || l.Vars["METAFLOWS_ACCOUNT"] != "" || l.Vars["METAFLOWS_ROLE"] != "target" {
			tr.Errorf("%s: it enters as %+v", c.about, l)
		}
		tr.must(tr.DialChannel(l.ID, "", time.Second))
		if c.status != "" {
			await(tr, c.about+": "+c.status, func(ev calls.Dialed) bool { return ev.Channel == l.ID && ev.Status == c.status })
		}
		if c.cause == 0 {
			if ev, ok := look(tr, 300*time.Millisecond, func(ev calls.Destroyed) bool { return ev.Channel == l.ID }); ok {
				tr.Errorf("%s: it ends by itself: %+v", c.about, ev)
			}
			tr.must(tr.Hangup(l.ID, 16))
		}
		// One in some ten busy ends is told with 16: the far half of a Local channel may be gone before its cause arrives.
		if end := tr.destroyed(l); c.cause != 0 && end.Cause != c.cause && (c.cause != 17 || end.Cause != 16) {
			tr.Errorf("%s: cause %d, want %d", c.about, end.Cause, c.cause)
		}
		tr.left(l)
	}
}

// refusedInBridge tries an extension that is busy and stays, in a bridge with a caller that is not answered.
func refusedInBridge(tr *trial) {
	for _, third := range []bool{false, true} {
		a, l := tr.enter("alice"), tr.create("Local/1999@acme/n", nil)
		members := []calls.Channel{a, l}
		if third {
			members = append(members, tr.create("Local/s@metaflows-predial/n", nil))
		}
		tr.bridge(members...)
		tr.must(tr.DialChannel(l.ID, a.ID, 20*time.Second))
		await(tr, "busy", func(ev calls.Dialed) bool { return ev.Channel == l.ID && ev.Status == "BUSY" })
		if third {
			tr.rewind()
			if _, ok := look(tr, 300*time.Millisecond, func(ev calls.Left) bool { return ev.Channel == a.ID }); ok {
				tr.Error("it ends the caller in a bridge of three, too")
			}
			tr.PutDown("alice")
		}
		tr.left(a)
	}
}

func continued(tr *trial) {
	a := tr.enter("alice")
	tr.must(tr.Answer(a.ID))
	tr.must(tr.Continue(a.ID))
	tr.left(a)
	tr.is(tr.Answer(a.ID), calls.ErrGone, "a command to a channel that goes on in the dialplan")
	tr.is(tr.AddToBridge(tr.bridge(), a.ID, false), calls.ErrGone, "to add it to a bridge")
	tr.PutDown("alice")
}

func variables(tr *trial) {
	a := tr.enter("alice")
	state := strings.Repeat("0123456789abcdef", calls.StateLimit/16)
	for _, state := range []string{state, `{"v":"${ONE} $[1+1] \"a\\n\",b;c)}",` + state[:4<<10]} {
		tr.must(tr.SetVariables(a.ID, map[string]string{calls.VarState: state}))
		for _, names := range [][]string{{calls.VarState}, {calls.VarState, "NEVER"}} { // one and several are read in different ways
			whole, err := tr.Variables(a.ID, names...)
			tr.must(err)
			if whole[calls.VarState] != state {
				tr.Errorf("of %d bytes of state, read with %d others, there are %d: %.40s", len(state), len(names)-1, len(whole[calls.VarState]), whole[calls.VarState])
			}
		}
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{"CALLERID(num)": "4711"}))
	id, err := tr.Variables(a.ID, "CALLERID(num)")
	tr.must(err)
	if id["CALLERID(num)"] != "4711" {
		tr.Errorf("its caller id is %v, it was set to 4711", id)
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{"ONE": "1", "EMPTY": "", "TIMEOUT(absolute)": "100", "CHANNEL(callgroup)": ""}))
	got, err := tr.Variables(a.ID, "ONE", "EMPTY", "NEVER", "CHANNEL(callgroup)", "CHANNEL(name)",
		"DIALPLAN_EXISTS(acme,1234,1)", "DIALPLAN_EXISTS(acme,7777,1)", "DIALPLAN_EXISTS(nowhere,1234,1)")
	tr.must(err)
	for name, want := range map[string]string{
		"ONE": "1", "EMPTY": "", "NEVER": "", "CHANNEL(callgroup)": "", "CHANNEL(name)": a.Name,
		"DIALPLAN_EXISTS(acme,1234,1)": "1", "DIALPLAN_EXISTS(acme,7777,1)": "0", "DIALPLAN_EXISTS(nowhere,1234,1)": "0",
	} {
		if got[name] != want {
			tr.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	got, err = tr.Variables(a.ID, "TIMEOUT(absolute)")
	tr.must(err)
	if rest := got["TIMEOUT(absolute)"]; rest < "99" || rest > "99.999" {
		tr.Errorf("the rest of 100 s is %q", rest)
	}
	for _, want := range []string{"allowed", "prohib"} { // at first its number may be shown
		got, err := tr.Variables(a.ID, "CALLERID(pres)", "CHANNEL(linkedid)")
		tr.must(err)
		if !strings.HasPrefix(got["CALLERID(pres)"], want) {
			tr.Errorf("CALLERID(pres) is %q, want %s", got["CALLERID(pres)"], want)
		}
		tr.must(tr.SetVariables(a.ID, map[string]string{"CALLERID(pres)": "prohib"}))
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{"TIMEOUT(absolute)": "0", "CHANNEL(callgroup)": "1"}))
	got, err = tr.Variables(a.ID, "TIMEOUT(absolute)", "CHANNEL(callgroup)")
	tr.must(err)
	if got["TIMEOUT(absolute)"] != "0" || got["CHANNEL(callgroup)"] != "1" {
		tr.Errorf("put back: %v", got)
	}
}

// madeBy: a channel tells whether an INVITE of its phone has made it, and what was done to it since.
func madeBy(tr *trial) {
	const invited, since = "CHANNEL(pjsip,request_uri)", "EVAL(${DIALEDPEERNUMBER}${BLINDTRANSFER})"
	a, b := tr.enter("alice"), tr.create("PJSIP/bob", nil)
	for _, c := range []struct {
		channel calls.Channel
		invited bool
	}{{a, true}, {b, false}} {
		got, err := tr.Variables(c.channel.ID, since, "CHANNEL(callgroup)", invited)
		tr.must(err)
		if (got[invited] != "") != c.invited || got[since] != "" {
			tr.Errorf("%s says %q", c.channel.Name, got)
		}
	}
	tr.must(tr.SetVariables(a.ID, map[string]string{"BLINDTRANSFER": "PJSIP/x"}))
	got, err := tr.Variables(a.ID, since)
	tr.must(err)
	if got[since] != "PJSIP/x" {
		tr.Errorf("a channel that was transferred says %q", got)
	}
}

func guard(tr *trial) {
	a := tr.enter("alice")
	began := time.Now()
	tr.must(tr.SetVariables(a.ID, map[string]string{"TIMEOUT(absolute)": "1"}))
	tr.left(a)
	if took := time.Since(began); took < 900*time.Millisecond || took > 2*time.Second {
		tr.Errorf("it ends after %v, want 1 s", took)
	}
}
