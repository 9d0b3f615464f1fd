package phone

import (
	"context"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// dialogKey finds a call among the phone's calls. The tag is ours: a phone
// that calls itself has two calls with the same Call-ID.
type dialogKey struct{ callID, localTag string }

// Calls returns the phone's calls that have not ended, in no order.
func (p *Phone) Calls() []*Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := make([]*Call, 0, len(p.calls))
	for _, c := range p.calls {
		calls = append(calls, c)
	}
	return calls
}

// Incoming returns the next incoming call, in the order of arrival; each call
// is returned once, whatever the phone's behaviour does with it, and also when
// it has ended meanwhile. It blocks until there is one or ctx is done.
func (p *Phone) Incoming(ctx context.Context) (*Call, error) {
	start := time.Now()
	for {
		p.mu.Lock()
		if len(p.inbox) > 0 {
			c := p.inbox[0]
			p.inbox = p.inbox[1:]
			p.mu.Unlock()
			return c, nil
		}
		arrived := p.arrived
		p.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, fmt.Errorf("phone %s: waited %s for a call: %w", p.cfg.User, since(start), ctx.Err())
		case <-p.ctx.Done():
			return nil, fmt.Errorf("phone %s: %w", p.cfg.User, errClosed)
		}
	}
}

// ForgetIncoming drops the calls that Incoming would return.
func (p *Phone) ForgetIncoming() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inbox = nil
}

// add puts a new call into the phone's table, unless it has ended already, and
// an incoming one into the inbox. It reports false when the phone is closing.
func (p *Phone) add(c *Call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	if _, over := c.HowEnded(); !over {
		p.calls[c.key] = c
	}
	if c.incoming {
		p.inbox = append(p.inbox, c)
		close(p.arrived)
		p.arrived = make(chan struct{})
	}
	return true
}

// remove takes an ended call out of the phone's table.
func (p *Phone) remove(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, c.key)
}

// find returns the call that an in-dialog request belongs to, or nil.
func (p *Phone) find(req *sip.Request) *Call {
	id, to := req.CallID(), req.To()
	if id == nil || to == nil {
		return nil
	}
	tag, _ := to.Params.Get("tag")
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[dialogKey{id.Value(), tag}]
}
