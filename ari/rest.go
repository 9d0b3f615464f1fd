package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/CyCoreSystems/ari/v5/client/native"

	"metaflows/flows/calls"
)

// maxAnswer bounds what is read of an answer; the list of some thousand channels is a few MB.
const maxAnswer = 32 << 20

// timed tells of each request.
type timed struct {
	http.RoundTripper
	answered func(method string, status int, took time.Duration)
}

// RoundTrip implements http.RoundTripper.
func (t timed) RoundTrip(req *http.Request) (*http.Response, error) {
	began, status := time.Now(), 0
	resp, err := t.RoundTripper.RoundTrip(req)
	if err == nil {
		status = resp.StatusCode
	}
	t.answered(req.Method, status, time.Since(began))
	return resp, err
}

// schemes numbers the URL schemes that clients of this process have registered.
var schemes atomic.Int64

// newNative makes the REST half of ari/v5 (native.New without Connect). v5 always uses http.DefaultTransport, where a
// URL scheme of our own leads its requests to our transport, with a deadline, Detach and Asterisk's own error texts.
func (c *Client) newNative(timeout time.Duration) (*native.Client, error) {
	shared, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("ari: http.DefaultTransport is not an *http.Transport")
	}
	scheme := "metaflows-ari-" + strconv.FormatInt(schemes.Add(1), 10)
	shared.RegisterProtocol(scheme, roundTripper{c: c, timeout: timeout})
	base := *c.base
	base.Scheme = scheme
	return native.New(&native.Options{
		Application:  c.cfg.Application,
		URL:          base.String(),
		WebsocketURL: "unused",
		Username:     c.cfg.Username,
		Password:     c.cfg.Password,
	}), nil
}

// roundTripper carries v5's requests.
type roundTripper struct {
	c       *Client
	timeout time.Duration
}

// RoundTrip implements http.RoundTripper. Unlike others it returns an *Error for every answer that is not 2xx, because
// v5 would drop Asterisk's text.
func (t roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.c.idle() {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, calls.ErrDetached
	}
	ctx, cancel := context.WithTimeout(req.Context(), t.timeout)
	defer cancel()
	req = req.Clone(ctx)
	req.URL.Scheme = t.c.base.Scheme
	resp, err := t.c.http.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	// Read to the end here: v5 does not, and the connection could not be used again.
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, newStatusError(resp, answer)
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

// request is one of the requests that v5 lacks or cannot make as we need it.
type request struct {
	method  string
	path    []string // segments below the base, not escaped: channels, 1.2, hold
	query   url.Values
	body    any // sent as JSON; nil for none
	timeout time.Duration
	plain   bool // by HTTP only: not over the websocket when it is refused there
	turn    *calls.Turn
}

// do sends a request and decodes the answer into out, unless that is nil.
func (c *Client) do(r request, out any) error {
	if c.idle() {
		return calls.ErrDetached
	}
	return c.doAlways(context.Background(), r, out)
}

// doPlain is doAlways by HTTP only: whether Asterisk refuses is told by that.
func (c *Client) doPlain(ctx context.Context, r request, out any) error {
	r.plain = true
	return c.doAlways(ctx, r, out)
}

// doAlways is do for the connection's own business, which goes on when detached.
func (c *Client) doAlways(ctx context.Context, r request, out any) error {
	if r.timeout == 0 {
		r.timeout = c.cfg.Timeout
	}
	ctx, cancel := inTurn(ctx, r.turn, r.timeout)
	defer cancel()
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return newStatusError(resp, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return errAnswer
	}
	return nil
}

// send sends a request; the caller closes the answer's body.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	if r.plain {
		return c.sendBy(ctx, c.plain, r)
	}
	return c.sendBy(ctx, c.http, r)
}

func (c *Client) sendBy(ctx context.Context, by *http.Client, r request) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	target := c.base.String()
	for _, segment := range r.path {
		target += "/" + url.PathEscape(segment)
	}
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetBasicAuth(c.cfg.Username, c.cfg.Password)
	return by.Do(req)
}
