package phone

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// registrationTime is the lifetime that the phone asks for; it is refreshed
// after half of it.
const registrationTime = 5 * time.Minute

// registration is the state of the phone's binding at its registrar.
type registration struct {
	sending sync.Mutex // one REGISTER at a time (RFC 3261 section 10.2)
	callID  string     // the same for all of them, with cseq counting up
	cseq    uint32

	mu      sync.Mutex
	active  bool
	refresh *time.Timer
}

// Register binds the phone's address at its server and keeps the binding alive
// until Unregister or Close. It blocks for the answer; a refusal is a
// [*Rejected].
func (p *Phone) Register(ctx context.Context) error {
	return p.registerFor(ctx, registrationTime)
}

// Unregister removes the phone's binding at its server.
func (p *Phone) Unregister(ctx context.Context) error {
	return p.registerFor(ctx, 0)
}

// Registered reports whether the last REGISTER bound the phone.
func (p *Phone) Registered() bool {
	p.register.mu.Lock()
	defer p.register.mu.Unlock()
	return p.register.active
}

// registerFor sends a REGISTER for lifetime, where 0 removes the binding.
func (p *Phone) registerFor(ctx context.Context, lifetime time.Duration) error {
	r := &p.register
	r.sending.Lock()
	defer r.sending.Unlock()
	if p.cfg.Server == "" {
		return fmt.Errorf("phone %s: register: %w", p.cfg.User, errors.New("no server"))
	}
	var registrar sip.Uri
	if err := sip.ParseUri("sip:"+p.cfg.Server, &registrar); err != nil {
		return fmt.Errorf("phone %s: register at %s: %w", p.cfg.User, p.cfg.Server, err)
	}
	if r.callID == "" {
		r.callID = newCallID()
	}
	self := sip.Uri{Scheme: "sip", User: p.cfg.User, Host: p.domain()}
	res, err := p.doAuthorized(ctx, func(credentials sip.Header) *sip.Request {
		r.cseq++
		from := &sip.FromHeader{Address: self}
		from.Params.Add("tag", sip.GenerateTagN(16))
		req := p.newRequest(sip.REGISTER, registrar, from, &sip.ToHeader{Address: self}, r.callID, r.cseq)
		req.AppendHeader(sip.NewHeader("Expires", strconv.Itoa(int(lifetime/time.Second))))
		if credentials != nil {
			req.AppendHeader(credentials)
		}
		return req
	})
	if err != nil {
		return fmt.Errorf("phone %s: register at %s: %w", p.cfg.User, p.cfg.Server, err)
	}
	if !res.IsSuccess() {
		return &Rejected{
			Call: "phone " + p.cfg.User, Method: "REGISTER", Code: res.StatusCode, Reason: res.Reason,
			Header: headerValues(res, "Reason"), Cause: causeOf(headerValues(res, "Reason")),
		}
	}
	p.scheduleRefresh(lifetime)
	return nil
}

// scheduleRefresh notes the new state and plans the next REGISTER.
func (p *Phone) scheduleRefresh(lifetime time.Duration) {
	r := &p.register
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = lifetime > 0
	if r.refresh != nil {
		r.refresh.Stop()
		r.refresh = nil
	}
	if !r.active {
		return
	}
	r.refresh = time.AfterFunc(lifetime/2, func() {
		p.goTracked(func() {
			if !p.Registered() {
				return
			}
			if err := p.Register(p.ctx); err != nil {
				p.log.Warn("registration not refreshed", "error", err)
			}
		})
	})
}
