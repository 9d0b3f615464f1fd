package ari

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows/calls"
)

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
		if a.is(<-a.ask(t.Context(), calls.NewTurn(one, nil), "DELETE", "/third", ""), "error"); len(a.asked) > 0 {
			t.Error("it is sent after one that has failed")
		}
	})
}

// TestTransportInTurnBehindNobody: what follows a request whose answer has been read does not go behind a stranger's on that
// connection, and not before it is known what the answer has come to.
func TestTransportInTurnBehindNobody(t *testing.T) {
	for _, stops := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a := newAnswering(t)
			one := calls.NewTurn(nil, func() {})
			ctx, cancel := inTurn(t.Context(), one, a.own)
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "POST", "http://asterisk:8088/first", http.NoBody)
			go func() { io.WriteString(<-a.asked, empty) }()
			if _, err := a.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
			stranger := a.ask(t.Context(), nil, "POST", "/stranger", "")
			x := <-a.asked
			second := a.ask(t.Context(), calls.NewTurn(one, nil), "POST", "/second", "")
			if synctest.Wait(); len(a.asked)+len(second) > 0 {
				t.Error("it does not wait for the end of the first")
			}
			if one.End(stops); stops {
				a.is(<-second, "error")
			} else {
				y := <-a.asked
				if y.n == x.n {
					t.Error("it goes behind a stranger's")
				}
				go io.WriteString(y, empty)
				a.is(<-second, "204")
			}
			go io.WriteString(x, empty)
			a.is(<-stranger, "204")
			if synctest.Wait(); len(a.asked) > 0 {
				t.Error("what was not to be sent was")
			}
		})
	}
}

const closing = "HTTP/1.1 204 No Content\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// TestTransportClosing: what was written behind an answer that closes the connection was not carried out: it goes out again, in its
// turn. From then on each waits for the one before it, until the events' websocket is made again.
func TestTransportClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAnswering(t)
		one, first, x := a.sends(t.Context(), nil, "POST", "/first")
		two, second, _ := a.sends(t.Context(), one, "POST", "/second")
		_, third, _ := a.sends(t.Context(), two, "POST", "/third")
		x.ends(closing + empty)
		a.is(<-first, "204")
		y := <-a.asked
		a.is(y.what, "POST /second")
		if synctest.Wait(); len(a.asked) > 0 || y.n == x.n {
			t.Error("what follows does not wait, or goes by the same connection")
		}
		y.ends(closing)
		a.is(<-second, "204")
		y = <-a.asked
		a.is(y.what, "POST /third")
		go io.WriteString(y, empty)
		a.is(<-third, "204")

		sent := false
		turn := calls.NewTurn(nil, func() { sent = true })
		told := a.ask(t.Context(), turn, "POST", "/x", "")
		x = <-a.asked
		if synctest.Wait(); sent {
			t.Error("what follows is sent before the answer")
		}
		go io.WriteString(x, empty)
		a.is(<-told, "204")

		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://asterisk:8088/events", http.NoBody)
		req.Header.Set("Upgrade", "websocket")
		go func() { io.WriteString(<-a.asked, closing) }()
		if _, err := a.RoundTrip(req); err != nil {
			t.Error(err)
		}
		one, first, x = a.sends(t.Context(), nil, "POST", "/first") // it is told before it is answered
		_, second, _ = a.sends(t.Context(), one, "POST", "/second")
		go io.WriteString(x, empty+empty)
		a.is(<-first, "204")
		a.is(<-second, "204")
	})
}

// TestTransportClosingFails: what goes out again does not after one that has failed.
func TestTransportClosingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAnswering(t)
		one, first, x := a.sends(t.Context(), nil, "POST", "/first")
		two, second, _ := a.sends(t.Context(), one, "POST", "/second")
		_, third, _ := a.sends(t.Context(), two, "POST", "/third")
		x.ends(strings.Replace(closing, "204 No Content", "404 Not Found", 1))
		a.is(<-first, "404")
		a.is(<-second, "error")
		a.is(<-third, "error")
		if synctest.Wait(); len(a.asked) > 0 {
			t.Error("it is sent")
		}
	})
}

// failing is a connection whose second request cannot be written, but for some bytes of it.
type failing struct {
	net.Conn
	writes, bytes int
}

func (f *failing) Write(b []byte) (int, error) {
	if f.writes++; f.writes == 2 {
		return f.bytes, io.ErrClosedPipe
	}
	return f.Conn.Write(b)
}

// TestTransportUnwritten: a request that cannot be written behind another leaves that one its answer; it goes out again where
// nothing of it was written.
func TestTransportUnwritten(t *testing.T) {
	for written, want := range map[int]string{0: "204", 3: "error"} {
		synctest.Test(t, func(t *testing.T) {
			a := newAnswering(t)
			dial := a.dial
			a.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				near, err := dial(ctx, network, address)
				return &failing{Conn: near, bytes: written}, err
			}
			one, first, x := a.sends(t.Context(), nil, "POST", "/first")
			second := a.ask(t.Context(), calls.NewTurn(one, nil), "POST", "/second", "")
			if synctest.Wait(); len(a.asked) > 0 {
				t.Error("it does not wait for the first")
			}
			go io.WriteString(x, empty)
			a.is(<-first, "204")
			if want == "204" {
				y := <-a.asked
				if y.n == x.n {
					t.Error("the connection is used again")
				}
				go io.WriteString(y, empty)
			}
			a.is(<-second, want)
		})
	}
}

// TestTransportOwnTime: the time of a request begins when the one ahead of it has been answered.
func TestTransportOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAnswering(t)
		a.own = 5 * time.Second
		one, first, x := a.sends(t.Context(), nil, "POST", "/first")
		two, second, _ := a.sends(t.Context(), one, "POST", "/second")
		_, third, _ := a.sends(t.Context(), two, "POST", "/third")
		began := time.Now()
		for _, told := range []<-chan string{first, second} {
			time.Sleep(4 * time.Second)
			go io.WriteString(x, empty)
			a.is(<-told, "204")
		}
		a.is(<-third, "error")
		if took := time.Since(began); took != 13*time.Second {
			t.Errorf("the third has waited until %s", took)
		}
		_ = x.Close()
	})
}

func waits(t *testing.T, d time.Duration) context.Context {
	if d == 0 {
		return t.Context()
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestTransportInTurnFails: when the answer to a request does not come, those behind it on its connection fail, too, and never get
// an answer that is another's.
func TestTransportInTurnFails(t *testing.T) {
	for name, tt := range map[string]struct {
		wait   [3]time.Duration // 0: for ever
		answer string
		want   [3]string
		closes bool
	}{
		"closed":                 {closes: true, want: [3]string{"error", "error", "error"}},
		"closed behind":          {answer: empty, closes: true, want: [3]string{"204", "error", "error"}},
		"first not in time":      {wait: [3]time.Duration{time.Second}, want: [3]string{"error", "error", "error"}},
		"second not waited for":  {wait: [3]time.Duration{1: time.Second}, answer: empty + empty + empty, want: [3]string{"204", "error", "error"}},
		"third not waited for":   {wait: [3]time.Duration{2: time.Second}, answer: empty + empty + empty, want: [3]string{"204", "204", "error"}},
		"none of them in a week": {wait: [3]time.Duration{2 * time.Second, time.Second}, want: [3]string{"error", "error", "error"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAnswering(t)
				one, first, x := a.sends(waits(t, tt.wait[0]), nil, "POST", "/first")
				two, second, _ := a.sends(waits(t, tt.wait[1]), one, "POST", "/second")
				_, third, _ := a.sends(waits(t, tt.wait[2]), two, "POST", "/third")
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
