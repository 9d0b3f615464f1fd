package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/app/broker"
	"metaflows/docker/program"
	"metaflows/flows/calls"
)

// login connects as an auditor.
func login(p *program.Program) (*nats.Conn, error) {
	password, err := p.Secret("audit.password")
	if err != nil {
		return nil, fmt.Errorf("login %s: %w", broker.AuditUser, err)
	}
	conn, err := nats.Connect("nats://"+p.NATS, nats.UserInfo(broker.AuditUser, password), nats.CustomInboxPrefix(broker.AuditInbox))
	if err != nil {
		return nil, fmt.Errorf("log in to NATS at %s as %s: %w", p.NATS, broker.AuditUser, err)
	}
	return conn, nil
}

// Auditor is a NATS subscriber with the login audit: it sees the events as any outsider does.
type Auditor struct {
	*Seen[calls.Notice]
	conn *nats.Conn
}

// NewAuditor subscribes; each event is handed to told, too.
func NewAuditor(p *program.Program, told func(calls.Notice)) (*Auditor, error) {
	conn, err := login(p)
	if err != nil {
		return nil, err
	}
	return AuditorOn(conn, told)
}

// AuditorOn is NewAuditor on a connection, which is the auditor's from now on, also when this fails.
func AuditorOn(conn *nats.Conn, told func(calls.Notice)) (*Auditor, error) {
	a := &Auditor{Seen: NewSeen[calls.Notice](), conn: conn}
	_, err := conn.Subscribe(broker.EventSubjects, func(m *nats.Msg) {
		n := NoticeOf(m.Header, m.Data)
		told(n)
		a.Add(n)
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

// Close ends the subscription.
func (a *Auditor) Close() { a.conn.Close() }

// NoticeOf reads a CloudEvent as metaflows publishes it.
func NoticeOf(header nats.Header, payload []byte) calls.Notice {
	var n calls.Notice
	if err := json.Unmarshal(payload, &n); err != nil {
		n.Reason = "not JSON: " + err.Error()
	}
	n.Type = strings.TrimPrefix(header.Get("ce-type"), "metaflows.v1.")
	at, err := time.Parse(time.RFC3339Nano, header.Get("ce-time"))
	if err != nil {
		at = time.Now()
	}
	n.Time, n.ID = at, header.Get("ce-id")
	return n
}

// Tell tells an event in a few words.
func Tell(n calls.Notice) string {
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
		if n.Type == "code.unmatched" && n.Digits > 0 {
			words = append(words, fmt.Sprint(n.Digits, " digits"))
		}
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

// Story lists the events from a position on, for errors.
func (a *Auditor) Story(from int) string {
	list, _ := a.Since(from)
	return story(list)
}

func story(list []calls.Notice) string {
	types := make([]string, 0, len(list))
	for _, n := range list {
		types = append(types, Tell(n))
	}
	if len(types) == 0 {
		return "nothing"
	}
	return strings.Join(types, ", ")
}

// AwaitType waits for an event of a type, about a call if one is named, from a position on.
func (a *Auditor) AwaitType(ctx context.Context, from int, kind, call string) (calls.Notice, int, error) {
	n, next, err := a.Await(ctx, from, func(n calls.Notice) bool { return n.Type == kind && (call == "" || n.Call == call) })
	if err != nil {
		return n, next, fmt.Errorf("no NATS event %s: %w; since then there was %s", kind, err, a.Story(from))
	}
	return n, next, nil
}
