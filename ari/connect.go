package ari

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	v5 "github.com/CyCoreSystems/ari/v5"
	"github.com/coder/websocket"
)

// The steps that lead to a connection.

// checkVersion asks before the application is registered, so that calls fall back to plain Dial() while it cannot be used.
func (c *Client) checkVersion(ctx context.Context) error {
	var said v5.AsteriskInfo
	err := c.doPlain(ctx, request{method: http.MethodGet, path: []string{"asterisk", "info"}}, &said)
	var e *Error
	switch {
	case errors.As(err, &e) && (e.refused || e.Status == http.StatusNotFound):
		return c.refusal(e.Status)
	case errors.As(err, &e):
		return &problem{text: fmt.Sprintf("Asterisk cannot answer: %s (%d)", e.Message, e.Status)}
	case err != nil:
		return &problem{text: reason(err)}
	}
	info := newInfo(&said)
	c.oneByOne.Store(false) // it may be another version than before
	c.mu.Lock()
	c.status.Version = info.Version
	c.mu.Unlock()
	if tooOld(info.Version) {
		return &problem{text: fmt.Sprintf("Asterisk %s is too old: %d or newer is needed", info.Version, minVersion), slow: true}
	}
	return nil
}

// dial opens the websocket. From here on the application is registered.
func (c *Client) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	query := url.Values{"app": {c.cfg.Application}, "subscribeAll": {"false"}}
	login := base64.StdEncoding.EncodeToString([]byte(c.cfg.Username + ":" + c.cfg.Password))
	conn, resp, err := websocket.Dial(ctx, c.base.String()+"/events?"+query.Encode(), &websocket.DialOptions{
		HTTPClient: c.plain,
		HTTPHeader: http.Header{"Authorization": {"Basic " + login}},
	})
	switch {
	case err == nil:
		conn.SetReadLimit(maxFrame)
		return conn, nil
	case resp != nil:
		return nil, &problem{text: fmt.Sprintf("Asterisk refuses the events' websocket (%d)", resp.StatusCode)}
	default:
		return nil, &problem{text: reason(err)}
	}
}

// prepare sets the event filter, which Asterisk forgets together with the application, and runs OnConnect.
func (c *Client) prepare(ctx context.Context) error {
	type named struct {
		Type string `json:"type"`
	}
	var filter struct {
		Allowed    []named `json:"allowed"`
		Disallowed []named `json:"disallowed"`
	}
	filter.Disallowed = []named{}
	for _, name := range slices.Sorted(slices.Values(usedTypes())) {
		filter.Allowed = append(filter.Allowed, named{name})
	}
	err := c.doPlain(ctx, request{method: http.MethodPut, path: []string{"applications", c.cfg.Application, "eventFilter"}, body: filter}, nil)
	if err != nil {
		return &problem{text: fail("set the event filter of", c.cfg.Application, err).Error()}
	}
	if c.cfg.OnConnect != nil {
		if err := c.cfg.OnConnect(ctx, c); err != nil {
			return &problem{text: "after connecting: " + err.Error()}
		}
	}
	return nil
}
