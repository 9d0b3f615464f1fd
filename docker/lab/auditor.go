package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/app/broker"
	"metaflows/flows"
)

// auditor is a NATS subscriber with the login audit: it sees the events as any outsider does.
type auditor struct {
	*seen[flows.Notice]
	conn *nats.Conn
}

// newAuditor subscribes; each event is handed to told, too.
func newAuditor(address, passwordFile string, told func(flows.Notice)) (*auditor, error) {
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		return nil, fmt.Errorf("login %s: %w", broker.AuditUser, err)
	}
	conn, err := nats.Connect("nats://"+address, nats.UserInfo(broker.AuditUser, strings.TrimSpace(string(password))),
		nats.CustomInboxPrefix(broker.AuditInbox))
	if err != nil {
		return nil, fmt.Errorf("log in to NATS at %s as %s: %w", address, broker.AuditUser, err)
	}
	a := &auditor{seen: newSeen[flows.Notice](), conn: conn}
	_, err = conn.Subscribe(broker.EventSubjects, func(m *nats.Msg) {
		n := noticeOf(m)
		told(n)
		a.add(n)
	})
	if err == nil {
		err = conn.Flush() // the subscription is in force
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("subscribe to %s: %w", broker.EventSubjects, err)
	}
	return a, nil
}

func (a *auditor) close() { a.conn.Close() }

// noticeOf reads a CloudEvent as metaflows publishes it.
func noticeOf(m *nats.Msg) flows.Notice {
	var n flows.Notice
	if err := json.Unmarshal(m.Data, &n); err != nil {
		n.Reason = "not JSON: " + err.Error()
	}
	n.Type = strings.TrimPrefix(m.Header.Get("ce-type"), "metaflows.v1.")
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get("ce-time"))
	if err != nil {
		at = time.Now()
	}
	n.Time = at
	return n
}

// noticeText tells an event in a few words.
func noticeText(n flows.Notice) string {
	words := []string{n.Type}
	if n.Type == "transfer.returned" && n.Result == "returned" {
		n.Result = "" // the type says it
	}
	switch kind, _, _ := strings.Cut(n.Type, "."); kind {
	case "call":
		if n.Type != "call.started" {
			words = append(words, n.Reason)
		}
	case "code":
		words = append(words, n.Path)
	case "action":
		words = append(words, n.Module)
		if n.Type == "action.failed" {
			words = append(words, n.Reason)
		}
	case "transfer":
		if n.Type == "transfer.returned" {
			words = append(words, n.Result, n.Reason)
		} else {
			words = append(words, n.Target)
		}
	}
	if n.Duration > 0 && (n.Type == "recording.stored" || n.Type == "call.ended") {
		words = append(words, fmt.Sprintf("%.1f s", float64(n.Duration)/1000))
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// story lists the types of events from a position on, for errors.
func (a *auditor) story(from int) string {
	list, _ := a.since(from)
	types := make([]string, 0, len(list))
	for _, n := range list {
		types = append(types, noticeText(n))
	}
	if len(types) == 0 {
		return "nothing"
	}
	return strings.Join(types, ", ")
}

// await waits for an event of a type, about a call if one is named, from a position on.
func (a *auditor) await(ctx context.Context, from int, kind, call string) (flows.Notice, int, error) {
	n, next, err := a.seen.await(ctx, from, func(n flows.Notice) bool { return n.Type == kind && (call == "" || n.Call == call) })
	if err != nil {
		return n, next, fmt.Errorf("no NATS event %s: %w; since then there was %s", kind, err, a.story(from))
	}
	return n, next, nil
}
