package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"metaflows/docker/phone"
)

// outage is how long metaflows is cut off from NATS.
const outage = 30 * time.Second

// startLimit is how long metaflows may take from its process's start to being ready.
const startLimit = time.Second

// story is the trial of compose.yaml.
type story struct {
	*project
	alice, bob *phone.Phone
	talk       *conversation
}

func single(p *project) []step {
	s := &story{project: p}
	return []step{
		{"the images are small, and say what they are", p.sizes},
		{"the system starts", s.start},
		{"its containers may do little", p.hardened},
		{"phones in a container make the demo call", s.demo},
		{"phones on this machine call each other through the published ports", s.begin},
		{"metaflows is killed in mid-call", s.kill},
		{"it is started again", s.again},
		{"metaflows is cut off from NATS in mid-call, for " + outage.String(), s.cutOff},
		{"every event is in the stream, once", s.once},
	}
}

func (s *story) start(ctx context.Context) error {
	began := time.Now()
	if _, err := s.compose(ctx, "up", "--detach", "--no-build", "asterisk", "nats", "metaflows", "codes"); err != nil {
		return err
	}
	if err := s.ready(ctx, 0); err != nil {
		return err
	}
	if err := s.healthy(ctx, "asterisk", "metaflows"); err != nil {
		return err
	}
	s.say("  ready %.1f s after the command", time.Since(began).Seconds())
	if err := s.visit(ctx); err != nil {
		return err
	}
	return s.stored(ctx)
}

// stored waits for the first codes.
func (p *project) stored(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answered)
	defer cancel()
	for {
		status, body, err := p.ask(ctx, 0, http.MethodGet, "/v2/accounts/acme/metaflows", "")
		if err == nil && status == http.StatusOK && strings.Contains(body, "record_call") {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("account acme has no codes: %d %s %w", status, body, err)
		}
	}
}

// healthy waits until the engine says so of services.
func (p *project) healthy(ctx context.Context, services ...string) error {
	ctx, cancel := context.WithTimeout(ctx, answered)
	defer cancel()
	for _, service := range services {
		for {
			id, err := p.container(ctx, service)
			if err != nil {
				return err
			}
			state, err := p.docker(ctx, "inspect", "--format", "{{.State.Health.Status}}", id)
			if err == nil && state == "healthy" {
				break
			}
			select {
			case <-time.After(300 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("service %s is %s: %w", service, state, err)
			}
		}
	}
	return nil
}

// demo starts the phones as a user does, and reads what they say of their first call.
func (s *story) demo(ctx context.Context) error {
	if _, err := s.compose(ctx, "up", "--detach", "--no-build", "phones"); err != nil {
		return err
	}
	id, err := s.container(ctx, "phones")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answered)
	defer cancel()
	for {
		said, err := s.docker(ctx, "logs", id)
		switch {
		case err != nil:
			return err
		case strings.Contains(said, "was not as it should be"):
			return errors.New(said)
		case strings.Contains(said, "all as it should be"):
			for line := range strings.Lines(said) {
				s.say("  %s", strings.TrimRight(line, "\n"))
			}
			_, err := s.compose(ctx, "stop", "--timeout", "5", "phones")
			if err == nil {
				_, err = s.told(ctx, "call.answered", "", "recording.started", "recording.stored", "code.unmatched", "transfer.completed", "call.ended")
			}
			return err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the phones are not done: %s", said)
		}
	}
}

func (s *story) begin(ctx context.Context) (err error) {
	if s.alice, err = s.phone(ctx, "alice", 0); err != nil {
		return err
	}
	if s.bob, err = s.phone(ctx, "bob", 0); err != nil {
		return err
	}
	if s.talk, err = s.call(ctx, s.alice, "1002", s.bob); err != nil {
		return err
	}
	if err := s.talk.press(ctx, "*9"); err != nil {
		return err
	}
	_, err = s.told(ctx, "code.armed", s.talk.id, "code.matched", "action.started", "recording.started")
	return err
}

func (s *story) kill(ctx context.Context) error {
	id, err := s.container(ctx, "metaflows")
	if err != nil {
		return err
	}
	since := time.Now()
	if _, err := s.docker(ctx, "kill", id); err != nil {
		return err
	}
	if _, _, err := s.ask(ctx, 0, http.MethodGet, "/healthz", ""); err == nil {
		return errors.New("it still answers")
	}
	if err := s.talk.talk(ctx); err != nil {
		return err
	}
	if gap := max(s.talk.a.MaxGap(since), s.talk.b.MaxGap(since)); gap > time.Second {
		return fmt.Errorf("the call was silent for %s", gap)
	}
	return nil
}

func (s *story) again(ctx context.Context) error {
	id, err := s.container(ctx, "metaflows")
	if err != nil {
		return err
	}
	if _, err := s.docker(ctx, "start", id); err != nil {
		return err
	}
	if err := s.ready(ctx, 0); err != nil {
		return err
	}
	now := time.Now()
	text, err := s.docker(ctx, "inspect", "--format", "{{.State.StartedAt}}", id)
	if err != nil {
		return err
	}
	started, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return err
	}
	took := now.Sub(started)
	s.say("  ready %d ms after its process began", took.Milliseconds())
	if took > startLimit {
		return fmt.Errorf("metaflows took %s to start, at most %s is allowed", took, startLimit)
	}
	if _, err := s.told(ctx, "call.adopted", s.talk.id); err != nil {
		return err
	}
	if err := s.talk.press(ctx, "*9"); err != nil {
		return err
	}
	_, err = s.told(ctx, "code.matched", s.talk.id, "recording.stored")
	return err
}

// cutOff takes metaflows off NATS's network, uses codes, and puts it back.
func (s *story) cutOff(ctx context.Context) error {
	id, err := s.container(ctx, "metaflows")
	if err != nil {
		return err
	}
	network := s.name + "_events"
	over := time.NewTimer(outage)
	defer over.Stop()
	if _, err := s.docker(ctx, "network", "disconnect", network, id); err != nil {
		return err
	}
	for range 2 {
		if err := s.talk.press(ctx, "*9"); err != nil {
			return err
		}
	}
	s.talk.a.ForgetDigits()
	if _, err := s.talk.b.Press(ctx, "*5"); err != nil {
		return err
	}
	if err := s.talk.a.WaitDigits(ctx, "*5"); err != nil {
		return err
	}
	if err := s.awaits(ctx, 0, http.StatusServiceUnavailable, `"nats":{"ok":false`, `"asterisk":{"ok":true}`); err != nil {
		return err
	}
	select {
	case <-over.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, err := s.docker(ctx, "network", "connect", network, id); err != nil {
		return err
	}
	back := time.Now()
	if err := s.ready(ctx, 0); err != nil {
		return err
	}
	s.say("  ready %.1f s after it was back", time.Since(back).Seconds())
	return s.talk.end(ctx)
}

// once compares the stream with what has happened in the call.
func (s *story) once(ctx context.Context) error {
	code := []string{"code.armed", "code.matched", "action.started", "action.finished"}
	recorded := slices.Concat(code, []string{"recording.started"}, code, []string{"recording.stored", "recording.delivered"})
	want := slices.Concat(
		[]string{"call.started", "call.answered", "call.adopted", "call.ended"},
		recorded,                                 // from before to after the restart
		recorded,                                 // while NATS was away
		[]string{"code.armed", "code.unmatched"}, // *5
		code,                                     // *0
	)
	return s.streamed(ctx, s.talk.id, want)
}
