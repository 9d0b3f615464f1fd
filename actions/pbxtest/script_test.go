package pbxtest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"

	"metaflows/flows/calls"
)

// TestChecks: what a scenario says of music, mute, volume, pitch and what there was is looked at, and a line that is not so fails.
func TestChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScenario(t, txtar.Parse([]byte("-- account acme --\n{}\n")))
		is := func(text string, want bool) {
			t.Helper()
			if err := s.line(text); (err == nil) != want {
				t.Errorf("%s: %v", text, err)
			}
		}
		is("alice calls bob", true)
		is("bob is muted", false)
		is("bob is not muted", true)
		is("carol is not muted", false) // it has no call
		is("alice hears no music", true)
		is("from Mute on bob is muted", false) // nobody has asked for it
		for _, err := range []error{s.pbx.Mute(s.pbx.channelOf("bob")), s.pbx.StartMOH(s.pbx.channelOf("bob"), "default")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		is("alice hears as it is", true)
		is("carol hears as it is", false) // it has no call
		for name, value := range map[string]string{"VOLUME(TX)": "4", "VOLUME(RX)": "-2", "PITCH_SHIFT(tx)": "1.5", "PITCH_SHIFT(rx)": "5", "VOLUME(ZZ)": "1"} {
			if err := s.pbx.SetVariables(s.pbx.channelOf("alice"), map[string]string{name: value}); err != nil {
				t.Fatal(err)
			}
		}
		is("alice hears louder by 4", true)
		is("alice hears quieter by 4", false)
		is("alice hears pitched by 1.5", true)
		is("alice hears as it is", false)
		is("alice is heard quieter by 2", true)
		is("alice is heard louder by 4", false)
		is("alice is heard pitched by 5", false) // which Asterisk does not take
		is("alice is heard as it is", false)
		is("bob hears as it is", true)
		is("from VOLUME(TX)=4 on alice hears louder by 4", true)
		is("from VOLUME(TX)=3 on alice hears louder by 4", false)
		is("alice hears louder", false)
		is("bob is muted", true)
		is("from Mute on bob is muted", true)
		is("from Mute on alice hears bob", false)
		is("bob hears music", true)
		is("alice hears music", false)
		is("alice does not hear bob", true)
		is("bob hears alice", false) // but music
		is("alice does not talk to bob", true)
		is("at least once bob hears music default", true)
		is("at least once alice hears no music", false) // it was said, and nothing has happened
		is("at least once carol rings", false)
		is("the application is killed for 1s", true)
		is("from Mute on bob is muted", true)
		is("from Record on bob is not muted", true) // it was not asked for before
		is("wait 2s", true)
		if live := strings.Join(s.pbx.Live(), ", "); !strings.Contains(live, "mute of PJSIP/bob") || !strings.Contains(live, "music of PJSIP/bob") {
			t.Errorf("there are %s", live)
		}
		s.finishEarly()
	})
}

// TestTakenAlong: what was done to a channel and not undone is left over when the channel goes on in the dialplan.
func TestTakenAlong(t *testing.T) {
	TryFake(t, func(t *testing.T, w World, listen func(Handler)) {
		tr := &trial{T: t, World: w, name: "x", news: make(chan struct{}, 1)}
		listen(tr)
		a := tr.enter("alice")
		tr.must(tr.SetVariables(a.ID, map[string]string{"VOLUME(TX)": "3", "VOLUME(RX)": "0"}))
		tr.must(tr.Mute(a.ID))
		tr.must(tr.Continue(a.ID))
		time.Sleep(time.Minute)
		if left := strings.Join(tr.Left(), ", "); left != "VOLUME(TX)=3 of alice that went on in the dialplan, mute of alice that went on in the dialplan" {
			t.Errorf("left over are %s", left)
		}
	})
}

// TestRepeated: the stream drops what it has had in the last ten minutes, and nothing after that.
func TestRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &transcript{pbx: New(), began: time.Now()}
		told := func(want int) {
			t.Helper()
			if tr.Publish(calls.Notice{ID: "x", Type: "call.started"}); len(tr.notices) != want {
				t.Errorf("after %v the stream has %d events, want %d", time.Since(tr.began), len(tr.notices), want)
			}
		}
		told(1)
		tr.silence(true)
		told(1) // a process that is dead
		tr.silence(false)
		time.Sleep(9 * time.Minute)
		told(1)
		time.Sleep(time.Minute)
		told(2)
	})
}
