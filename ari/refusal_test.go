package ari

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"metaflows/ari/aritest"
	"metaflows/flows/calls"
)

var (
	wrongPassword = &aritest.Answer{Status: 401, Body: `{"message":"Authentication required"}`}
	readOnly      = &aritest.Answer{Status: 403, Body: `{"message":"Write access denied"}`}
	switchedOff   = &aritest.Answer{Status: 404, Body: "<html>", HTML: true}
)

// ARI refuses every request while the websocket stays open: that is noticed by itself, the connection is ended and taken up
// again when ARI answers.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer *aritest.Answer
		strict bool
		says   string
		do     string
	}{
		{"another password", wrongPassword, true, "refuses the ARI user \"metaflows\" or its password (401)", "write METAFLOWS_ARI_PASSWORD into the section [metaflows]"},
		{"another password, as if the websocket still obeyed", wrongPassword, false, "password (401)", "metaflows the password of ari.conf, and start it again"},
		{"read only", readOnly, true, "read_only = no", "module reload res_ari.so"},
		{"switched off", switchedOff, false, "no ARI at this URL (404)", "enabled = yes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
				p := contend(t, asterisk, "lab")
				within(t, time.Second, "connected", p.has)
				time.Sleep(time.Minute)
				before := asterisk.Connections()
				asterisk.Refuse(tt.answer, tt.strict)
				within(t, beatInterval+time.Second, "the refusal is noticed", func() bool { return !p.has() })
				asterisk.Requests()
				time.Sleep(time.Minute)
				if status := p.Status(); !strings.Contains(status.Problem, tt.says) || status.Refused == 0 {
					t.Errorf("status %+v, want %q", status, tt.says)
				}
				if n := strings.Count(p.log.String(), "level=ERROR") + strings.Count(p.log.String(), "level=WARN"); n != 1 || !strings.Contains(p.log.String(), "level=ERROR") || !strings.Contains(p.log.String(), tt.do) {
					t.Errorf("told %d times, want one error and %q:\n%s", n, tt.do, &p.log)
				}
				if want := int64(1); tt.strict == (p.given.Load() == want) {
					t.Errorf("calls were given back %d times", p.given.Load())
				}
				if n := asterisk.Connections(); n != before {
					t.Errorf("%d websockets, want %d: calls would enter", n, before)
				}
				asterisk.Refuse(nil, false)
				within(t, 6*time.Second, "connected again", p.has)
				if err := p.Answer("1"); err != nil || p.held.Load() != 2 {
					t.Errorf("%v, connected %d times", err, p.held.Load())
				}
			})
		})
	}
}

// A request that is refused is tried over the websocket, and lets the rest be noticed at once.
func TestRefusedRequest(t *testing.T) {
	bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
		p := contend(t, asterisk, "lab")
		within(t, time.Second, "connected", p.has)
		time.Sleep(time.Second)
		p.give = func(ctx context.Context) {
			if err := errors.Join(p.SetVariables("1", map[string]string{"A": "1", "B": "2"}), p.Continue("1")); err != nil { // one of ours, one of v5
				t.Error(err)
			}
		}
		asterisk.Requests()
		asterisk.Refuse(switchedOff, false)
		if err := p.Ring("2"); err != nil {
			t.Error(err)
		}
		within(t, 100*time.Millisecond, "the refusal is noticed", func() bool { return !p.has() })
		within(t, 500*time.Millisecond, "the websocket is closed", func() bool { return p.wire.Load() == nil })
		var over []string
		for _, r := range asterisk.Requests() {
			if r.Wire && !strings.HasPrefix(r.Path, "/asterisk/") {
				over = append(over, r.String())
			}
		}
		want := `POST /channels/2/ring|POST /channels/1/variables {"variables":{"A":"1","B":"2"}}|POST /channels/1/continue`
		if got := strings.Join(over, "|"); !strings.HasPrefix(got, want) {
			t.Errorf("over the websocket came %s, want %s", got, want)
		}
		if err := p.Answer("2"); !errors.Is(err, calls.ErrUnavailable) {
			t.Errorf("a command while there is no websocket: %v", err)
		}
	})
}

// What is refused for itself, while Asterisk takes all else, ends nothing.
func TestRefusedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
		p := contend(t, asterisk, "lab")
		within(t, time.Second, "connected", p.has)
		asterisk.Script("POST /channels/2/answer", *readOnly)
		if err := p.Answer("2"); !errors.Is(err, calls.ErrUnavailable) {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if !p.has() || p.held.Load() != 1 || p.errors() > 0 {
			t.Errorf("%+v\n%s", p.Status(), &p.log)
		}
	})
}

// A call that the dialplan offers is claimed at once; not while another process has the application, nor by who is none.
func TestOffered(t *testing.T) {
	for _, tt := range []struct {
		name, process string
		away          bool
		want          string
	}{
		{"ours", "lab", false, "POST /events/claim?application=metaflows&channelId=1795948134.0"},
		{"another's", "lab", true, ""},
		{"a doctor's", "", false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, asterisk *aritest.Pipe) {
				p := contend(t, asterisk, tt.process)
				within(t, time.Second, "connected", p.has)
				p.away.Store(tt.away)
				asterisk.Requests()
				asterisk.Push(string(readFrame(t, "call_broadcast")))
				time.Sleep(100 * time.Millisecond)
				got := ""
				for _, r := range asterisk.Requests() {
					got += r.String()
				}
				if got != tt.want {
					t.Errorf("requests %q, want %q", got, tt.want)
				}
			})
		})
	}
}
