package phone

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
)

// establish takes over the other side's part of a dialog (RFC 3261 section
// 12.1): its tag, Contact and the route set, which the caller of the dialog
// reads in reverse.
func (c *Call) establish(who interface{ Value() string }, contact *sip.ContactHeader, recordRoutes []sip.Header, caller bool) {
	var tag string
	switch h := who.(type) {
	case *sip.ToHeader:
		tag, _ = h.Params.Get("tag")
	case *sip.FromHeader:
		tag, _ = h.Params.Get("tag")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remoteTag = tag
	if contact != nil {
		c.target = *contact.Address.Clone()
	}
	c.routes = nil
	for _, h := range recordRoutes {
		c.routes = append(c.routes, h.Value())
	}
	if caller {
		slices.Reverse(c.routes)
	}
}

// refresh takes over a new Contact of the other side (RFC 3261 section 12.2).
func (c *Call) refresh(contact *sip.ContactHeader) {
	if contact == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target = *contact.Address.Clone()
}

// from is our side in a request.
func (c *Call) from() *sip.FromHeader {
	h := &sip.FromHeader{DisplayName: c.out.name, Address: c.local}
	h.Params.Add("tag", c.key.localTag)
	return h
}

// request builds a request within the dialog (RFC 3261 section 12.2.1.1). With
// cseq 0 it takes the next number.
func (c *Call) request(method sip.RequestMethod, cseq uint32) *sip.Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cseq == 0 {
		c.cseq++
		cseq = c.cseq
	}
	to := &sip.ToHeader{Address: c.remote}
	if c.remoteTag != "" {
		to.Params.Add("tag", c.remoteTag)
	}
	req := c.phone.newRequest(method, c.target, c.from(), to, c.key.callID, cseq)
	for _, route := range c.routes {
		req.AppendHeader(sip.NewHeader("Route", route))
	}
	return req
}

// sendAck acknowledges a 2xx (RFC 3261 section 13.2.2.4). The ACK itself is
// never answered.
func (c *Call) sendAck(cseq uint32) {
	if !c.phone.goTracked(nil) {
		return
	}
	defer c.phone.wg.Done()
	if err := c.phone.ua.TransportLayer().WriteMsg(c.request(sip.ACK, cseq)); err != nil {
		c.log.Debug("ACK not sent", "error", err)
	}
}

// exchange sends a request within the dialog, with credentials if it is
// challenged, and returns the final answer.
func (c *Call) exchange(ctx context.Context, method sip.RequestMethod, contentType string, body []byte, headers ...sip.Header) (*sip.Response, error) {
	return c.phone.doAuthorized(ctx, func(credentials sip.Header) *sip.Request {
		req := c.request(method, 0)
		for _, h := range headers {
			req.AppendHeader(sip.HeaderClone(h))
		}
		if credentials != nil {
			req.AppendHeader(credentials)
		}
		if body != nil {
			req.AppendHeader(sip.NewHeader("Content-Type", contentType))
			req.SetBody(body)
		}
		return req
	})
}

// expectOK is exchange where everything but a 2xx is an error.
func (c *Call) expectOK(ctx context.Context, method sip.RequestMethod, contentType string, body []byte, headers ...sip.Header) error {
	if !c.up() {
		return fmt.Errorf("the call is not up")
	}
	res, err := c.exchange(ctx, method, contentType, body, headers...)
	if err != nil {
		return err
	}
	if !res.IsSuccess() {
		return c.refusal(method, res)
	}
	return nil
}

// refusal is the error of a final answer other than 2xx.
func (c *Call) refusal(method sip.RequestMethod, res *sip.Response) *Rejected {
	reason := headerValues(res, "Reason")
	return &Rejected{
		Call: c.String(), Method: method.String(), Code: res.StatusCode, Reason: res.Reason,
		Header: reason, Cause: causeOf(reason),
	}
}

// bye hangs up an answered call.
func (c *Call) bye(ctx context.Context) error {
	// Media stops first: who hangs up hears nothing and sends nothing.
	if !c.finish(End{By: Local}) {
		return nil
	}
	res, err := c.exchange(ctx, sip.BYE, "", nil)
	if err != nil {
		return fmt.Errorf("%s: hang up: %w", c, err)
	}
	// 481: the other side hung up at the same time.
	if !res.IsSuccess() && res.StatusCode != 481 {
		return c.refusal(sip.BYE, res)
	}
	return nil
}

// Refer asks the other side to call target, a user at the phone's server or a
// SIP URI (RFC 3515), and blocks until it says how that went: nil for a final
// 2xx. This call stays up, without a peer: hang it up afterwards.
func (c *Call) Refer(ctx context.Context, target string) error {
	uri, err := c.phone.target(target)
	if err != nil {
		return fmt.Errorf("%s: refer: %w", c, err)
	}
	return c.refer(ctx, target, uri.String())
}

// ReferTo asks the other side to take this phone's place in its other call
// (attended transfer: RFC 3515 with Replaces, RFC 3891), and blocks like Refer.
// Both calls stay up, without a peer: hang them up afterwards.
func (c *Call) ReferTo(ctx context.Context, other *Call) error {
	other.mu.Lock()
	target, tag := other.target, other.remoteTag
	other.mu.Unlock()
	replaces := url.QueryEscape(other.key.callID + ";to-tag=" + tag + ";from-tag=" + other.key.localTag)
	return c.refer(ctx, other.String(), target.String()+"?Replaces="+replaces)
}

// refer sends a REFER and waits for its outcome. to is for people.
func (c *Call) refer(ctx context.Context, to, uri string) error {
	notified := make(chan int, 16)
	c.mu.Lock()
	c.notified = notified
	c.mu.Unlock()
	err := c.expectOK(ctx, sip.REFER, "", nil,
		sip.NewHeader("Refer-To", "<"+uri+">"),
		sip.NewHeader("Referred-By", "<"+c.local.Addr()+">"))
	if err != nil {
		return fmt.Errorf("%s: refer to %s: %w", c, to, err)
	}
	for {
		select {
		case code := <-notified:
			switch {
			case code >= 300:
				return &Rejected{Call: c.String(), Method: "REFER to " + to, Code: code, Reason: phrase(code)}
			case code >= 200:
				return nil
			}
		case <-c.ended:
			return fmt.Errorf("%s: refer to %s: %w before the outcome was told", c, to, errEnded)
		case <-ctx.Done():
			return fmt.Errorf("%s: refer to %s: outcome not told: %w", c, to, ctx.Err())
		}
	}
}

// send2xxOrOther sends an answer to an INVITE. A 2xx is repeated until its ACK
// comes, at intervals of T1 doubling to T2; without one for 64*T1 the call is
// hung up (RFC 3261 section 13.3.1.4).
func (c *Call) send2xxOrOther(tx sip.ServerTransaction, res *sip.Response, cseq uint32) error {
	if !res.IsSuccess() {
		return tx.Respond(res)
	}
	acked := make(chan struct{})
	c.mu.Lock()
	c.acks[cseq] = acked
	c.mu.Unlock()
	if err := tx.Respond(res); err != nil {
		return err
	}
	c.phone.goTracked(func() {
		interval := sip.T1
		giveUp := time.NewTimer(64 * sip.T1)
		defer giveUp.Stop()
		repeat := time.NewTimer(interval)
		defer repeat.Stop()
		for {
			select {
			case <-acked:
				return
			case <-c.ended:
				return
			case <-c.phone.ctx.Done():
				return
			case <-repeat.C:
				_ = tx.Respond(res)
				interval = min(2*interval, sip.T2)
				repeat.Reset(interval)
			case <-giveUp.C:
				c.log.Warn("no ACK, hanging up")
				_ = c.bye(c.phone.ctx)
				return
			}
		}
	})
	return nil
}
