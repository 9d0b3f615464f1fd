package recordings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"metaflows/app/egress"
)

const (
	stall        = 30 * time.Second // in which a server takes not a byte, or does not answer
	maxRedirects = 10
	maxAnswer    = 64 << 10 // of an answer, which is not looked at
)

// sender speaks HTTP to servers that documents name.
type sender struct {
	blocked egress.Blocked
	client  *http.Client
	stall   time.Duration
}

// newSender makes one that connects to no blocked address, whatever a name or a redirect says, and by no proxy, which would
// connect in its stead.
func newSender(blocked egress.Blocked) *sender {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: blocked.Control}
	return &sender{blocked: blocked, stall: stall, client: &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second,
			MaxIdleConnsPerHost: uploads, IdleConnTimeout: stall, DisableCompression: true, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // it would GET
	}}
}

// parcel is what is sent.
type parcel struct {
	method string
	header map[string]string
	size   int64
	open   func() (io.ReadCloser, error) // opens the body, once for each server that is asked
}

// send sends a parcel, and follows redirects with the same method. No error names a URL.
func (s *sender) send(ctx context.Context, target string, p parcel) error {
	for range maxRedirects + 1 {
		if err := s.blocked.URL(target); err != nil {
			return err
		}
		body, err := p.open()
		if err != nil {
			return err
		}
		to, err := s.ask(ctx, target, p, body)
		body.Close()
		if err != nil || to == "" {
			return err
		}
		target = to
	}
	return fmt.Errorf("it redirects more than %d times", maxRedirects)
}

// ask makes one request, and gives where it is redirected to.
func (s *sender) ask(ctx context.Context, target string, p parcel, body io.Reader) (redirect string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(s.stall, func() { cancel(fmt.Errorf("it takes nothing, or does not answer, for %s", s.stall)) })
	defer idle.Stop()
	sound := &watched{Reader: body, read: func() { idle.Reset(s.stall) }}
	req, err := http.NewRequestWithContext(ctx, p.method, target, struct{ io.Reader }{sound})
	if err != nil {
		return "", errors.New("its URL cannot be called")
	}
	if req.ContentLength = p.size; p.size == 0 {
		req.Body = http.NoBody
	}
	for name, value := range p.header {
		req.Header.Set(name, value)
	}
	req.Header.Set("User-Agent", "metaflows")
	req.Header.Set("Expect", "100-continue") // who redirects need not take it
	resp, err := s.client.Do(req)
	if err != nil {
		if why := context.Cause(ctx); why != nil {
			return "", why
		}
		if wrapped, is := errors.AsType[*url.Error](err); is {
			err = wrapped.Err // without the URL
		}
		return "", err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // for the connection to be used again
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		to, err := resp.Location()
		if err != nil {
			return "", errors.New("it redirects to nowhere")
		}
		if req.URL.Scheme == "https" && to.Scheme != "https" {
			return "", errors.New("it redirects from https to " + to.Scheme)
		}
		return to.String(), nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "", &refused{status: resp.StatusCode, after: retryAfter(resp.Header, time.Now())}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return "", &refused{status: resp.StatusCode}
	}
	if sent := sound.bytes.Load(); sent < p.size { // who answers before the end may have thrown away what came
		return "", fmt.Errorf("it answers %d after %d bytes of %d", resp.StatusCode, sent, p.size)
	}
	return "", nil
}

// watched tells of each read, and counts what was read. The client may read on when it has been answered.
type watched struct {
	io.Reader
	read  func()
	bytes atomic.Int64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.bytes.Add(int64(n))
	w.read()
	return n, err
}
