package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The auditor sees a call as one story, in its order, each event under the account and the call, each with its own id.
func TestTheAuditorReadsAStory(t *testing.T) {
	l := newLab(t)
	l.document("acme", `{"numbers":{"9":{"module":"record_call"}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}`)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	l.press(b, "*9")
	l.event("recording.started", 1)
	l.press(b, "*5")
	l.event("code.unmatched", 1)
	l.gets(a, "**5")
	l.press(b, "*21234")
	l.hears(a, music1234)
	l.ended(b)
	l.hangUp(a)
	l.event("call.ended", 1)
	var story []string
	for _, e := range l.events() {
		if e.Kind == "document.changed" {
			continue
		}
		story = append(story, e.Kind)
		token := "metaflows.v1.event.acme."
		if !strings.HasPrefix(e.Subject, token) || !strings.HasSuffix(e.Subject, "."+e.Kind) || e.Account != "acme" || e.Node != "lab" || e.Call == "" {
			t.Errorf("%s of account %q, node %q, call %q came under %s", e.Kind, e.Account, e.Node, e.Call, e.Subject)
		}
		if e.Channel == "" || e.UniqueID == "" || e.LinkedID == "" || e.SIPCallID == "" || !strings.HasPrefix(e.Endpoint, "PJSIP/") {
			t.Errorf("%s does not say whose leg it is: %+v", e.Kind, e.Notice)
		}
	}
	for _, words := range [][]string{
		{"a call begins", "caller=PJSIP/alice-", "sip_call_id=" + a.ID(), "number=1001", "dialled=1002", "with=PJSIP/bob-", "with_sip_call_id=" + b.ID()},
		{"a call is answered", "caller=PJSIP/alice-", "sip_call_id=" + a.ID(), "with_sip_call_id=" + b.ID(), "took="},
		{"an action begins", "module=record_call", "by=PJSIP/bob"},
		{"an action has ended", "module=record_call", "by=PJSIP/bob", "result=continue"},
		{"an action begins", "module=transfer", "by=PJSIP/bob", "target=1234"},
		{"an action has ended", "module=transfer", "by=PJSIP/bob", "target=1234", "result=stop"},
		{"a call has ended", "caller=PJSIP/alice-", "sip_call_id=" + a.ID(), "PJSIP/bob-", "with_sip_call_id=" + b.ID(), "reason=hangup", "hung_up=PJSIP/alice-"},
	} {
		if n := l.logLines("level=INFO", words...); n != 1 {
			t.Errorf("%d lines of the log have %q, want 1", n, words)
		}
	}
	want := []string{
		"call.started", "call.answered",
		"code.armed", "code.matched", "action.started", "recording.started", "action.finished",
		"code.armed", "code.unmatched",
		"code.armed", "code.matched", "action.started", "transfer.ringing", "transfer.answered", "transfer.completed", "action.finished",
		"recording.stored", "call.ended",
	}
	if !slices.Equal(story, want) {
		t.Errorf("the story is\n  %s\nwant\n  %s", strings.Join(story, "\n  "), strings.Join(want, "\n  "))
	}
	if e := l.event("action.started", 2); e.Collected != "21234" || fmt.Sprint(e.Captures) != "[1234]" || e.Target != "1234" || e.Document != "account" {
		t.Errorf("action.started of the transfer says %+v", e.Notice)
	}
	if end, calls := l.event("call.ended", 1), b.ID(); end.Reason != "hangup" || end.Duration <= 0 || l.event("code.armed", 1).SIPCallID != calls {
		t.Errorf("call.ended says %+v; bob's SIP Call-ID is %s", end.Notice, calls)
	}
}

// logLines counts the lines of metaflows' log in this test, of a level, that hold all of the words.
func (l *lab) logLines(level string, words ...string) (count int) {
	for line := range strings.Lines(l.log.String()[l.logged:]) {
		has := func(word string) bool { return strings.Contains(line, word) }
		if has(level) && !slices.ContainsFunc(words, func(word string) bool { return !has(word) }) {
			count++
		}
	}
	return count
}
