package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"metaflows/app/doctor"
	"metaflows/docker/program"
)

// second starts another metaflows with the same application, a start that somebody did not mean.
func (o *own) second() *program.Program {
	o.Helper()
	binary, err := built()
	o.must(err)
	dir := o.TempDir()
	p, err := program.Start(o.ctx, o.Server, program.Options{Binary: binary, Data: filepath.Join(dir, "data"), LogPath: filepath.Join(dir, "log"), Node: "second"})
	o.must(err)
	o.Cleanup(p.Kill)
	return p
}

// A second process with the same application runs for some seconds by mistake. The first says who has taken its place, and is
// ready again when that one is gone; a recording that runs has gone on, a code stops it, and new calls have their codes.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		end    func(*own, *program.Program)
		within time.Duration
	}{
		{"killed", func(_ *own, p *program.Program) { p.Kill() }, 20 * time.Second},
		{"stopped", func(o *own, p *program.Program) { o.must(p.Stop()) }, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := ownProcess(t)
			o.document("acme", recordCodes)
			a, b := o.call(o.phone("alice"), "1002", o.phone("bob"))
			carol, dave := o.phone("carol"), o.phone("dave")
			c, d := o.call(carol, "1004", dave)
			o.press(b, "*9")
			started := o.event("recording.started", 1)

			second := o.second()
			o.awaits(http.StatusServiceUnavailable, `"asterisk":{"ok":false`, "another process, second-")
			o.talk(a, b)
			if a := o.live(http.MethodPut, "/"+o.channelOf("bob"), `{"action":"metaflow","data":{"module":"hangup"}}`); a.status != http.StatusServiceUnavailable {
				t.Errorf("a program that acts on a call of another process gets %d %s, want 503", a.status, a.text)
			}
			var says strings.Builder
			if doctor.Examine(o.ctx, o.config(o.ARIURL), "", &says); !strings.Contains(says.String(), "the application metaflows is held by second-") {
				t.Errorf("the doctor says %s", &says)
			}
			o.hangUp(c) // while the first does not look
			o.ended(d)
			tt.end(o, second)
			began := time.Now()
			ready := o.awaits(http.StatusOK)
			t.Logf("the first is ready %v after the second was %s", ready.Round(10*time.Millisecond), tt.name)
			if took := time.Since(began); took > tt.within {
				t.Errorf("ready after %v, want %v at most", took, tt.within)
			}

			o.event("call.adopted", 1)
			o.event("call.ended", 1) // that of carol and dave
			o.talk(a, b)
			o.press(b, "5")
			o.gets(a, "*5")
			o.press(b, "*9")
			if e := o.event("recording.stored", 1); e.Recording != started.Recording || e.Reason != "stopped" {
				t.Errorf("recording.stored says %+v, want that of %s", e.Notice, started.Recording)
			}
			c, d = o.call(carol, "1004", dave)
			o.press(d, "*9")
			o.event("recording.started", 2)
			o.hangUp(c)
			o.ended(d)
			o.hangUp(a)
			o.ended(b)
			o.event("call.ended", 3)
			o.nothingLeft()
		})
	}
}

// What who has the application says of itself in Asterisk is there again after a reload of the dialplan, which clears it.
func TestHolderIsTold(t *testing.T) {
	l := newLab(t)
	const variable = "/asterisk/variable?variable=METAFLOWS_HOLDER_metaflows"
	holder := func() string {
		status, text, err := l.ask(variable)
		l.must(err)
		if status != http.StatusOK {
			t.Fatalf("Asterisk answers %d %s", status, text)
		}
		return text
	}
	becomes := func(what string, is func(string) bool) {
		t.Helper()
		for deadline := time.Now().Add(8 * time.Second); !is(holder()); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("it does not become %s: %s", what, holder())
			}
		}
	}
	named := func(text string) bool { return strings.HasPrefix(text, `{"value":"lab-`) }
	becomes("this process", named)
	if globals, err := l.CLI("dialplan show globals"); err != nil || !strings.Contains(globals, "METAFLOWS_HOLDER_metaflows=lab-") {
		t.Errorf("dialplan show globals: %s %v", globals, err)
	}
	_, err := l.CLI("dialplan reload")
	l.must(err)
	becomes("empty", func(text string) bool { return text == `{"value":""}` })
	becomes("this process again", named)
}
