package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"metaflows/app/broker"
)

// The program in app/events/README.md tells who talked with whom, and what was recorded, of a call that is transferred
// twice; transfer.answered names who has answered.
func TestTalks(t *testing.T) {
	t.Parallel()
	s := ownSystem(t)
	l := labOn(t, s)
	l.document("acme", `{"numbers":{"9":{"module":"record_call"}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}`)
	alice, bob, carol, dave := l.phone("alice"), l.phone("bob"), l.phone("carol"), l.phone("dave")
	a, b := l.call(alice, "1002", bob)
	for _, kind := range []string{"call.started", "call.answered"} {
		e := l.event(kind, 1)
		if e.CallerName == "" || e.CallerNumber != "1001" || e.Dialled != "1002" || e.Direction != "internal" || e.CallerChannel != e.Channel || e.OtherEndpoint != "PJSIP/bob" {
			t.Errorf("%s says %+v", kind, e.Notice)
		}
	}
	l.press(b, "*9")
	l.event("recording.started", 1)
	l.press(b, "*9")
	l.event("recording.stored", 1)
	l.press(b, "*21003")
	c := l.incoming(carol)
	l.talk(a, c)
	l.ended(b)
	l.event("action.finished", 3)
	l.press(c, "*21004")
	d := l.incoming(dave)
	l.talk(a, d)
	l.ended(c)
	l.hangUp(d)
	l.ended(a)
	l.event("call.ended", 3)
	calls := map[string]string{} // by who was called
	for _, e := range l.all("call.answered") {
		if e.CallerNumber != "1001" || e.CallerChannel == "" {
			t.Errorf("call.answered says %+v", e.Notice)
		}
		if e.Endpoint != "PJSIP/alice" {
			calls[e.Endpoint] = e.Call
			if e.Dialled != "" || e.Direction != "in" || e.OtherEndpoint != "" { // the caller is a Local channel
				t.Errorf("call.answered says %+v", e.Notice)
			}
		}
	}
	for n, who := range []string{"PJSIP/carol", "PJSIP/dave"} {
		if e := l.event("transfer.answered", n+1); e.TargetEndpoint != who || e.TargetCall == "" || e.TargetCall != calls[who] || e.TargetChannel == "" {
			t.Errorf("transfer.answered says %+v, want %s in call %s", e.Notice, who, calls[who])
		}
	}

	password, err := os.ReadFile(s.AuditPasswordFile)
	l.must(err)
	program := exec.CommandContext(l.ctx, "go", "run", "metaflows/app/events/talks",
		"nats://"+broker.AuditUser+":"+strings.TrimSpace(string(password))+"@"+s.NATS, "metaflows.v1.event.acme.>")
	program.Stderr = os.Stderr
	out, err := program.Output()
	l.must(err)
	recording := l.event("recording.stored", 1).Recording
	want := "PJSIP/alice talks with PJSIP/bob\nrecorded: " + recording + "\nPJSIP/alice talks with PJSIP/carol\nPJSIP/alice talks with PJSIP/dave\n"
	if got := regexp.MustCompile(`(?m)^\S+Z `).ReplaceAllString(string(out), ""); got != want {
		t.Errorf("it says\n%swant\n%s", got, want)
	}
	t.Logf("it says\n%s", out)
	l.nothingLeft()
}
