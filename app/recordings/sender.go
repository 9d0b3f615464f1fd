package recordings

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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

// send puts a recording to its URL, and follows redirects with the same method. open opens the file, once for each server that
// is asked.
func (s *sender) send(ctx context.Context, e *Entry, size int64, sum []byte, open func() (io.ReadCloser, error)) error {
	target := e.target()
	for range maxRedirects + 1 {
		if err := s.blocked.URL(target); err != nil {
			return err
		}
		file, err := open()
		if err != nil {
			return err
		}
		to, err := s.ask(ctx, e, target, size, sum, file)
		file.Close()
		if err != nil || to == "" {
			return err
		}
		target = to
	}
	return fmt.Errorf("it redirects more than %d times", maxRedirects)
}

// ask makes one request, and gives where it is redirected to. No error names a URL.
func (s *sender) ask(ctx context.Context, e *Entry, target string, size int64, sum []byte, file io.Reader) (redirect string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(s.stall, func() { cancel(fmt.Errorf("it takes nothing, or does not answer, for %s", s.stall)) })
	defer idle.Stop()
	req, err := http.NewRequestWithContext(ctx, e.method(), target, struct{ io.Reader }{&watched{file, func() { idle.Reset(s.stall) }}})
	if err != nil {
		return "", errors.New("its URL cannot be called")
	}
	req.ContentLength = size
	if size == 0 {
		req.Body = http.NoBody
	}
	for name, value := range map[string]string{
		"Content-Type": e.contentType(), "Content-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":",
		"Idempotency-Key": e.ID, "Webhook-Id": e.ID, "User-Agent": "metaflows", "Expect": "100-continue",
	} {
		req.Header.Set(name, value)
	}
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
	return "", nil
}

func (e *Entry) method() string {
	if e.Delivery.Method == http.MethodPost {
		return http.MethodPost
	}
	return http.MethodPut
}

// watched tells of each read.
type watched struct {
	io.Reader
	read func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.read()
	return n, err
}
