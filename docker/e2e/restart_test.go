package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// endings are the ways in which the process ends.
var endings = []struct {
	name string
	end  func(*own)
}{
	{"kill", func(o *own) { o.program.Kill() }},
	{"SIGTERM", func(o *own) { o.must(o.program.Stop()) }},
}

// The process ends in mid-call, while it records, between a binding digit and its code: both go on talking, a new call goes
// through by Dial(). Started again: the recording is known, codes work, nothing that was pressed meanwhile is one.
func TestEndsWhileTalking(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		t.Run(ending.name, func(t *testing.T) {
			o := ownProcess(t)
			o.document("acme", recordCodes)
			alice, bob, carol, dave := o.phone("alice"), o.phone("bob"), o.phone("carol"), o.phone("dave")
			a, b := o.call(alice, "1002", bob)
			o.press(b, "*9")
			started := o.event("recording.started", 1)
			o.press(b, "*")
			o.event("code.armed", 2)
			ending.end(o)
			o.asteriskSays("Deactivating Stasis app 'metaflows'") // before, a call would still be handed to it
			o.talk(a, b)
			c, d := o.call(carol, "1004", dave)
			o.asteriskSays("app_dial.c", "PJSIP/dave")
			o.hangUp(c)
			o.ended(d)
			o.talk(a, b)

			o.again()
			o.event("call.adopted", 1)
			o.press(b, "9")
			o.gets(a, "**9")
			o.press(b, "58")
			o.gets(a, "**958")
			o.talk(a, b)
			o.press(b, "*9")
			stored := o.event("recording.stored", 1)
			if stored.Recording != started.Recording || stored.Reason != "stopped" || stored.Result != "stored" {
				t.Errorf("recording.stored says %+v, want that of %s", stored, started.Recording)
			}
			samples := o.recording(stored.Recording)
			if !holds(samples, tones["alice"], time.Second, time.Duration(len(samples))*time.Second/rate-time.Second) {
				t.Error("the recording has a hole")
			}
			o.press(b, "*21234")
			o.hears(a, music1234)
			o.ended(b)
			o.hangUp(a)
			o.nothingLeft()
		})
	}
}

// patientTransfer lets the target ring for longer than a restart takes.
const patientTransfer = `{"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":15}}}}`

// The process ends while a transfer's target rings: the transfer ends as it would have.
func TestEndsWhileTheTargetRings(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		t.Run("answered, "+ending.name, func(t *testing.T) {
			o := ownProcess(t)
			o.document("acme", patientTransfer)
			carol := o.phone("carol")
			carol.Behave(phone.RingForever())
			a, b := o.call(o.phone("alice"), "1002", o.phone("bob"))
			o.press(b, "*21003")
			c, err := carol.Incoming(o.soon(5 * time.Second))
			o.must(err)
			o.must(c.WaitRinging(o.soon(5 * time.Second)))
			o.hears(a, ringing)
			o.ended(b)
			ending.end(o)
			o.hears(a, ringing)
			o.again()
			o.event("call.adopted", 1)
			o.must(c.Answer())
			o.talk(a, c)
			if e := o.event("transfer.completed", 1); e.Result != "completed" {
				t.Errorf("transfer.completed says %+v", e)
			}
			o.press(a, "*21234")
			o.hears(c, music1234)
			o.hangUp(c)
			o.nothingLeft()
		})
	}
	t.Run("silent, kill", func(t *testing.T) {
		o := ownProcess(t)
		o.document("acme", `{"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":4}}}}`)
		bob := o.phone("bob")
		a, b := o.call(o.phone("alice"), "1002", bob)
		o.press(b, "*21998")
		o.event("transfer.ringing", 1)
		o.ended(b)
		o.program.Kill()
		o.again()
		back := o.incoming(bob)
		o.talk(a, back)
		if e := o.event("transfer.returned", 1); e.Result != "returned" || e.Reason != "no_answer" {
			t.Errorf("transfer.returned says %q, %q", e.Result, e.Reason)
		}
		o.press(back, "*21234")
		o.hears(a, music1234)
		o.hangUp(a)
		o.nothingLeft()
	})
	t.Run("kill while the transferor is rung back", func(t *testing.T) {
		o := ownProcess(t)
		o.document("acme", quickTransfer)
		bob := o.phone("bob")
		a, b := o.call(o.phone("alice"), "1002", bob)
		bob.Behave(phone.RingForever())
		o.press(b, "*21999")
		o.ended(b)
		back, err := bob.Incoming(o.soon(8 * time.Second))
		o.must(err)
		o.must(back.WaitRinging(o.soon(5 * time.Second)))
		o.program.Kill()
		o.again()
		o.event("call.adopted", 1)
		o.must(back.Answer())
		o.talk(a, back)
		o.event("transfer.returned", 1)
		o.hangUp(back)
		o.ended(a)
		o.nothingLeft()
	})
}

// The process is killed while a call rings: answered when it is there again, or answered meanwhile, the call has its codes.
func TestEndsWhileRinging(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, extension string
		meanwhile       bool
	}{
		{"answered after", "1002", false},
		{"answered meanwhile", "1002", true},
		{"several, answered after", "multi-bob-carol", false},
		{"several, answered meanwhile", "multi-bob-carol", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := ownProcess(t)
			o.document("acme", twoCodes)
			bob, carol := o.phone("bob"), o.phone("carol")
			bob.Behave(phone.RingForever())
			carol.Behave(phone.RingForever())
			a, b := o.ringing(o.phone("alice"), tt.extension, bob)
			o.program.Kill()
			if tt.meanwhile {
				o.must(b.Answer())
			}
			o.again()
			if !tt.meanwhile {
				o.event("call.adopted", 1)
				o.must(b.Answer())
			}
			o.must(a.WaitAnswered(o.soon(5 * time.Second)))
			o.talk(a, b)
			o.event("call.answered", 1)
			if rest := o.variable("alice", "TIMEOUT(absolute)"); rest != "0" {
				t.Errorf("the call will be cut after %s s", rest)
			}
			o.press(b, "*0")
			o.ended(b)
			o.ended(a)
			o.nothingLeft()
		})
	}
	t.Run("the callee has hung up meanwhile", func(t *testing.T) {
		o := ownProcess(t)
		bob := o.phone("bob")
		bob.Behave(phone.RingForever())
		a, b := o.ringing(o.phone("alice"), "1002", bob)
		o.program.Kill()
		o.must(b.Reject(486))
		o.again()
		o.hears(a, afterTone)
		o.asteriskSays("after exten=1002", "DIALSTATUS=NOANSWER ")
		o.ended(a)
		o.nothingLeft()
	})
}

// While the process is dead nobody is left over; who is left by design is taken up or let go by the next one.
func TestNobodyIsLeftOver(t *testing.T) {
	t.Parallel()
	o := ownProcess(t)
	alice, bob, carol := o.phone("alice"), o.phone("bob"), o.phone("carol")
	bob.Behave(phone.RingForever())
	carol.Behave(phone.RingForever())
	a, _ := o.ringing(alice, "multi-bob-carol", bob)
	g, h := o.call(o.phone("mallory"), "g-dave", o.phone("dave"))
	o.program.Kill()
	o.must(a.Cancel(o.soon(2 * time.Second)))
	o.channels(2, 2*time.Second) // the other call
	o.hangUp(h)                  // with g the caller stays
	o.channels(1, 2*time.Second)
	o.again()
	if e := o.event("call.ended", 1); e.Reason != "ended_while_away" && e.Reason != "hangup" {
		t.Errorf("call.ended says %q", e.Reason)
	}
	o.hears(g, afterTone)
	o.asteriskSays("after exten=g-dave", "DIALSTATUS=ANSWER", "DIALEDPEERNAME=PJSIP/dave-")
	o.ended(g)

	// A callee that rejects leaves the caller to the guard: dial time plus 10 s. So it is while the process is stopped.
	for _, ending := range []struct {
		name string
		end  func()
	}{{"killed", o.program.Kill}, {"stopped", func() { o.must(o.program.Pause()) }}} {
		bob.ForgetIncoming()
		began := time.Now()
		a, b := o.ringing(alice, "t5-bob", bob)
		ending.end()
		if ending.name == "killed" {
			o.must(b.Reject(603))
			o.ended(b)
		}
		o.must(a.WaitEnded(o.soon(18 * time.Second)))
		if took := time.Since(began); took < 13*time.Second || took > 16500*time.Millisecond {
			t.Errorf("%s: the caller was let go after %v, want 15 s", ending.name, took)
		}
		o.channels(0, 2*time.Second)
		if ending.name == "stopped" {
			o.must(o.program.Resume())
		} else {
			o.again()
		}
	}
	o.nothingLeft()
}

// variable reads a variable of a phone's channel.
func (o *own) variable(phone, name string) string {
	o.Helper()
	status, text, err := o.ask("/channels/" + url.PathEscape(o.channelOf(phone)) + "/variable?variable=" + url.QueryEscape(name))
	o.must(err)
	var answer struct{ Value string }
	o.must(json.Unmarshal([]byte(text), &answer))
	if status != http.StatusOK {
		o.Fatalf("%s of %s: %d %s", name, phone, status, text)
	}
	return answer.Value
}

// Somebody redirects a leg while the process is dead: it goes on there, also when the call is taken up and ended.
func TestTakenAwayUnseen(t *testing.T) {
	t.Parallel()
	o := ownProcess(t)
	for _, taken := range []string{"alice", "bob"} {
		a, b := o.call(o.phone("alice"), "1002", o.phone("bob"))
		gone, left := a, b
		if taken == "bob" {
			gone, left = b, a
		}
		o.program.Kill()
		o.takeAway(taken, "1234")
		o.hears(gone, music1234)
		o.again()
		o.ended(left)
		o.event("call.ended", 1)
		o.hears(gone, music1234)
		o.hangUp(gone)
		o.channels(0, 2*time.Second)
	}
}

// The process dies when a phone has transferred the other party by its own means (REFER) and has not hung up yet: its hanging
// up does not end the others.
func TestDiesAfterAPhoneTransfers(t *testing.T) {
	t.Parallel()
	o := ownProcess(t)
	a, b := o.call(o.phone("alice"), "1002", o.phone("bob"))
	o.must(b.Refer(o.soon(5*time.Second), "1234"))
	o.program.Kill()
	o.hears(a, music1234)
	o.hangUp(b)
	o.staysUp(a)
	o.hears(a, music1234)
	o.again()
	o.hears(a, music1234)
	o.hangUp(a)
	o.channels(0, 2*time.Second)
}

// A recorded call that ends while the process is dead: its events have their ends all the same.
func TestEndsUnseen(t *testing.T) {
	t.Parallel()
	o := ownProcess(t)
	o.document("acme", recordCodes)
	a, b := o.call(o.phone("alice"), "1002", o.phone("bob"))
	o.press(b, "*9")
	started := o.event("recording.started", 1)
	o.hears(b, confirmTone)
	o.program.Kill()
	o.hangUp(a)
	o.ended(b)
	o.channels(0, 2*time.Second)
	for range 2 { // told once
		o.again()
		stored, ended := o.event("recording.stored", 1), o.event("call.ended", 1)
		if stored.Recording != started.Recording || stored.Result != "stored" || stored.Reason != "ended_while_away" {
			t.Errorf("recording.stored says %+v", stored)
		}
		if ended.Call != started.Call || ended.Reason != "ended_while_away" {
			t.Errorf("call.ended says %+v", ended)
		}
	}
	if n := len(o.all("call.ended")) + len(o.all("recording.stored")); n != 2 {
		t.Errorf("%d ends are told, want 2", n)
	}
	o.nothingLeft()
}
