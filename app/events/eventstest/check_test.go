package eventstest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/app/events"
	"metaflows/flows/calls"
)

// good are events of some types as they are published.
func good() []calls.Notice {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC)
	leg := calls.Notice{
		ID: "i", Time: at, Account: "acme", Call: "1700.5-x", Channel: "1700.5", Endpoint: "PJSIP/bob", User: "bob", Device: "bob-desk",
		OtherChannel: "1700.4", OtherEndpoint: "PJSIP/alice", UniqueID: "1700.5", LinkedID: "1700.4", SIPCallID: "a@b",
	}
	some := func(kind string, change func(*calls.Notice)) calls.Notice {
		n := leg
		n.Type = kind
		change(&n)
		return n
	}
	return []calls.Notice{
		some("call.started", func(*calls.Notice) {}),
		some("call.ended", func(n *calls.Notice) { n.Reason, n.Duration = "hangup", 12 }),
		{Type: "call.ended", ID: "i", Time: at, Call: "c", Reason: "busy"},
		some("code.matched", func(n *calls.Notice) {
			n.Module, n.Path, n.Document, n.Digits, n.Result = "transfer", `patterns.2(\d+)`, "account", 5, "timeout"
		}),
		some("action.failed", func(n *calls.Notice) {
			n.Action, n.Module, n.Path, n.Document, n.Digits, n.Result, n.Reason = "a.0", "transfer", "numbers.2", "user", 5, "failed", "no_extension"
		}),
		{Type: "document.changed", ID: "i", Time: at, Account: "acme", Document: "account", Path: "/v2/accounts/acme/metaflows", Result: "stored"},
	}
}

func message(t *testing.T, n calls.Notice) *nats.Msg {
	t.Helper()
	m, err := events.Message(n, "n1")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestGoodEvents(t *testing.T) {
	for _, n := range good() {
		if m := message(t, n); Check(m.Subject, m.Header, m.Data) != nil {
			t.Error(Check(m.Subject, m.Header, m.Data))
		}
	}
}

// Whatever is wrong with an event is found.
func TestBadEvents(t *testing.T) {
	ended, matched := good()[1], good()[3]
	for name, tt := range map[string]struct {
		of     calls.Notice
		change func(*nats.Msg)
		says   string
	}{
		"unknown type":         {ended, func(m *nats.Msg) { m.Header.Set("ce-type", "metaflows.v1.call.over") }, "does not exist"},
		"the common schema":    {ended, func(m *nats.Msg) { m.Header.Set("ce-type", "metaflows.v1.event") }, "does not exist"},
		"no JSON":              {ended, func(m *nats.Msg) { m.Data = m.Data[1:] }, "invalid"},
		"array":                {ended, func(m *nats.Msg) { m.Data = []byte(`[]`) }, "want object"},
		"unknown reason":       {ended, replace(`"hangup"`, `"bored"`), "reason"},
		"lacks its reason":     {ended, replace(`,"reason":"hangup"`, ``), "missing property 'reason'"},
		"a key of other types": {ended, replace(`"reason"`, `"digits":3,"reason"`), "digits"},
		"an empty value":       {ended, replace(`"acme"`, `""`), "account"},
		"a wrong type":         {ended, replace(`:12`, `:"12"`), "duration_ms"},
		"tells the code":       {matched, replace(`"digits":5`, `"digits":5,"collected":"21234"`), "collected"},
		"another account's":    {ended, func(m *nats.Msg) { m.Subject = strings.Replace(m.Subject, "acme", "evil", 1) }, "the subject"},
		"not encoded":          {ended, func(m *nats.Msg) { m.Subject = strings.Replace(m.Subject, "=2E", ".", 1) }, "the subject"},
		"no id":                {ended, func(m *nats.Msg) { m.Header.Del("ce-id"); m.Header.Del(nats.MsgIdHdr) }, "no ce-id"},
		"another id":           {ended, func(m *nats.Msg) { m.Header.Set(nats.MsgIdHdr, "x") }, "Nats-Msg-Id"},
		"local time":           {ended, func(m *nats.Msg) { m.Header.Set("ce-time", "2026-03-04T05:06:07.089+01:00") }, "ce-time"},
		"another node":         {ended, func(m *nats.Msg) { m.Header.Set("ce-source", "/metaflows/n2") }, "ce-source"},
		"no call":              {ended, func(m *nats.Msg) { m.Header.Del("ce-subject") }, "ce-subject"},
		"a header twice":       {ended, func(m *nats.Msg) { m.Header.Add("ce-specversion", "1.0") }, "2 times"},
	} {
		t.Run(name, func(t *testing.T) {
			m := message(t, tt.of)
			tt.change(m)
			if err := Check(m.Subject, m.Header, m.Data); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v does not say %q", err, tt.says)
			}
		})
	}
}

func replace(old, with string) func(*nats.Msg) {
	return func(m *nats.Msg) { m.Data = []byte(strings.Replace(string(m.Data), old, with, 1)) }
}

// The schemas are those of the types that are promised (app/events/README.md).
func TestTypes(t *testing.T) {
	want := []string{
		"action.failed", "action.finished", "action.started", "call.abandoned", "call.adopted", "call.answered", "call.ended", "call.forwarded", "call.started",
		"code.armed", "code.matched", "code.unmatched", "document.changed", "documents.damaged", "event", "events.lost", "recording.deleted", "recording.delivered", "recording.failed",
		"recording.masked", "recording.played", "recording.started", "recording.stored", "recording.unattended", "recording.unmasked", "transfer.answered", "transfer.completed", "transfer.returned", "transfer.ringing",
	}
	if got := events.Schemas(); !slices.Equal(got, want) {
		t.Error(got)
	}
	types, err := compiled()
	if err != nil || len(types) != len(want)-1 {
		t.Error(len(types), err)
	}
	if events.Schema("call.over") != nil || events.Schema("../schemas") != nil || events.Schema("") != nil {
		t.Error("there is a schema of no type")
	}
}
