package phone

import (
	"context"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// setSDP puts a session description into a message.
func setSDP(msg sip.Message, body []byte) {
	msg.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	msg.SetBody(body)
}

// ours is our session with the direction dir. The call is locked.
func (c *Call) ours(dir direction) session {
	return session{addr: c.media.addr(), dir: dir, event: c.offered}
}

// write marshals a session of ours, counting its version up. The call is locked.
func (c *Call) write(s session) []byte {
	c.version++
	return s.marshal(uint64(c.created.Unix()), c.version)
}

// offer is our offer: we send always, and receive unless we hold.
func (c *Call) offer() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(c.ours(directionOf(true, !c.holding)))
}

// answerSDP is our answer to the last offer of the other side; to an INVITE
// without an offer it is an offer.
func (c *Call) answerSDP() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(c.ours(c.answerDirection()))
}

// answerDirection fits the other side's last offer (RFC 3264 section 6.1): we
// send what it receives, and receive what it sends unless we hold it. The call
// is locked.
func (c *Call) answerDirection() direction {
	return directionOf(c.theirs.receives(), c.theirs.sends() && !c.holding)
}

// applyOffer takes over an offer of the other side. It puts us on hold when it
// does not want to hear us (RFC 3264 section 8.4).
func (c *Call) applyOffer(body []byte) error {
	theirs, err := parseSession(body)
	if err != nil {
		return fmt.Errorf("%s: offer: %w", c, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.theirs = theirs.dir
	if c.offered = theirs.event; c.phone.cfg.NoEvents {
		c.offered = 0
	}
	c.media.connect(theirs, c.ours(c.answerDirection()))
	return nil
}

// applyAnswer takes over the other side's answer to our offer.
func (c *Call) applyAnswer(body []byte) error {
	theirs, err := parseSession(body)
	if err != nil {
		return fmt.Errorf("%s: answer: %w", c, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.offered == 0 {
		theirs.event = 0
	}
	c.media.connect(theirs, c.ours(directionOf(true, !c.holding)))
	c.media.start()
	return nil
}

// identify notes the other side's asserted identity.
func (c *Call) identify(msg interface{ GetHeaders(string) []sip.Header }) {
	if id := headerValues(msg, "P-Asserted-Identity"); id != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.identity = id
	}
}

// Hold puts the other side on hold: a re-INVITE with a=sendonly, after which
// this phone sends silence. It blocks for the answer.
func (c *Call) Hold(ctx context.Context) error { return c.reinvite(ctx, true) }

// Unhold takes the other side back: a re-INVITE with a=sendrecv. It blocks for
// the answer.
func (c *Call) Unhold(ctx context.Context) error { return c.reinvite(ctx, false) }

// reinvite offers a new direction. A refusal leaves everything as it was.
func (c *Call) reinvite(ctx context.Context, hold bool) error {
	verb := map[bool]string{true: "hold", false: "unhold"}[hold]
	c.negotiating.Lock()
	defer c.negotiating.Unlock()
	if !c.up() {
		return fmt.Errorf("%s: %s: the call is not up", c, verb)
	}
	c.mu.Lock()
	before := c.holding
	c.holding, c.pending = hold, true
	c.mu.Unlock()
	err := c.renegotiate(ctx)
	c.mu.Lock()
	c.pending = false
	if err != nil {
		c.holding = before
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c, verb, err)
	}
	c.media.mute(hold)
	return nil
}

// renegotiate sends a re-INVITE with our offer and takes the answer over.
func (c *Call) renegotiate(ctx context.Context) error {
	if !c.phone.goTracked(nil) {
		return errClosed
	}
	defer c.phone.wg.Done()
	var credentials sip.Header
	for challenges := 0; ; challenges++ {
		req := c.request(sip.INVITE, 0)
		if credentials != nil {
			req.AppendHeader(credentials)
		}
		setSDP(req, c.offer())
		tx, err := c.phone.txl.Request(ctx, req)
		if err != nil {
			return err
		}
		res, err := c.reinviteAnswer(ctx, tx)
		if err != nil {
			tx.Terminate()
			return err
		}
		if challenged(res) && challenges < maxChallenges {
			if credentials, err = c.phone.authorize(req, res); err != nil {
				return err
			}
			continue
		}
		if !res.IsSuccess() {
			return c.refusal(sip.INVITE, res)
		}
		c.refresh(res.Contact())
		c.identify(res)
		cseq := req.CSeq().SeqNo
		tx.OnRetransmission(func(*sip.Response) { c.sendAck(cseq) })
		c.sendAck(cseq)
		return c.applyAnswer(res.Body())
	}
}

// reinviteAnswer waits for the final answer to a re-INVITE.
func (c *Call) reinviteAnswer(ctx context.Context, tx sip.ClientTransaction) (*sip.Response, error) {
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, txError(tx)
		case <-c.ended:
			return nil, errEnded
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// onReinvite answers a re-INVITE: the call goes on as the other side offers.
func (p *Phone) onReinvite(req *sip.Request, tx sip.ServerTransaction) {
	c := p.find(req)
	if c == nil {
		p.refuse(req, tx, 481)
		return
	}
	c.mu.Lock()
	pending := c.pending
	c.mu.Unlock()
	if pending { // both at once (RFC 3261 section 14.2)
		p.refuse(req, tx, 491)
		return
	}
	req = req.Clone()
	c.refresh(req.Contact())
	c.identify(req)
	if len(req.Body()) > 0 {
		if err := c.applyOffer(req.Body()); err != nil {
			c.log.Warn("re-INVITE refused", "error", err)
			p.refuse(req, tx, 488)
			return
		}
	}
	res := sip.NewResponseFromRequest(req, 200, phrase(200), nil)
	res.AppendHeader(p.contact())
	res.AppendHeader(sip.NewHeader("Allow", allowed))
	setSDP(res, c.answerSDP())
	if err := c.send2xxOrOther(tx, res, req.CSeq().SeqNo); err != nil {
		c.log.Debug("re-INVITE not answered", "error", err)
	}
}

// refuse answers an INVITE with a failure and waits for its ACK.
func (p *Phone) refuse(req *sip.Request, tx sip.ServerTransaction, code int) {
	p.reply(req, tx, code, phrase(code))
	timer := time.NewTimer(cancelTimeout)
	defer timer.Stop()
	select {
	case <-tx.Acks():
	case <-tx.Done():
	case <-timer.C:
	case <-p.ctx.Done():
	}
}
