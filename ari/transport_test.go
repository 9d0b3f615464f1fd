package ari

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"metaflows/flows/calls"
)

// answering is a server that a test plays itself: it takes each request of a connection from asked.
type answering struct {
	*transport
	t     *testing.T
	asked chan exchange
	own   time.Duration // of a request that has a turn
	mu    sync.Mutex
	conns int
}

type exchange struct {
	net.Conn
	n    int // of the connection
	what string
}

// ends gives the last answer of a connection.
func (x exchange) ends(answer string) {
	go func() {
		io.WriteString(x, answer)
		x.Close()
	}()
}

// newAnswering makes connections in memory, where a write is done when it is read, or by TCP.
func newAnswering(t *testing.T) *answering {
	base, _ := url.Parse("http://asterisk:8088/ari")
	a := &answering{transport: newTransport(base), t: t, asked: make(chan exchange, 100), own: time.Hour}
	a.dial = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		a.mu.Lock()
		a.conns++
		n := a.conns
		a.mu.Unlock()
		go a.serve(far, n)
		return near, nil
	}
	t.Cleanup(func() {
		for c := a.take(); c != nil; c = a.take() {
			c.Close()
		}
	})
	return a
}

func (a *answering) serve(far net.Conn, n int) {
	r := bufio.NewReader(far)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			far.Close()
			return
		}
		body, _ := io.ReadAll(req.Body)
		a.asked <- exchange{far, n, strings.TrimSpace(req.Method + " " + req.URL.Path + " " + string(body))}
	}
}

// ask sends a request; what it has come to is told later, also to the turn, as by a step.
func (a *answering) ask(ctx context.Context, turn *calls.Turn, method, path, body string) <-chan string {
	ctx, cancel := inTurn(ctx, turn, a.own)
	a.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, "http://asterisk:8088"+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	told := make(chan string, 1)
	go func() {
		resp, err := a.RoundTrip(req)
		if turn != nil {
			failed := err != nil || resp.StatusCode >= 300
			if turn.End(failed); !failed {
				turn.Sent(nil)
			}
		}
		if err != nil {
			told <- "error"
			return
		}
		text, err := io.ReadAll(resp.Body)
		told <- strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, text))
		if err != nil {
			a.t.Error(err)
		}
	}()
	return told
}

const empty = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"

func (a *answering) is(got, want string) {
	a.t.Helper()
	if got != want {
		a.t.Errorf("got %q, want %q", got, want)
	}
}

// TestTransport: answers of every form are read to their end, in whatever pieces they come, and the connection is used again, but
// where the server closes it.
func TestTransport(t *testing.T) {
	for name, tt := range map[string]struct {
		answer, want string
		again        bool // the connection is
	}{
		"none":       {empty, "204", true},
		"no length":  {"HTTP/1.1 204 No Content\r\n\r\n", "204", true},
		"length":     {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello", true},
		"chunked":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "200 hello", true},
		"continue":   {"HTTP/1.1 100 Continue\r\n\r\n" + empty, "204", true},
		"close":      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "200 hi", false},
		"to the end": {"HTTP/1.1 200 OK\r\n\r\nhi", "200 hi", false},
		"HTTP/1.0":   {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 hi", false},
		"too short":  {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "error", false},
		"no HTTP":    {"SIP/2.0 200 OK\r\n\r\n", "error", false},
		"more":       {empty + "and more", "204", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAnswering(t)
				told := a.ask(t.Context(), nil, "POST", "/x", `{"a":1}`)
				first := <-a.asked
				a.is(first.what, `POST /x {"a":1}`)
				if tt.again || name == "more" {
					go io.WriteString(first, tt.answer)
				} else {
					go func() { io.WriteString(first, tt.answer); first.Close() }()
				}
				a.is(<-told, tt.want)
				synctest.Wait()
				told = a.ask(t.Context(), nil, "DELETE", "/y", "")
				second := <-a.asked
				if again := second.n == first.n; again != tt.again {
					t.Errorf("the connection is used again: %v, want %v", again, tt.again)
				}
				go io.WriteString(second, empty)
				a.is(<-told, "204")
			})
		})
	}
}

// TestTransportElsewhere: a redirect is followed to no other server.
func TestTransportElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAnswering(t)
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://asterisk:8088/x", http.NoBody)
		go func() {
			io.WriteString(<-a.asked, "HTTP/1.1 302 Found\r\nLocation: http://proxy/x\r\nContent-Length: 0\r\n\r\n")
		}()
		if _, err := (&http.Client{Transport: a}).Do(req); !errors.Is(err, errAnswer) || len(a.asked) > 0 {
			t.Errorf("%v, and %d requests", err, len(a.asked))
		}
	})
}

// TestTransportIdle: a connection that the server has closed meanwhile is not used, nor one that was idle for long; those go by
// themselves.
func TestTransportIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAnswering(t)
		_, told, x := a.sends(t.Context(), nil, "GET", "/x")
		go io.WriteString(x, empty)
		a.is(<-told, "204")
		time.Sleep(idleTime - time.Second)
		_, told, y := a.sends(t.Context(), nil, "GET", "/y")
		if x.n != y.n {
			t.Error("it is not used again")
		}
		go func() { io.WriteString(y, empty); y.Close() }()
		a.is(<-told, "204")
		synctest.Wait()
		_, told, z := a.sends(t.Context(), nil, "DELETE", "/z") // nothing of it was written there
		if z.n == y.n {
			t.Error("what was closed is used")
		}
		go io.WriteString(z, empty)
		a.is(<-told, "204")
		time.Sleep(2 * idleTime)
		a.transport.mu.Lock()
		defer a.transport.mu.Unlock()
		if len(a.idle) != 0 || a.sweeping {
			t.Errorf("%d connections are kept for ever", len(a.idle))
		}
	})
}

// TestTransportClosedWhileAsked: who only asks is asked again by a new connection where an old one is closed without an answer;
// what may have been done is not done again.
func TestTransportClosedWhileAsked(t *testing.T) {
	for method, want := range map[string]string{"GET": "204", "POST": "error", "DELETE": "error"} {
		synctest.Test(t, func(t *testing.T) {
			a := newAnswering(t)
			told := a.ask(t.Context(), nil, method, "/x", "")
			go io.WriteString(<-a.asked, empty)
			a.is(<-told, "204")
			synctest.Wait()
			told = a.ask(t.Context(), nil, method, "/x", "")
			(<-a.asked).Close()
			if want == "204" {
				go io.WriteString(<-a.asked, empty)
			}
			a.is(<-told, want)
		})
	}
}

// TestTransportByTCP: an idle connection that was closed is seen before anything is written to it, whatever is to be asked.
func TestTransportByTCP(t *testing.T) {
	secure := httptest.NewTLSServer(nil) // for its certificate
	secure.Close()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			base, _ := url.Parse(scheme + "://" + l.Addr().String())
			tr := newTransport(base)
			if scheme == "https" {
				l = tls.NewListener(l, &tls.Config{Certificates: secure.TLS.Certificates, MinVersion: tls.VersionTLS12})
				tr.tls.RootCAs = x509.NewCertPool()
				tr.tls.RootCAs.AddCert(secure.Certificate())
			}
			for n := range 4 {
				closed := make(chan struct{})
				go func() {
					defer close(closed)
					c, err := l.Accept()
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					r := bufio.NewReader(c)
					for range 1 + n%2 { // now and then it is used again
						if _, err := http.ReadRequest(r); err != nil {
							t.Error(err)
						}
						io.WriteString(c, empty)
					}
				}()
				for range 1 + n%2 {
					req, _ := http.NewRequestWithContext(t.Context(), "DELETE", base.String()+"/x", http.NoBody)
					resp, err := tr.RoundTrip(req)
					if err != nil || resp.StatusCode != 204 {
						t.Fatal(err)
					}
				}
				<-closed
				for tr.idle[0].alive() { // until the kernel knows
				}
			}
		})
	}
}

// TestTransportCancelled: who does not wait any more gets its own reason.
func TestTransportCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAnswering(t)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://asterisk:8088/x", http.NoBody)
		began := time.Now()
		_, err := a.RoundTrip(req)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second || reason(err) != "no answer in time" {
			t.Errorf("%v after %s", err, took)
		}
		a.dial = func(context.Context, string, string) (net.Conn, error) {
			near, _ := net.Pipe() // nobody reads
			return near, nil
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err = a.RoundTrip(req.WithContext(ctx)); !errors.Is(err, context.Canceled) || reason(err) != "cancelled" {
			t.Error(err)
		}
	})
}

// FuzzAnswer: whatever a server says, in whatever pieces, ends in an answer or an error, the same as net/http's own reader has it.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{empty, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + empty, "HTTP/1.0 200 OK\r\n\r\nhi", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		read := func(r io.Reader) (string, bool) {
			c := &conn{}
			c.limit = io.LimitedReader{R: r}
			c.r = bufio.NewReader(&c.limit)
			resp, err := c.readAnswer(&http.Request{Method: http.MethodPost})
			if err != nil {
				return "error", false
			}
			body, _ := io.ReadAll(resp.Body)
			return fmt.Sprint(resp.StatusCode, string(body)), !resp.Close
		}
		at, whole := read(bytes.NewReader(said))
		pieces, wholeToo := read(iotest.OneByteReader(bytes.NewReader(said)))
		if at != pieces || whole != wholeToo {
			t.Errorf("at once %q %v, in pieces %q %v", at, whole, pieces, wholeToo)
		}
	})
}
