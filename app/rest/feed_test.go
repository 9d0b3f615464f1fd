package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/app/auth"
	"metaflows/app/events"
)

// Follow gives a feed that is over at once.
func (s stories) Follow(_ context.Context, account string, _ uint64) (events.Feed, uint64, error) {
	if account == "away" {
		return nil, 0, events.ErrUnavailable
	}
	return nothing{}, 0, nil
}

type nothing struct{}

func (nothing) Next(context.Context) (events.Event, uint64, error) {
	return events.Event{}, 0, events.ErrUnavailable
}
func (nothing) Close() {}

// station is Stories whose feeds tell what it is given.
type station struct {
	stories
	mu    sync.Mutex
	asked []string // account, place
	open  int      // feeds that are not closed
	air   chan events.Event
	at    uint64
}

func (s *station) Follow(_ context.Context, account string, after uint64) (events.Feed, uint64, error) {
	if account == "away" {
		return nil, 0, events.ErrUnavailable
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, fmt.Sprintf("%s %d", account, after))
	s.open++
	if after == events.Now {
		after = 40
	}
	s.at = after
	return receiver{s}, after, nil
}

func (s *station) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

type receiver struct{ *station }

func (r receiver) Next(ctx context.Context) (events.Event, uint64, error) {
	select {
	case <-ctx.Done():
		return events.Event{}, 0, ctx.Err()
	case e, ok := <-r.air:
		if !ok {
			return events.Event{}, 0, events.ErrUnavailable
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.at++
		return e, r.at, nil
	}
}

func (r receiver) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open--
}

// feedLab is an API that is listened to, with the time-outs of the program's server.
type feedLab struct {
	*lab
	station *station
	http    *httptest.Server
}

func newFeedLab(t *testing.T) *feedLab {
	l := &feedLab{lab: newLab(t), station: &station{air: make(chan events.Event)}}
	l.api.cfg.Stories = l.station
	var err error
	if l.api, err = New(l.api.cfg); err != nil {
		t.Fatal(err)
	}
	l.api.listeners.heartbeat = 50 * time.Millisecond
	l.http = httptest.NewUnstartedServer(l.api)
	l.http.Config.ReadTimeout, l.http.Config.WriteTimeout = 200*time.Millisecond, 400*time.Millisecond
	l.http.Start()
	t.Cleanup(func() {
		l.api.EndFeeds()
		l.http.Close()
		if n := l.station.count(); n != 0 {
			t.Errorf("%d feeds are open at the end", n)
		}
	})
	return l
}

// listen opens a feed; what it says comes line by line, without empty lines.
func (l *feedLab) listen(path, token string, header ...string) (status int, lines <-chan string, hangUp func()) {
	l.Helper()
	ctx, hangUp := context.WithCancel(context.Background())
	l.Cleanup(hangUp)
	r, err := http.NewRequestWithContext(ctx, "GET", l.http.URL+path, nil)
	if err != nil {
		l.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", token)
	for _, h := range header {
		key, v, _ := strings.Cut(h, ": ")
		r.Header.Set(key, v)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		l.Fatal(err)
	}
	said := make(chan string, 1000)
	go func() {
		defer close(said)
		defer w.Body.Close()
		for scanner := bufio.NewScanner(w.Body); scanner.Scan(); {
			if scanner.Text() != "" {
				said <- scanner.Text()
			}
		}
	}()
	if w.StatusCode == 200 && (w.Header.Get("Content-Type") != "text/event-stream" || w.Header.Get("Cache-Control") != "no-store") {
		l.Error(w.Header)
	}
	return w.StatusCode, said, hangUp
}

// until gives the first line that begins so, and fails when the feed ends before.
func until(t *testing.T, lines <-chan string, begins string) string {
	t.Helper()
	deadline := time.After(10 * time.Second)
	var heard []string
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the feed ended before %q: %q", begins, heard)
			}
			if heard = append(heard, line); strings.HasPrefix(line, begins) {
				return line
			}
		case <-deadline:
			t.Fatalf("%q does not come, but %q", begins, heard)
		}
	}
}

// over waits for a feed's end and gives its last line.
func over(t *testing.T, lines <-chan string) (last string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				return last
			}
			last = line
		case <-deadline:
			t.Fatal("the feed does not end")
		}
	}
}

// TestFeed: events come as they are published, each with its place; a quiet feed says that it lives, for longer than the
// server gives other answers; who comes again says what he had last.
func TestFeed(t *testing.T) {
	l := newFeedLab(t)
	status, lines, hangUp := l.listen("/v2/accounts/acme/events", "acme-token")
	if status != 200 {
		t.Fatal(status)
	}
	if line := until(t, lines, "id"); line != "id: 40" {
		t.Error("it begins with", line)
	}
	for began := time.Now(); time.Since(began) < time.Second; {
		until(t, lines, ":")
	}
	sent := published("call.ended", `,"reason":"a & <b>"`)
	l.station.air <- sent
	if line := until(t, lines, "id"); line != "id: 41" {
		t.Error(line)
	}
	line := until(t, lines, "data")
	var got events.Event
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(sent) || !strings.Contains(line, "a & <b>") {
		t.Error(err, line)
	}
	hangUp()
	for deadline := time.Now().Add(10 * time.Second); l.station.count() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("who has gone is still listening")
		}
	}
	for _, r := range [][3]string{
		{"/v2/accounts/acme/events", "acme-token", "41"}, {"/v2/account/events", "acme-token", "0"},
		{"/v2/events", adminToken, "7"}, {"/v2/accounts/other/events?auth_token=" + adminToken, "", "8"},
	} {
		status, lines, hangUp := l.listen(r[0], r[1], "Last-Event-ID: "+r[2])
		if status != 200 {
			t.Fatal(r, status)
		}
		if line := until(t, lines, "id"); line != "id: "+r[2] {
			t.Error(r, line)
		}
		hangUp()
	}
	if got := strings.Join(l.station.asked, ", "); got != fmt.Sprintf("acme %d, acme 41, acme 0,  7, other 8", uint64(events.Now)) {
		t.Error(got)
	}
	close(l.station.air)
	_, lines, _ = l.listen("/v2/events", adminToken)
	if last := over(t, lines); last != ": the event stream cannot be read now" {
		t.Error("a feed whose stream is away ends with", last)
	}
	if log := l.log.String(); strings.Contains(log, "-token") {
		t.Error(log)
	}
}

// TestWhoMayListen: administrators to their own account, the super-admin to all; and what is no place is refused.
func TestWhoMayListen(t *testing.T) {
	l := newFeedLab(t)
	for _, tt := range []struct {
		token, path, last string
		status            int
	}{
		{adminToken, "/v2/events", "", 200},
		{adminToken, "/v2/accounts/acme/events", "", 200},
		{"acme-token", "/v2/accounts/acme/events", "", 200},
		{"acme-token", "/v2/accounts/other/events", "", 403},
		{"acme-token", "/v2/events", "", 403},
		{"other-token", "/v2/accounts/acme/events", "", 403},
		{"alice-token", "/v2/accounts/acme/events", "", 403},
		{"zero-token", "/v2/accounts/acme/events", "", 403},
		{"", "/v2/accounts/acme/events", "", 401},
		{"", "/v2/events", "", 401},
		{"nonsense", "/v2/events", "", 401},
		{adminToken, "/v2/accounts/a.b/events", "", 404},
		{adminToken, "/v2/accounts/away/events", "", 503},
		{adminToken, "/v2/accounts/acme/events", "-1", 400},
		{adminToken, "/v2/accounts/acme/events", "1795638363.2:call.started", 400},
	} {
		var header []string
		if tt.last != "" {
			header = []string{"Last-Event-ID: " + tt.last}
		}
		status, lines, hangUp := l.listen(tt.path, tt.token, header...)
		if status != tt.status {
			t.Errorf("%+v: %d %s", tt, status, <-lines)
		}
		hangUp()
	}
	if w := l.do("POST", "/v2/accounts/acme/events", ""); w.Code != 405 {
		t.Error(w.Code, w.Body)
	}
}

// forgetful are logins of which one can be ended.
type forgetful struct {
	logins
	mu    sync.Mutex
	ended string
}

func (f *forgetful) Authenticate(token string) (auth.Identity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if token == f.ended {
		return auth.Identity{}, auth.ErrExpired
	}
	return f.logins.Authenticate(token)
}

func (f *forgetful) end(token string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = token
}

// TestFeedEndsWithTheToken: when its time is over, without another event; and when it is revoked, before one.
func TestFeedEndsWithTheToken(t *testing.T) {
	l := newFeedLab(t)
	soon := auth.Identity{Role: auth.AccountAdmin, Account: "acme", Expires: time.Now().Add(300 * time.Millisecond)}
	people := &forgetful{logins: logins{"short-token": soon, "acme-token": {Role: auth.AccountAdmin, Account: "acme"}}}
	l.api.cfg.Authenticator = people
	l.api.listeners.heartbeat = time.Hour
	_, lines, _ := l.listen("/v2/accounts/acme/events", "short-token")
	if last := over(t, lines); last != ": the token holds no longer" || time.Now().Before(soon.Expires) {
		t.Error(last)
	}
	_, lines, _ = l.listen("/v2/accounts/acme/events", "acme-token")
	until(t, lines, "id")
	people.end("acme-token")
	l.station.air <- published("call.ended", "")
	if last := over(t, lines); last != ": the token holds no longer" {
		t.Error("after the token's end:", last)
	}
}

// TestFeedEndsAtTheStop: a feed does not hold up a stop, and says why it ends; none begins any more.
func TestFeedEndsAtTheStop(t *testing.T) {
	l := newFeedLab(t)
	_, lines, _ := l.listen("/v2/events", adminToken)
	until(t, lines, "id")
	l.api.EndFeeds()
	if last := over(t, lines); last != ": metaflows stops" {
		t.Error(last)
	}
	if status, _, _ := l.listen("/v2/events", adminToken); status != 429 {
		t.Error(status)
	}
}

// TestListenersAreCounted: an account has so many feeds at most, all accounts together so many; the super-admin always gets
// one; a place is free again when somebody goes.
func TestListenersAreCounted(t *testing.T) {
	l := newFeedLab(t)
	many := &forgetful{logins: logins{adminToken: people[adminToken]}}
	for i := range mostListeners {
		many.logins[fmt.Sprint("token", i)] = auth.Identity{Role: auth.AccountAdmin, Account: fmt.Sprint("a", i)}
	}
	l.api.cfg.Authenticator = many
	var first func()
	for i := range accountListeners {
		status, _, hangUp := l.listen("/v2/account/events", "token0")
		if status != 200 {
			t.Fatal(i, status)
		}
		first = hangUp
	}
	if status, lines, _ := l.listen("/v2/account/events", "token0"); status != 429 || !strings.Contains(<-lines, "too many listen") {
		t.Error("one too many of an account:", status)
	}
	for i := 1; i <= mostListeners-accountListeners; i++ {
		if status, _, _ := l.listen("/v2/account/events", fmt.Sprint("token", i)); status != 200 {
			t.Fatal(i, status)
		}
	}
	last := fmt.Sprint("token", mostListeners-1)
	if status, _, _ := l.listen("/v2/account/events", last); status != 429 {
		t.Error("one too many of all:", status)
	}
	if status, _, _ := l.listen("/v2/events", adminToken); status != 200 {
		t.Error("the super-admin:", status)
	}
	first()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if status, _, _ := l.listen("/v2/account/events", last); status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of who has gone is not free")
		}
	}
}

// TestSlowListenerIsCut: who does not read is cut, and holds up nobody meanwhile.
func TestSlowListenerIsCut(t *testing.T) {
	l := newFeedLab(t)
	l.api.listeners.patience = 300 * time.Millisecond
	conn, err := net.Dial("tcp", l.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v2/events HTTP/1.1\r\nHost: x\r\nX-Auth-Token: "+adminToken+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	large := published("call.ended", `,"reason":"`+strings.Repeat("x", 64<<10)+`"`)
	deadline := time.After(20 * time.Second)
	for told := 0; ; told++ {
		select {
		case l.station.air <- large:
			continue
		case <-deadline:
			t.Fatalf("after %d events nobody was cut", told)
		case <-time.After(50 * time.Millisecond):
		}
		if told > 0 && l.station.count() == 0 {
			break
		}
	}
	if log := l.log.String(); !strings.Contains(log, "takes no events") {
		t.Error(log)
	}
}
