package ari

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ARI can refuse all that we ask while the events' websocket stays open: the login was changed, or ARI switched off, and the
// configuration loaded again (ari/ASTERISK.md, "When ARI refuses"). Calls would go on entering and hear nothing. So a
// refusal ends the connection: the dialplan's Dial() takes over.

// giveUpTime is how long the calls have that nobody has answered to be given back to the dialplan before that.
const giveUpTime = 5 * time.Second

// refuses says whether an answer means that Asterisk takes no request of ours, whatever it is about: the login is refused
// (401), may not do it (403), or there is no ARI (404, but not in ARI's own words: those are JSON).
func refuses(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	case http.StatusNotFound:
		return !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json")
	}
	return false
}

// refusal is what an administrator has to know of it.
func (c *Client) refusal(status int) *problem {
	const reload = "asterisk -rx 'module reload res_ari.so'"
	switch status {
	case http.StatusNotFound:
		return &problem{
			text: "there is no ARI at this URL (404): is res_ari loaded, is ari.conf enabled, does the URL end in /ari?",
			do:   "write enabled = yes into the section [general] of ari.conf, then: " + reload + "; METAFLOWS_ARI_URL ends in /ari",
		}
	case http.StatusForbidden:
		return &problem{
			text: fmt.Sprintf("Asterisk lets the ARI user %q only read (403): ari.conf needs read_only = no", c.cfg.Username),
			do:   fmt.Sprintf("write read_only = no into the section [%s] of ari.conf, then: %s", c.cfg.Username, reload),
		}
	}
	return &problem{
		text: fmt.Sprintf("Asterisk refuses the ARI user %q or its password (%d)", c.cfg.Username, status),
		do: fmt.Sprintf("write METAFLOWS_ARI_PASSWORD into the section [%s] of ari.conf, then: %s; or give metaflows the password of ari.conf, and start it again",
			c.cfg.Username, reload),
	}
}

// heedful is the transport of what goes by HTTP only: it notices refusals.
type heedful struct {
	http.RoundTripper
	c *Client
}

// RoundTrip implements http.RoundTripper.
func (h heedful) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := h.RoundTripper.RoundTrip(req)
	if err == nil && refuses(resp) {
		h.c.suspect()
	}
	return resp, err
}

// suspect lets it be seen whether the rest is refused, too.
func (c *Client) suspect() {
	c.refused.Add(1)
	select {
	case c.suspected <- struct{}{}:
	default:
	}
}

// stubborn is the transport of commands: it notices refusals, and what is refused is tried over the events' websocket, where
// Asterisk may still obey.
type stubborn struct {
	http.RoundTripper
	c *Client
}

// RoundTrip implements http.RoundTripper.
func (s stubborn) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(req)
	if err != nil || !refuses(resp) {
		return resp, err
	}
	defer s.c.suspect() // not before: the websocket may be closed by that
	wire := s.c.wire.Load()
	if wire == nil {
		return resp, nil
	}
	ctx, cancel := limited(req.Context())
	defer cancel()
	second, err := wire.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return resp, nil
	}
	resp.Body.Close()
	return second, nil
}

// withdraw is what there is to do when Asterisk refuses: it says so, and lets the calls go on in the dialplan that nobody has
// answered, if Asterisk obeys at all.
func (c *Client) withdraw(ctx context.Context, refused *problem) {
	c.setProblem(refused.text)
	c.cfg.Log.Error("Asterisk refuses all requests: the connection is ended, so that Dial() takes over", "problem", refused.text, "url", c.base.Redacted(), "do", refused.do)
	ctx, cancel := context.WithTimeout(ctx, giveUpTime)
	defer cancel()
	if c.cfg.OnRefused != nil && c.signs(ctx, c.doAlways) == nil {
		c.cfg.OnRefused(ctx)
	}
}
