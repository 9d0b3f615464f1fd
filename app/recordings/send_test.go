package recordings

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/flows/calls"
)

// taker is a server that takes recordings, each as its next answer says.
type taker struct {
	*httptest.Server
	mu      sync.Mutex
	answers []func(http.ResponseWriter, *http.Request) // one for each request; then 200
	came    []*http.Request
	bodies  [][]byte
}

func newTaker(t *testing.T, answers ...func(http.ResponseWriter, *http.Request)) *taker {
	tk := &taker{answers: answers}
	tk.Server = httptest.NewServer(http.HandlerFunc(tk.serve))
	t.Cleanup(tk.Close)
	return tk
}

func (tk *taker) serve(w http.ResponseWriter, r *http.Request) {
	tk.mu.Lock()
	tk.came = append(tk.came, r)
	var answer func(http.ResponseWriter, *http.Request)
	if len(tk.answers) > 0 {
		answer, tk.answers = tk.answers[0], tk.answers[1:]
	}
	tk.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	tk.mu.Lock()
	tk.bodies = append(tk.bodies, body)
	tk.mu.Unlock()
}

// requests are how many there were, and the bodies of those that were taken.
func (tk *taker) requests() (n int, taken [][]byte) {
	tk.mu.Lock()
	defer tk.mu.Unlock()
	return len(tk.came), tk.bodies
}

func status(code int, headers ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	}
}

// breaksOff closes the connection in the middle of the body.
func breaksOff(w http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 1000)
	panic(http.ErrAbortHandler)
}

// unread answers well before it has taken the body.
func unread(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// hangs takes the body and never answers.
func hangs(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// A recording arrives, once, however often its server fails before: whole, and with what Kazoo says of it.
func TestDelivered(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []func(http.ResponseWriter, *http.Request)
		tries   int // in vain
	}{
		"at once":            {nil, 0},
		"fails three times":  {[]func(http.ResponseWriter, *http.Request){status(500), status(404), status(401)}, 3},
		"too many, later":    {[]func(http.ResponseWriter, *http.Request){status(429, "Retry-After", "1")}, 1},
		"takes nothing":      {[]func(http.ResponseWriter, *http.Request){unread, unread}, 2},
		"breaks off":         {[]func(http.ResponseWriter, *http.Request){breaksOff, breaksOff}, 2},
		"hangs":              {[]func(http.ResponseWriter, *http.Request){hangs}, 1},
		"redirects":          {[]func(http.ResponseWriter, *http.Request){status(301, "Location", "/b?x=1"), status(302, "Location", "/c"), status(307, "Location", "/d"), status(308, "Location", "/e")}, 0},
		"redirects to where": {[]func(http.ResponseWriter, *http.Request){status(302), status(303, "Location", "/b")}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			web := newTaker(t, tt.answers...)
			l := newLab(t)
			l.prepare = func(r *Recordings) { r.sender.stall = 300 * time.Millisecond }
			l.begin()
			said := sound(7, 300_000)
			began := time.Now()
			id := l.record("acme/c/1", said, calls.Delivery{URL: web.URL + "/in/", Method: "POST"}).ID
			if n := l.event("recording.delivered", "acme/c/1"); n.Result != "delivered" {
				t.Errorf("%+v", n)
			}
			n, taken := web.requests()
			if n != len(tt.answers)+1 || len(taken) != 1 || !bytes.Equal(taken[0], said) {
				t.Errorf("%d requests, %d taken", n, len(taken))
			}
			e := l.entry("acme/c/1")
			if e.State != Delivered || e.Tries != tt.tries+1 || e.Problem != "" || l.asterisk.has("acme/c/1") || len(l.objects()) > 0 {
				t.Errorf("the index says %+v; objects %v", e, l.objects())
			}
			if waited := time.Since(began); name == "too many, later" && waited < time.Second {
				t.Errorf("tried again after %s, a second was asked for", waited)
			}
			sum := sha256.Sum256(said)
			first := web.came[0]
			for header, want := range map[string]string{
				"Content-Type": "audio/wav", "Content-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":", "Idempotency-Key": id, "Webhook-Id": id,
			} {
				for _, r := range web.came {
					if got := r.Header.Get(header); got != want || r.Method != "POST" || r.ContentLength != int64(len(said)) {
						t.Errorf("%s %s with %s %q, %d bytes; want %q", r.Method, r.URL, header, got, r.ContentLength, want)
					}
				}
			}
			want := fmt.Sprintf("/in/call_recording_%s.wav?from=%%2B49+30+1&to=1002&caller_id_name=Ann&caller_id_number=%%2B49+30+1&call_id=17.1&cdr_id=17.1&interaction_id=17.0&account_id=acme&duration_ms=1500&owner_id=bob&start=%s&recording_id=%s",
				id, startOf(e.Began), id)
			if first.URL.String() != want {
				t.Errorf("it was sent to\n%s, want\n%s", first.URL, want)
			}
		})
	}
}

// What ends a delivery, and what is told of that. The file stays where it is.
func TestNotDelivered(t *testing.T) {
	tls := httptest.NewTLSServer(http.RedirectHandler("http://192.0.2.1/", http.StatusFound))
	defer tls.Close()
	for name, tt := range map[string]struct {
		url     string // "": of the taker
		answers []func(http.ResponseWriter, *http.Request)
		blocked string
		noFile  bool
		tries   int // 0: several
		reason  string
		problem string
	}{
		"gone for good":           {answers: []func(http.ResponseWriter, *http.Request){status(410)}, tries: 1, reason: "gone", problem: "it answers 410 Gone"},
		"refused for too long":    {answers: repeat(status(500), 1000), reason: "expired", problem: "it answers 500 Internal Server Error"},
		"a date far away":         {answers: []func(http.ResponseWriter, *http.Request){status(503, "Retry-After", "Thu, 31 Dec 2099 23:59:59 GMT"), status(429, "Retry-After", "86400")}, tries: 2, reason: "expired", problem: "it answers 429 Too Many Requests"},
		"no file":                 {noFile: true, tries: 1, reason: "lost", problem: "Asterisk has no file of it"},
		"a blocked address":       {blocked: "loopback", reason: "expired", problem: "blocked address: 127.0.0.1"},
		"a name of a blocked one": {url: "http://localhost:1/", blocked: "127.0.0.0/8,::1", reason: "expired", problem: "blocked address: "},
		"a redirect to a blocked": {answers: repeat(status(302, "Location", "http://10.1.2.3/x"), 1000), blocked: "private", reason: "expired", problem: "blocked address: 10.1.2.3"},
		"a redirect to another":   {answers: repeat(status(302, "Location", "file:///etc/passwd"), 1000), reason: "expired", problem: "not http or https"},
		"a redirect to itself":    {answers: repeat(status(307, "Location", "/"), 1000), reason: "expired", problem: "it redirects more than 10 times"},
		"a redirect out of https": {url: tls.URL, reason: "expired", problem: "it redirects from https to http"},
		"nobody listens":          {url: "http://127.0.0.1:1/?token=t0p", reason: "expired", problem: "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			web := newTaker(t, tt.answers...)
			l := newLab(t, func(cfg *Config) {
				cfg.DeliveryFor = 100 * time.Millisecond
				if tt.blocked != "" {
					cfg.Blocked = mustBlock(t, tt.blocked)
				}
			})
			l.prepare = func(r *Recordings) {
				r.sender.client.Transport.(*http.Transport).TLSClientConfig = tls.Client().Transport.(*http.Transport).TLSClientConfig
			}
			l.begin()
			to := tt.url
			if to == "" {
				to = web.URL + "/?token=t0p"
			}
			name := "acme/c/1"
			if tt.noFile {
				l.started(name, calls.Delivery{URL: to})
				l.stored(name)
			} else {
				l.record(name, sound(3, 5000), calls.Delivery{URL: to})
			}
			if n := l.event("recording.failed", name); n.Result != "failed" || n.Reason != tt.reason || n.Account != "acme" {
				t.Errorf("told: %+v", n)
			}
			e := l.entry(name)
			if e.State != Failed || e.Reason != tt.reason || !strings.Contains(e.Problem, tt.problem) || tt.tries > 0 && e.Tries != tt.tries || tt.tries == 0 && e.Tries < 2 {
				t.Errorf("the index says %+v, want %q after %d tries", e, tt.problem, tt.tries)
			}
			if l.asterisk.has(name) == tt.noFile || l.count("recording.delivered") > 0 {
				t.Error("the file has gone")
			}
			if said := l.logged(); strings.Contains(said, "t0p") || strings.Contains(e.Problem, "t0p") || !strings.Contains(said, "level=ERROR") {
				t.Error("the log has the token, or not the failure")
			}
		})
	}
}

func repeat(answer func(http.ResponseWriter, *http.Request), n int) (all []func(http.ResponseWriter, *http.Request)) {
	for range n {
		all = append(all, answer)
	}
	return all
}

// Where a recording is sent to is what Kazoo makes of a URL.
func TestTarget(t *testing.T) {
	e := &Entry{ID: "17f", Format: "wav", Began: time.Unix(0, 0)}
	for given, want := range map[string]string{
		"http://h":                   "http://h/call_recording_17f.wav?",
		"http://h/a/":                "http://h/a/call_recording_17f.wav?",
		"http://h/a?file":            "http://h/a?file=call_recording_17f.wav&",
		"http://h/a?x=1&file=":       "http://h/a?x=1&file=call_recording_17f.wav&",
		"http://h/a?x=1":             "http://h/a?x=1&recording=call_recording_17f.wav&",
		"http://h/a?":                "http://h/a?recording=call_recording_17f.wav&",
		"http://u:p@h/a#there":       "http://u:p@h/a/call_recording_17f.wav?",
		"https://h:8443/a?x=1#there": "https://h:8443/a?x=1&recording=call_recording_17f.wav&",
	} {
		e.Delivery.URL = given
		if got := e.target(); got != want+"duration_ms=0&start=62167219200&recording_id=17f" {
			t.Errorf("%s becomes %s", given, got)
		} else if _, err := url.Parse(got); err != nil {
			t.Error(err)
		}
	}
}
