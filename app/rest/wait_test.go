package rest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"metaflows/app/live"
)

// slow answers when it is told to, or when the client has gone.
type slow struct {
	*liveCalls
	left chan error
}

func (s slow) Do(ctx context.Context, _ live.Command) live.Reply {
	select {
	case <-time.After(400 * time.Millisecond):
		s.left <- nil
	case <-ctx.Done():
		s.left <- ctx.Err()
	}
	return live.Reply{Status: live.Finished, Call: "c1", Action: "a1", Outcome: &live.Outcome{Result: "stop"}}
}

// TestLongWait: who waits for an outcome may wait longer than the server's time limits, and a client that goes ends it.
func TestLongWait(t *testing.T) {
	l := newLab(t)
	s := slow{l.calls, make(chan error, 2)}
	l.api.cfg.Live = s
	server := httptest.NewUnstartedServer(l.api)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	defer server.Close()
	put := func(ctx context.Context) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, server.URL+channelsURI+"/1.alice?wait=5", strings.NewReader(`{"action":"metaflow","data":{"module":"none"}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", adminToken)
		return http.DefaultClient.Do(r)
	}
	w, err := put(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	if gone := <-s.left; w.StatusCode != 200 || gone != nil {
		t.Error(w.Status, gone)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if w, err := put(ctx); err == nil {
		w.Body.Close()
		t.Error(w.Status)
	}
	if gone := <-s.left; gone == nil {
		t.Error("the client has gone, and is waited for")
	}
}
