package phone

import (
	"context"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// cancelTimeout is how long a cancelled INVITE may go without a final answer
// before the call counts as over (RFC 3261 section 9.1 says 64*T1 = 32 s; the
// servers that we test answer in milliseconds).
const cancelTimeout = 5 * time.Second

// outgoing is what only a call out has.
type outgoing struct {
	headers    []Header
	name       string // display name in From
	user       string // user in From
	cancel     chan struct{}
	cancelling bool
}

// CallOption changes the INVITE of a call.
type CallOption func(*outgoing)

// WithHeader adds a header to the INVITE.
func WithHeader(name, value string) CallOption {
	return func(o *outgoing) { o.headers = append(o.headers, Header{name, value}) }
}

// WithCallerID puts a display name and a number into From instead of the
// phone's user.
func WithCallerID(name, number string) CallOption {
	return func(o *outgoing) { o.name, o.user = name, number }
}

// Call calls target, a user at the phone's server or a SIP URI, and blocks until
// the call is answered. A final answer other than 2xx is a [*Rejected]. When ctx
// is done first the call is cancelled.
func (p *Phone) Call(ctx context.Context, target string, opts ...CallOption) (*Call, error) {
	c, err := p.Dial(ctx, target, opts...)
	if err != nil {
		return nil, err
	}
	if err := c.WaitAnswered(ctx); err != nil {
		if !isClosed(c.ended) {
			stop, cancel := context.WithTimeout(context.Background(), closeTimeout)
			defer cancel()
			_ = c.Hangup(stop) // the caller learns of ctx, which came first
		}
		return nil, err
	}
	return c, nil
}

// Dial begins a call to target, a user at the phone's server or a SIP URI, and
// returns at once. The error is one of the phone, its sockets or the target's
// form; what the other side says is told by the call. ctx bounds nothing but
// Dial itself: end the call with Cancel or Hangup.
func (p *Phone) Dial(ctx context.Context, target string, opts ...CallOption) (*Call, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("phone %s: call %s: %w", p.cfg.User, target, err)
	}
	uri, err := p.target(target)
	if err != nil {
		return nil, err
	}
	c, err := p.newCall(newCallID(), sip.GenerateTagN(16))
	if err != nil {
		return nil, fmt.Errorf("phone %s: call %s: %w", p.cfg.User, target, err)
	}
	c.peer = target
	c.out = outgoing{user: p.cfg.User, cancel: make(chan struct{})}
	for _, opt := range opts {
		opt(&c.out)
	}
	c.local = sip.Uri{Scheme: "sip", User: c.out.user, Host: p.domain()}
	c.remote, c.target = uri, uri
	if !p.add(c) || !p.goTracked(c.invite) {
		c.finish(End{By: Local, Err: errClosed})
		return nil, fmt.Errorf("phone %s: call %s: %w", p.cfg.User, target, errClosed)
	}
	return c, nil
}

// Cancel gives up a call out that is not answered and blocks until it is over.
// If the answer comes first the call is hung up.
func (c *Call) Cancel(ctx context.Context) error {
	if c.incoming {
		return fmt.Errorf("%s: cancel: only the caller can", c)
	}
	c.mu.Lock()
	if !c.out.cancelling {
		c.out.cancelling = true
		close(c.out.cancel)
	}
	c.mu.Unlock()
	select {
	case <-c.ended:
		return nil
	case <-c.answered:
		return c.Hangup(ctx)
	case <-ctx.Done():
		c.finish(End{By: Local, Cancelled: true, Err: fmt.Errorf("%s: cancelled, without an answer", c)})
		return fmt.Errorf("%s: cancel: no answer: %w", c, ctx.Err())
	}
}

// invite sends the INVITE and takes the call to its answer or its end.
func (c *Call) invite() {
	var credentials sip.Header
	for challenges := 0; ; challenges++ {
		req := c.inviteRequest(credentials)
		tx, err := c.phone.txl.Request(c.phone.ctx, req)
		if err != nil {
			c.finish(End{By: Local, Err: fmt.Errorf("%s: INVITE: %w", c, err)})
			return
		}
		res, err := c.finalAnswer(tx, req)
		if err != nil {
			tx.Terminate()
			c.finish(End{By: Local, Cancelled: isClosed(c.out.cancel), Err: fmt.Errorf("%s: INVITE: %w", c, err)})
			return
		}
		if challenged(res) && challenges < maxChallenges && !isClosed(c.out.cancel) {
			if credentials, err = c.phone.authorize(req, res); err == nil {
				continue
			}
			c.log.Debug("challenge not understood", "error", err)
		}
		c.note(res.StatusCode, res.Reason)
		if !res.IsSuccess() {
			c.rejected(res)
			return
		}
		c.accepted(tx, req, res)
		return
	}
}

// inviteRequest builds the call's first INVITE, or repeats it with credentials.
func (c *Call) inviteRequest(credentials sip.Header) *sip.Request {
	c.mu.Lock()
	c.cseq++
	cseq := c.cseq
	c.invited = time.Now()
	c.mu.Unlock()
	to := &sip.ToHeader{Address: sip.Uri{Scheme: "sip", User: c.remote.User, Host: c.remote.Host}}
	req := c.phone.newRequest(sip.INVITE, c.remote, c.from(), to, c.key.callID, cseq)
	req.AppendHeader(sip.NewHeader("Allow", allowed))
	for _, h := range c.out.headers {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	if credentials != nil {
		req.AppendHeader(credentials)
	}
	setSDP(req, c.offer())
	return req
}

// finalAnswer reads the answers to an INVITE up to the final one. A CANCEL goes
// out when it is asked for and a provisional answer has come (RFC 3261 section
// 9.1).
func (c *Call) finalAnswer(tx sip.ClientTransaction, req *sip.Request) (*sip.Response, error) {
	giveUp := time.NewTimer(cancelTimeout)
	giveUp.Stop()
	defer giveUp.Stop()
	cancel, provisional := c.out.cancel, false
	for {
		// A nil channel waits for ever: until there is a provisional answer.
		var cancelNow chan struct{}
		if provisional {
			cancelNow = cancel
		}
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
			provisional = true
			c.progress(res)
		case <-cancelNow:
			cancel = nil
			c.phone.goTracked(func() { c.sendCancel(req) })
			giveUp.Reset(cancelTimeout)
		case <-giveUp.C:
			return nil, fmt.Errorf("cancelled, no final answer in %s", cancelTimeout)
		case <-tx.Done():
			return nil, txError(tx)
		case <-c.ended: // by Close, or by a Cancel that ran out of time
			return nil, errEnded
		case <-c.phone.ctx.Done():
			return nil, errClosed
		}
	}
}

// progress takes a provisional answer in.
func (c *Call) progress(res *sip.Response) {
	c.note(res.StatusCode, res.Reason)
	c.identify(res)
	if len(res.Body()) == 0 {
		return
	}
	if err := c.applyAnswer(res.Body()); err != nil {
		c.log.Warn("early media not understood", "error", err)
		return
	}
	c.markEarly()
}

// sendCancel cancels the INVITE req: same branch, same CSeq number (RFC 3261
// section 9.1).
func (c *Call) sendCancel(invite *sip.Request) {
	from, to := *invite.From(), *invite.To()
	req := c.phone.newRequest(sip.CANCEL, invite.Recipient, &from, &to, c.key.callID, invite.CSeq().SeqNo)
	req.ReplaceHeader(sip.HeaderClone(invite.Via()))
	req.RemoveHeader("Contact")
	ctx, cancel := context.WithTimeout(c.phone.ctx, cancelTimeout)
	defer cancel()
	if _, err := c.phone.do(ctx, req); err != nil {
		c.log.Debug("no answer to CANCEL", "error", err)
	}
}

// rejected ends the call after a final answer of 300 or more.
func (c *Call) rejected(res *sip.Response) {
	reason := headerValues(res, "Reason")
	err := &Rejected{
		Call: c.String(), Method: "INVITE", Code: res.StatusCode, Reason: res.Reason,
		Header: reason, Cause: causeOf(reason),
	}
	if contact := res.Contact(); contact != nil && res.StatusCode < 400 {
		err.Contact = contact.Address.String()
	}
	end := End{By: Remote, Reason: reason, Cause: err.Cause, Err: err}
	if isClosed(c.out.cancel) {
		end.By, end.Cancelled = Local, true
	}
	c.finish(end)
}

// accepted confirms a 2xx and starts the call, unless it was cancelled
// meanwhile.
func (c *Call) accepted(tx sip.ClientTransaction, req *sip.Request, res *sip.Response) {
	c.establish(res.To(), res.Contact(), res.GetHeaders("Record-Route"), true)
	c.identify(res)
	ack := func() { c.sendAck(req.CSeq().SeqNo) }
	// 2xx answers are repeated until the ACK arrives; the transaction stays for
	// them (RFC 6026), and each gets the ACK again.
	tx.OnRetransmission(func(*sip.Response) { ack() })
	ack()
	if len(res.Body()) > 0 {
		if err := c.applyAnswer(res.Body()); err != nil {
			c.log.Warn("answer's media not understood", "error", err)
		}
	}
	c.markAnswered()
	if isClosed(c.out.cancel) {
		_ = c.bye(c.phone.ctx)
	}
}
