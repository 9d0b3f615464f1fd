package phone

import (
	"fmt"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// arrival is what only a call in has.
type arrival struct {
	req     *sip.Request // the INVITE with our tag in To: what answers are made of
	tx      sip.ServerTransaction
	headers []Header
	from    sip.FromHeader
	offer   bool          // the INVITE brought an offer
	decided chan struct{} // closed when there is a final answer, or a CANCEL
	taken   bool          // somebody decides: guarded by the call's lock
}

// onInvite takes a new call, or a re-INVITE. It runs until the call has a final
// answer: the SIP stack drops the transaction when it returns.
func (p *Phone) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	if tag, ok := req.To().Params.Get("tag"); ok && tag != "" {
		p.onReinvite(req, tx)
		return
	}
	c, err := p.arrive(req, tx)
	if err != nil {
		p.log.Warn("call refused", "error", err)
		p.reply(req, tx, 488, phrase(488))
		return
	}
	if !tx.OnCancel(c.cancelled) {
		c.finish(End{By: Remote, Cancelled: true})
		return
	}
	p.mu.Lock()
	behaviour := p.behaviour
	p.mu.Unlock()
	if !p.add(c) {
		_ = c.Reject(480)
	} else {
		c.follow(behaviour)
	}
	<-c.in.decided
	if !c.isAnswered() {
		// The ACK of a refusal belongs to the transaction.
		select {
		case <-tx.Acks():
		case <-tx.Done():
		case <-p.ctx.Done():
		}
	}
}

// arrive makes a call of an INVITE.
func (p *Phone) arrive(req *sip.Request, tx sip.ServerTransaction) (*Call, error) {
	if req.Contact() == nil || req.CSeq() == nil || req.CallID() == nil || req.From() == nil {
		return nil, fmt.Errorf("phone %s: INVITE without Contact, CSeq, Call-ID or From", p.cfg.User)
	}
	// The transaction keeps req, so our tag goes into a copy.
	req = req.Clone()
	tag := sip.GenerateTagN(16)
	req.To().Params.Add("tag", tag)
	c, err := p.newCall(req.CallID().Value(), tag)
	if err != nil {
		return nil, err
	}
	c.incoming = true
	c.peer = req.From().Address.User
	c.in = arrival{req: req, tx: tx, from: *req.From(), decided: make(chan struct{})}
	for _, h := range req.Headers() {
		c.in.headers = append(c.in.headers, Header{h.Name(), h.Value()})
	}
	c.local, c.remote = req.To().Address, req.From().Address
	c.cseq = 0
	c.establish(req.From(), req.Contact(), req.GetHeaders("Record-Route"), false)
	c.identify(req)
	if c.in.offer = len(req.Body()) > 0; c.in.offer {
		if err := c.applyOffer(req.Body()); err != nil {
			c.media.close()
			return nil, err
		}
	}
	return c, nil
}

// follow does what a behaviour says, until the call is decided by it or by
// somebody else.
func (c *Call) follow(b Behaviour) {
	if b.Ringing {
		_ = c.Ring() // fails only when the call is over
	}
	if b.Early {
		_ = c.Progress()
	}
	if b.Forever {
		return
	}
	if b.After > 0 {
		timer := time.NewTimer(b.After)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.in.decided:
			return
		}
	}
	if b.Code == 0 || b.Code == 200 {
		_ = c.Answer(b.Headers...)
		return
	}
	if b.Contact != "" {
		b.Headers = append([]Header{{"Contact", "<" + b.Contact + ">"}}, b.Headers...)
	}
	_ = c.Reject(b.Code, b.Headers...)
}

// CallerID returns the display name and the user of the INVITE's From.
func (c *Call) CallerID() (name, number string) {
	return strings.Trim(c.in.from.DisplayName, `"`), c.in.from.Address.User
}

// Headers returns the headers of the INVITE of an incoming call, in order.
func (c *Call) Headers() []Header { return c.in.headers }

// Header returns the value of the first header of the INVITE called name,
// whatever its case, or "".
func (c *Call) Header(name string) string {
	for _, h := range c.in.headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Ring sends 180.
func (c *Call) Ring() error {
	return c.respond(180, nil)
}

// Progress sends 183 with a session description, and from then on the phone's
// tone.
func (c *Call) Progress() error {
	c.startMedia()
	if err := c.respond(183, c.answerSDP()); err != nil {
		return err
	}
	c.markEarly()
	return nil
}

// startMedia starts to send, if the INVITE said where to; else the ACK does.
func (c *Call) startMedia() {
	if c.in.offer {
		c.media.start()
	}
}

// Answer takes an incoming call: 200, with headers if there are any. It does not
// wait for the ACK. It is an error if the call was cancelled, rejected or
// answered before.
func (c *Call) Answer(headers ...Header) error {
	if err := c.decide("answer"); err != nil {
		return err
	}
	defer close(c.in.decided)
	c.answering.Lock()
	defer c.answering.Unlock()
	c.startMedia() // before the answer: who gets it may expect digits at once
	if err := c.respond(200, c.answerSDP(), headers...); err != nil {
		c.finish(End{By: Remote, Cancelled: true, Err: err})
		return err
	}
	c.markAnswered()
	return nil
}

// Reject refuses an incoming call with a status of 300 to 699. It is an error if
// the call was cancelled, rejected or answered before.
func (c *Call) Reject(code int, headers ...Header) error {
	if code < 300 || code > 699 {
		return fmt.Errorf("%s: reject with %d: a final status is 300 to 699", c, code)
	}
	if err := c.decide("reject"); err != nil {
		return err
	}
	defer close(c.in.decided)
	err := c.respond(code, nil, headers...)
	c.finish(End{By: Local, Err: err})
	return err
}

// decide makes the caller the one who gives the final answer.
func (c *Call) decide(verb string) error {
	if !c.incoming {
		return fmt.Errorf("%s: %s: not an incoming call", c, verb)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in.taken {
		return fmt.Errorf("%s: %s: the call already has its final status", c, verb)
	}
	c.in.taken = true
	return nil
}

// cancelled takes a CANCEL in. The SIP stack answers it and sends the 487; it
// holds the transaction's lock meanwhile, so nothing here may use tx.
func (c *Call) cancelled(req *sip.Request) {
	reason := headerValues(req, "Reason")
	c.mu.Lock()
	first := !c.in.taken
	c.in.taken = true
	if first {
		c.status, c.phrase = 487, phrase(487)
	}
	c.mu.Unlock()
	if !first {
		return // Answer or Reject came first, or find out that they did not
	}
	c.finish(End{By: Remote, Cancelled: true, Reason: reason, Cause: causeOf(reason)})
	close(c.in.decided)
}

// respond answers the INVITE; a 2xx is repeated until its ACK comes.
func (c *Call) respond(code int, body []byte, headers ...Header) error {
	c.mu.Lock()
	res := sip.NewResponseFromRequest(c.in.req, code, phrase(code), nil)
	if code < 300 {
		res.AppendHeader(c.phone.contact())
		res.AppendHeader(sip.NewHeader("Allow", allowed))
	}
	for _, h := range headers {
		res.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	if body != nil {
		setSDP(res, body)
	}
	c.mu.Unlock()
	if err := c.send2xxOrOther(c.in.tx, res, c.in.req.CSeq().SeqNo); err != nil {
		return fmt.Errorf("%s: %d %s not sent: %w", c, code, phrase(code), err)
	}
	c.note(code, phrase(code))
	return nil
}

// onStrayCancel answers a CANCEL that belongs to no INVITE; the SIP stack takes
// the others itself (RFC 3261 section 9.2).
func (p *Phone) onStrayCancel(req *sip.Request, tx sip.ServerTransaction) {
	p.reply(req, tx, 481, phrase(481))
}
