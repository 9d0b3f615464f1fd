package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"metaflows/docker/phone"
	"metaflows/docker/rig"
)

// role is a phone's part in its call.
type role int

const (
	caller role = iota
	callee
	second
	target
	roles
)

// mostCalls is how many calls there are phones for.
const mostCalls = 4

// frequencies are the phones' tones, far enough from each other and from what else is heard.
var frequencies = []float64{580, 640, 760, 820, 880, 940, 1060, 1120, 1180, 1240, 1300, 1360, 1420, 1480, 1540, 1600}

// afterTone is what a caller hears who has gone on in the dialplan.
const afterTone = 700

// number is a phone's name and extension.
func number(call int, r role) string { return fmt.Sprintf("3%d%d0", call, r) }

// party is a phone and its calls in a run.
type party struct {
	*phone.Phone
	tone float64

	mu    sync.Mutex
	calls []*phone.Call // in and out
	rung  int
}

// newParty registers a phone, which lives until ctx ends.
func newParty(ctx context.Context, r *rig.Rig, call int, as role) (*party, error) {
	p := &party{tone: frequencies[call*int(roles)+int(as)]}
	var err error
	if p.Phone, err = r.Phone(ctx, number(call, as), p.tone); err != nil {
		return nil, err
	}
	go p.mind(ctx)
	return p, nil
}

// mind notes who calls. Whatever the phone did with the first call, it takes the later ones.
func (p *party) mind(ctx context.Context) {
	for {
		c, err := p.Incoming(ctx)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.calls = append(p.calls, c)
		p.rung++
		p.mu.Unlock()
		p.Behave(phone.Answer())
	}
}

// reset forgets the run before.
func (p *party) reset(b phone.Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls, p.rung = nil, 0
	p.Behave(b)
}

func (p *party) note(c *phone.Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, c)
}

func (p *party) all() []*phone.Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

func (p *party) rings() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rung
}

// hears says whether it hears another in one of its calls.
func (p *party) hears(other *party) bool {
	return slices.ContainsFunc(p.all(), func(c *phone.Call) bool { return c.Hears(other.tone) })
}

// busy says whether it still has a call.
func (p *party) busy() bool {
	return slices.ContainsFunc(p.all(), func(c *phone.Call) bool { return !over(c) })
}

func over(c *phone.Call) bool { _, is := c.HowEnded(); return is }

// talk says whether two hear each other.
func talk(one, other *party) bool { return one.hears(other) && other.hears(one) }

// hangUp ends all that the phone has.
func (p *party) hangUp(ctx context.Context) {
	for _, c := range p.Calls() {
		_ = c.Hangup(ctx)
	}
}

// state tells what becomes of its calls.
func (p *party) state() string {
	var words []string
	for _, c := range p.all() {
		code, _ := c.Status()
		text := fmt.Sprintf("has a call (%d) and hears %s", code, c.Hearing())
		if end, is := c.HowEnded(); is {
			text = fmt.Sprintf("call ended (%d), %s side", code, end.By)
		}
		words = append(words, text)
	}
	if len(words) == 0 {
		return p.Name() + " has no call"
	}
	return p.Name() + " " + strings.Join(words, "; ")
}

// endpoints are the phones' part of pjsip.conf.
func endpoints() string {
	var b strings.Builder
	for call := range mostCalls {
		for r := range roles {
			fmt.Fprintf(&b, `
[%[1]s](phone)
context = acme
callerid = "%[1]s" <%[1]s>
auth = %[1]s
aors = %[1]s
set_var = METAFLOWS_ACCOUNT=acme
set_var = METAFLOWS_USER=%[1]s
set_var = METAFLOWS_DEVICE=%[1]s
set_var = METAFLOWS_CONTEXT=acme

[%[1]s]
type = auth
auth_type = digest
username = %[1]s
password = %[1]s

[%[1]s]
type = aor
max_contacts = 1
remove_existing = yes
`, number(call, r))
		}
	}
	return b.String()
}
