package phone

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// within returns the call that a request belongs to. Without one the request is
// answered with 481, and nil is returned.
func (p *Phone) within(req *sip.Request, tx sip.ServerTransaction) *Call {
	c := p.find(req)
	if c == nil {
		p.reply(req, tx, 481, phrase(481))
	}
	return c
}

// onAck takes the ACK of a 2xx; the SIP stack takes the others. It brings the
// answer when the INVITE had no offer.
func (p *Phone) onAck(req *sip.Request, _ sip.ServerTransaction) {
	c := p.find(req)
	if c == nil || req.CSeq() == nil {
		return
	}
	if len(req.Body()) > 0 {
		if err := c.applyAnswer(req.Body()); err != nil {
			c.log.Warn("ACK's media not understood", "error", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if acked, ok := c.acks[req.CSeq().SeqNo]; ok {
		close(acked)
		delete(c.acks, req.CSeq().SeqNo)
	}
}

// onBye ends a call.
func (p *Phone) onBye(req *sip.Request, tx sip.ServerTransaction) {
	c := p.within(req, tx)
	if c == nil {
		return
	}
	reason := headerValues(req, "Reason")
	p.reply(req, tx, 200, phrase(200))
	c.finish(End{By: Remote, Reason: reason, Cause: causeOf(reason)})
}

// onInfo takes a digit; any other INFO is accepted and forgotten.
func (p *Phone) onInfo(req *sip.Request, tx sip.ServerTransaction) {
	c := p.within(req, tx)
	if c == nil {
		return
	}
	now := time.Now()
	if contentType := headerValues(req, "Content-Type"); strings.HasPrefix(contentType, "application/dtmf") {
		key, duration, err := parseInfo(string(req.Body()))
		if err != nil {
			c.log.Warn("INFO not understood", "error", err)
			p.reply(req, tx, 400, phrase(400))
			return
		}
		c.media.ear.info(key, duration, now)
	}
	p.reply(req, tx, 200, phrase(200))
}

// onUpdate takes a change of the session or of the identity (RFC 3311).
func (p *Phone) onUpdate(req *sip.Request, tx sip.ServerTransaction) {
	c := p.within(req, tx)
	if c == nil {
		return
	}
	req = req.Clone()
	c.refresh(req.Contact())
	c.identify(req)
	res := sip.NewResponseFromRequest(req, 200, phrase(200), nil)
	res.AppendHeader(p.contact())
	if len(req.Body()) > 0 {
		if err := c.applyOffer(req.Body()); err != nil {
			c.log.Warn("UPDATE refused", "error", err)
			p.reply(req, tx, 488, phrase(488))
			return
		}
		setSDP(res, c.answerSDP())
	}
	if err := tx.Respond(res); err != nil {
		c.log.Debug("UPDATE not answered", "error", err)
	}
}

// onNotify takes the progress of a transfer (RFC 3515 section 2.4.5); other
// notifications, as of voice mail, are accepted and forgotten.
func (p *Phone) onNotify(req *sip.Request, tx sip.ServerTransaction) {
	p.reply(req, tx, 200, phrase(200))
	c := p.find(req)
	if c == nil || !strings.HasPrefix(headerValues(req, "Content-Type"), "message/sipfrag") {
		return
	}
	fields := strings.Fields(string(req.Body()))
	if len(fields) < 2 {
		return
	}
	code, err := strconv.Atoi(fields[1])
	if err != nil {
		return
	}
	c.mu.Lock()
	notified := c.notified
	c.mu.Unlock()
	select {
	case notified <- code:
	default: // nobody waits
	}
}

// onOptions answers OPTIONS, within a call and outside, and MESSAGE.
func (p *Phone) onOptions(req *sip.Request, tx sip.ServerTransaction) {
	p.reply(req, tx, 200, phrase(200), sip.NewHeader("Allow", allowed), sip.NewHeader("Accept", "application/sdp"))
}

// onRefer declines: the phone calls nobody on others' behalf.
func (p *Phone) onRefer(req *sip.Request, tx sip.ServerTransaction) {
	p.reply(req, tx, 603, phrase(603))
}

// onUnknown refuses what is not in allowed.
func (p *Phone) onUnknown(req *sip.Request, tx sip.ServerTransaction) {
	p.reply(req, tx, 405, "Method Not Allowed", sip.NewHeader("Allow", allowed))
}
