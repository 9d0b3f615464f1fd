package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// written says whether Asterisk writes a record where cdr.conf does not say unanswered=yes, as the lab's does.
func (r callRecord) written() bool { return r.peer != "" || r.disposition == "ANSWERED" }

// recordsOf are the records that a call with these arguments of the line leaves, sorted, on one side, when there are as many as are wanted.
func (l *lab) recordsOf(side, line, answers string, phones map[string]*phone.Phone, want string) (written, others []string) {
	l.Helper()
	before := len(l.callRecords())
	a, err := phones["alice"].Dial(l.ctx, side+"-"+byHangup, phone.WithHeader("X-Dial", line))
	l.must(err)
	switch answers {
	case "": // the call ends by itself
	case "gives up":
		b, err := phones["bob"].Incoming(l.soon(10 * time.Second))
		l.must(err)
		l.must(a.WaitRinging(l.soon(10 * time.Second)))
		l.must(a.Cancel(l.soon(5 * time.Second)))
		l.ended(b)
	default:
		b := l.incoming(phones[answers])
		l.talk(a, b)
		l.hangUp(a)
		l.ended(b)
	}
	l.ended(a)
	l.nothingLeft()
	for _, p := range phones {
		p.ForgetIncoming()
	}
	enough, counts := strings.Count(want, ";")+1, callRecord.written
	if want == "none" { // but one that is there with unanswered=yes
		counts = func(callRecord) bool { return true }
	}
	for _, r := range l.newCallRecords(before, enough, counts) {
		text := strings.TrimSpace(fmt.Sprintf("%s %s %s", strings.TrimPrefix(r.dialled, side+"-"), partyOf(r.channel), partyOf(r.peer))) + " " + r.disposition
		if r.written() {
			written = append(written, text)
		} else {
			others = append(others, text)
		}
	}
	slices.Sort(written)
	return written, others
}

// What a call leaves that nobody answers, that a Local channel answers, or that is redirected, is what Dial() leaves; but for
// callees that ring outside of the caller's bridge.
func TestCallRecordsBesideDial(t *testing.T) {
	l := newLab(t)
	phones := map[string]*phone.Phone{}
	for _, name := range []string{"alice", "bob", "carol"} {
		phones[name] = l.phone(name)
	}
	ring, busy := phone.RingForever(), phone.Busy()
	for _, c := range []struct {
		line       string
		bob, carol phone.Behaviour
		answers    string // who does; "gives up": the caller does
		want, app  string // by Dial(); by metaflows, where that is something else
	}{
		{line: "PJSIP/bob,1", bob: ring, want: "hangup alice bob NO ANSWER"},
		{line: "PJSIP/bob,10", bob: busy, want: "hangup alice bob BUSY"},
		{line: "PJSIP/bob,10", bob: ring, answers: "gives up", want: "hangup alice bob NO ANSWER"},
		{line: "PJSIP/bob,1,r", bob: ring, want: "hangup alice bob NO ANSWER", app: "none"},
		{line: "PJSIP/bob,1,m", bob: ring, want: "hangup alice bob NO ANSWER", app: "none"},
		{line: "PJSIP/bob,10,r", bob: busy, want: "hangup alice bob BUSY", app: "none"},
		{line: "PJSIP/bob,10,r", bob: ring, answers: "gives up", want: "hangup alice bob NO ANSWER", app: "none"},
		{line: "PJSIP/bob&PJSIP/carol,1", bob: busy, carol: ring, want: "hangup alice bob BUSY; hangup alice carol NO ANSWER", app: "none"},
		{line: "PJSIP/bob&PJSIP/carol,10", bob: ring, carol: ring, answers: "gives up", want: "hangup alice bob NO ANSWER; hangup alice carol NO ANSWER", app: "none"},
		{line: "PJSIP/bob&PJSIP/carol,10", carol: ring, answers: "bob", want: "hangup alice bob ANSWERED; hangup alice carol NO ANSWER", app: "hangup alice bob ANSWERED"},
		{line: "Local/d-bob@acme/n,10", answers: "bob", want: "d-bob Local bob ANSWERED; hangup alice Local ANSWERED"},
		{line: "Local/1002@acme/n,10", answers: "bob", want: "1002 Local bob ANSWERED; hangup alice Local ANSWERED"},
		{line: "Local/d-bob@acme/n,1", bob: ring, want: "d-bob Local bob NO ANSWER; hangup alice Local NO ANSWER", app: "d-bob Local bob NO ANSWER"},
		{line: "PJSIP/bob,10", bob: phone.Redirect("sip:1003@127.0.0.1"), answers: "carol", want: "1003 Local carol ANSWERED; hangup alice Local ANSWERED; hangup alice bob NO ANSWER"},
	} {
		phones["bob"].Behave(c.bob)
		phones["carol"].Behave(c.carol)
		for _, side := range []string{dialSide, appSide} {
			want := c.want
			if side == appSide && c.app != "" {
				want = c.app
			}
			written, others := l.recordsOf(side, c.line, c.answers, phones, want)
			got := strings.Join(written, "; ")
			t.Logf("%s %s %s: %s (with unanswered=yes: %s)", side, c.line, c.answers, got, strings.Join(others, "; "))
			if got == "" {
				got = "none"
				if len(others) == 0 {
					t.Errorf("%s %s: no record even with unanswered=yes", side, c.line)
				}
			}
			if got != want {
				t.Errorf("%s %s %s: the call records are %s, want %s", side, c.line, c.answers, got, want)
			}
		}
	}
}
