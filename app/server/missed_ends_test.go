package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/app/events"
	"metaflows/app/events/eventstest"
	"metaflows/flows/calls"
)

// TestEndOf: what is told of an end that nobody has seen is as its schema says, whatever the beginning has said besides.
func TestEndOf(t *testing.T) {
	call := calls.Notice{
		Type: "call.started", ID: "c:call.started:acme", Time: time.Now(), Account: "acme", Call: "c", Channel: "1.1", Endpoint: "PJSIP/alice",
		User: "alice", Device: "alice-desk", OtherChannel: "leg-c-1", OtherEndpoint: "PJSIP/bob", OtherUser: "bob", OtherDevice: "bob-desk",
		UniqueID: "1.1", LinkedID: "1.1", SIPCallID: "x",
		CallerName: "Alice", CallerNumber: "1001", Dialled: "1002", Direction: "internal", CallerChannel: "1.1", Warnings: []string{"t has no effect"},
	}
	recording := calls.Notice{
		Type: "recording.started", ID: "acme/c/1:recording.started", Time: time.Now(), Account: "acme", Call: "c", Channel: "1.1",
		Endpoint: "PJSIP/alice", User: "alice", Device: "alice-desk", UniqueID: "1.1", LinkedID: "1.1", Action: "c-1", Recording: "acme/c/1", Path: "numbers.9", Module: "record_call", Document: "account", Digits: 1,
	}
	action := recording
	action.Type, action.ID, action.Recording, action.Collected = "action.started", "1.1.5.0:action.started", "", "9"
	for _, begun := range []calls.Notice{call, recording, action} {
		check := func(n calls.Notice) {
			t.Helper()
			m, err := events.Message(n, "lab")
			if err == nil {
				err = eventstest.Check(m.Subject, m.Header, m.Data)
			}
			if err != nil {
				t.Errorf("%s: %v", n.Type, err)
			}
		}
		check(begun)
		n := calls.EndedUnseen(begun)
		if n.Recording != "" {
			n.Result = "stored"
		}
		check(n)
		if n.Reason != map[bool]string{false: "ended_while_away", true: "lost"}[n.Type == "action.failed"] || n.Call != "c" || n.Channel != "1.1" || n.User != "alice" {
			t.Errorf("%+v", n)
		}
	}
}

// What is unfinished is looked for when all is published that waits, or not in a reasonable time.
func TestDrained(t *testing.T) {
	for name, tt := range map[string]struct{ empties, want time.Duration }{
		"nothing waits":     {0, 0},
		"soon published":    {3 * time.Second, 3 * time.Second},
		"NATS does not let": {time.Hour, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				drained(t.Context(), func() int { return int(max(0, tt.empties-time.Since(began))) }, 10*time.Second)
				if took := time.Since(began); took < tt.want || took > tt.want+50*time.Millisecond {
					t.Errorf("after %s, want %s", took, tt.want)
				}
			})
		})
	}
	ended, end := context.WithCancel(t.Context())
	end()
	drained(ended, func() int { return 1 }, time.Hour)
}
