package pbx

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// application is the least that can stand in for metaflows: it takes calls and gives them back.
type application struct {
	t      *testing.T
	server *Server
	events chan event
}

type event struct {
	Type    string
	Args    []string
	Channel struct {
		ID, Name    string
		Channelvars map[string]string
	}
}

func connect(t *testing.T, server *Server) *application {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	login := base64.StdEncoding.EncodeToString([]byte(server.ARIUser + ":" + server.ARIPassword))
	conn, _, err := websocket.Dial(ctx, server.ARIURL+"/events?app=metaflows", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Basic " + login}}})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	app := &application{t: t, server: server, events: make(chan event, 1000)}
	go func() {
		defer close(app.events)
		for {
			_, data, err := conn.Read(ctx)
			if err != nil {
				return
			}
			var e event
			if json.Unmarshal(data, &e) == nil {
				app.events <- e
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range app.events {
		}
	})
	return app
}

// await returns the next event of that type.
func (a *application) await(kind string) event {
	a.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-a.events:
			if !ok {
				a.t.Fatalf("connection lost while waiting for %s", kind)
			}
			if e.Type == kind {
				return e
			}
		case <-late:
			a.t.Fatalf("no %s; log:\n%s", kind, a.server.tail(30))
		}
	}
}

// request asks ARI and returns the body of the answer.
func request(t *testing.T, server *Server, method, path string, query url.Values, want int) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.ARIURL+path+"?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(server.ARIUser, server.ARIPassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != want {
		t.Fatalf("%s %s: %s %s", method, path, resp.Status, body)
	}
	return string(body)
}

// call dials an extension; the caller is the context "caller", which listens for 20 s.
func call(t *testing.T, server *Server, extension, context string) {
	t.Helper()
	request(t, server, http.MethodPost, "/channels", url.Values{
		"endpoint": {"Local/" + extension + "@" + context}, "context": {"caller"}, "extension": {"s"}, "priority": {"1"}, "callerId": {"Test <2000>"},
	}, http.StatusOK)
}

// expect waits for a line of the log with all these parts.
func expect(t *testing.T, server *Server, parts ...string) string {
	t.Helper()
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); time.Sleep(10 * time.Millisecond) {
	lines:
		for line := range strings.Lines(server.Log()) {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue lines
				}
			}
			return line
		}
	}
	t.Fatalf("no line with %q in the log; its end:\n%s", parts, server.tail(30))
	return ""
}
