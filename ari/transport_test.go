package ari

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
	mu    sync.Mutex
	conns int
}

type exchange struct {
	net.Conn
	n    int // of the connection
	what string
}

// newAnswering makes connections in memory, where a write is done when it is read, or by TCP.
func newAnswering(t *testing.T) *answering {
	base, _ := url.Parse("http://asterisk:8088/ari")
	a := &answering{transport: newTransport(base), t: t, asked: make(chan exchange, 100)}
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

// ask sends a request; what it has come to is told later.
func (a *answering) ask(ctx context.Context, turn *calls.Turn, method, path, body string) <-chan string {
	req, err := http.NewRequestWithContext(inTurn(ctx, turn), method, "http://asterisk:8088"+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	told := make(chan string, 1)
	go func() {
		resp, err := a.RoundTrip(req)
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

// sends asks in a turn behind another, and returns when the request has been handed over.
func (a *answering) sends(ctx context.Context, before *calls.Turn, method, path string) (*calls.Turn, <-chan string, exchange) {
	sent := make(chan struct{})
	turn := calls.NewTurn(before, func() { close(sent) })
	told := a.ask(ctx, turn, method, path, "")
	<-sent
	return turn, told, <-a.asked
}

// TestTransportInTurn: what follows a request goes behind it on its connection before that is answered, and each gets its own
// answer. Once the first is answered any connection will do.
func TestTransportInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAnswering(t)
		one, first, x := a.sends(t.Context(), nil, "POST", "/first")
		_, second, y := a.sends(t.Context(), one, "DELETE", "/second")
		_, other, z := a.sends(t.Context(), nil, "GET", "/other")
		if x.n != y.n || z.n == x.n || y.what != "DELETE /second" {
			t.Errorf("they go by the connections %d, %d, %d: %s", x.n, y.n, z.n, y.what)
		}
		go io.WriteString(z, empty)
		a.is(<-other, "204")
		synctest.Wait()
		if len(first)+len(second) > 0 {
			t.Error("there is an answer that nobody has given")
		}
		go io.WriteString(x, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"+empty)
		a.is(<-first, "404 gone")
		a.is(<-second, "204")
		synctest.Wait()
		if len(a.idle) != 2 {
			t.Errorf("%d connections are kept, want 2", len(a.idle))
		}
		_, third, z := a.sends(t.Context(), one, "DELETE", "/third")
		go io.WriteString(z, empty)
		a.is(<-third, "204")
	})
}

// TestTransportInTurnFails: when the answer to a request does not come, those behind it on its connection fail, too, and never get
// an answer that is another's.
func TestTransportInTurnFails(t *testing.T) {
	for name, tt := range map[string]struct {
		first, second time.Duration // that are waited for; 0: for ever
		answer        string
		want          [3]string
		closes        bool
	}{
		"closed":                 {closes: true, want: [3]string{"error", "error", "error"}},
		"closed behind":          {answer: empty, closes: true, want: [3]string{"204", "error", "error"}},
		"last answer":            {answer: strings.Replace(empty, "Content-", "Connection: close\r\nContent-", 1) + empty, want: [3]string{"204", "error", "error"}},
		"first not in time":      {first: time.Second, want: [3]string{"error", "error", "error"}},
		"second not waited for":  {second: time.Second, answer: empty + empty + empty, want: [3]string{"204", "error", "error"}},
		"none of them in a week": {first: 2 * time.Second, second: time.Second, want: [3]string{"error", "error", "error"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAnswering(t)
				one, first, x := a.sends(waits(t, tt.first), nil, "POST", "/first")
				two, second, _ := a.sends(waits(t, tt.second), one, "POST", "/second")
				_, third, _ := a.sends(t.Context(), two, "POST", "/third")
				time.Sleep(1500 * time.Millisecond)
				go func() {
					io.WriteString(x, tt.answer)
					if tt.closes {
						x.Close()
					}
				}()
				for n, told := range []<-chan string{first, second, third} {
					a.is(<-told, tt.want[n])
				}
				synctest.Wait()
				if len(a.idle) != 0 {
					t.Error("the connection is kept")
				}
				_ = x.Close()
			})
		})
	}
}

func waits(t *testing.T, d time.Duration) context.Context {
	if d == 0 {
		return t.Context()
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conns := make(chan net.Conn, 10)
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			conns <- c
		}
	}()
	base, _ := url.Parse("http://" + l.Addr().String())
	tr := newTransport(base)
	for range 3 {
		req, _ := http.NewRequestWithContext(t.Context(), "DELETE", base.String()+"/x", http.NoBody)
		closed := make(chan struct{})
		go func() {
			c := <-conns
			if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
				t.Error(err)
			}
			io.WriteString(c, empty)
			c.Close()
			close(closed)
		}()
		resp, err := tr.RoundTrip(req)
		if err != nil || resp.StatusCode != 204 {
			t.Fatal(err)
		}
		<-closed
		for tr.idle[0].alive() { // until the kernel knows
		}
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
			resp, whole, err := c.readAnswer(&http.Request{Method: http.MethodPost})
			if err != nil {
				return "error", whole
			}
			body, _ := io.ReadAll(resp.Body)
			return fmt.Sprint(resp.StatusCode, string(body)), whole
		}
		at, whole := read(bytes.NewReader(said))
		pieces, wholeToo := read(iotest.OneByteReader(bytes.NewReader(said)))
		if at != pieces || whole != wholeToo {
			t.Errorf("at once %q %v, in pieces %q %v", at, whole, pieces, wholeToo)
		}
	})
}
