package ari_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"metaflows/ari"
	"metaflows/ari/aritest"
	"metaflows/flows/calls"
)

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   error
		text   string
	}{
		{404, `{"message":"Channel not found"}`, calls.ErrGone, "answer 17.1: gone: Channel not found (404)"},
		{409, `{"message":"Channel not in Stasis application"}`, calls.ErrGone, "answer 17.1: gone: Channel not in Stasis application (409)"},
		{422, `{"message":"Channel not in Stasis application"}`, calls.ErrGone, ""},
		{400, `{"message":"Channel not found"}`, calls.ErrGone, ""},
		{409, `{"message":"Recording not in session"}`, calls.ErrGone, ""},
		{400, `{"message":"Failed to execute function"}`, calls.ErrGone, ""},
		{409, `{"message":"Bridge with id 'x' already exists"}`, calls.ErrConflict, ""},
		{422, `{"message":"Channel not in this bridge"}`, calls.ErrConflict, ""},
		{404, `{"message":"Resource not found"}`, calls.ErrInvalid, ""},
		{400, `{"message":"Invalid direction specified"}`, calls.ErrInvalid, ""},
		{422, `{"message":"specified format is unknown on this system"}`, calls.ErrInvalid, ""},
		{401, `not JSON`, calls.ErrUnavailable, "answer 17.1: unavailable: Unauthorized (401)"},
		{403, `{"message":"Write access denied"}`, calls.ErrUnavailable, "answer 17.1: unavailable: Write access denied (403)"},
		{500, `{"error":"Allocation failed"}`, calls.ErrUnavailable, "answer 17.1: unavailable: Allocation failed (500)"},
		{503, ``, calls.ErrUnavailable, "answer 17.1: unavailable: Service Unavailable (503)"},
		{302, ``, calls.ErrUnavailable, ""},
		{400, `{"message":"a\nb"}`, calls.ErrInvalid, "answer 17.1: invalid: a b (400)"},
		{400, `{"message":"` + strings.Repeat("x", 300) + `"}`, calls.ErrInvalid, "answer 17.1: invalid: " + strings.Repeat("x", 200) + "... (400)"},
	} {
		t.Run(fmt.Sprint(test.status, test.body), func(t *testing.T) {
			s := aritest.New(t)
			a := aritest.Answer{Status: test.status, Body: test.body}
			s.Script("POST /channels/17.1/answer", a)   // by v5
			s.Script("POST /channels/17.1/progress", a) // by our own
			c := newClient(t, s, nil)
			v5, own := c.Answer("17.1"), c.Progress("17.1")
			for _, err := range []error{v5, own} {
				var e *ari.Error
				if !errors.Is(err, test.want) || !errors.As(err, &e) || e.Status != test.status || e.ID != "17.1" {
					t.Errorf("%v: want %v with its status and id", err, test.want)
				}
			}
			if test.text != "" && v5.Error() != test.text {
				t.Errorf("says %q, want %q", v5, test.text)
			}
		})
	}
}

func TestNothingThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c, err := ari.New(ari.Config{URL: "http://" + addr + "/ari", Username: "u", Password: "p", Application: "a", Handler: discard{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{c.Answer("17.1"), c.Progress("17.1")} {
		if !errors.Is(err, calls.ErrUnavailable) || !strings.HasSuffix(err.Error(), "17.1: unavailable: connection refused") {
			t.Errorf("%v: want ErrUnavailable, connection refused", err)
		}
	}
}

// After a duplicate id Asterisk blames the id for every failed create on the same connection.
func TestCreateChannelBlamesTheEndpoint(t *testing.T) {
	s := aritest.New(t)
	s.Script("POST /channels/create", aritest.Answer{Status: 409, Body: `{"message":"Channel with given unique ID already exists"}`})
	c := newClient(t, s, nil)
	spec := calls.ChannelSpec{ID: "mf-1", Endpoint: "PJSIP/bob"}
	s.Script("GET /channels/mf-1", aritest.Answer{Status: 200, Body: `{"id":"mf-1"}`})
	if err := c.CreateChannel(spec); !errors.Is(err, calls.ErrConflict) {
		t.Errorf("the channel is there: %v, want ErrConflict", err)
	}
	s.Script("GET /channels/mf-1", aritest.Answer{Status: 404, Body: `{"message":"Channel not found"}`})
	if err := c.CreateChannel(spec); !errors.Is(err, calls.ErrUnavailable) {
		t.Errorf("there is no such channel: %v, want ErrUnavailable", err)
	}
}

// A slow answer hits the deadline; commands that may wait behind digits have a longer one.
func TestDeadlines(t *testing.T) {
	s := aritest.New(t)
	slow := aritest.Answer{Status: 204, Delay: 300 * time.Millisecond}
	for _, path := range []string{"POST /channels/17.1/answer", "POST /channels/17.1/progress", "POST /channels/17.1/variable",
		"POST /channels/17.1/variables", "POST /bridges/b/addChannel", "POST /bridges/b/removeChannel"} {
		s.Script(path, slow)
	}
	c := newClient(t, s, func(cfg *ari.Config) { cfg.Timeout, cfg.LongTimeout = 50*time.Millisecond, 5*time.Second })
	for name, do := range map[string]func() error{
		"Answer":   func() error { return c.Answer("17.1") },
		"Progress": func() error { return c.Progress("17.1") },
	} {
		began := time.Now()
		err := do()
		if !errors.Is(err, calls.ErrUnavailable) || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%s: %v, want no answer in time", name, err)
		}
		if took := time.Since(began); took > 250*time.Millisecond {
			t.Errorf("%s took %v", name, took)
		}
	}
	for name, do := range map[string]func() error{
		"SendDigits":       func() error { return c.SendDigits("17.1", "1") },
		"SetVariables":     func() error { return c.SetVariables("17.1", map[string]string{"A": "1"}) },
		"AddAllToBridge":   func() error { return c.AddAllToBridge("b", "17.1", "17.2") },
		"AddToBridge":      func() error { return c.AddToBridge("b", "17.1", true) },
		"RemoveFromBridge": func() error { return c.RemoveFromBridge("b", "17.1") },
	} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// However a relay fails, the error does not say the digits.
func TestFailedRelayIsDiscreet(t *testing.T) {
	const digits = "4711"
	check := func(t *testing.T, c *ari.Client) {
		t.Helper()
		err := c.SendDigits("17.1x", digits)
		if err == nil {
			t.Fatal("no error")
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, digits) {
				t.Errorf("the error says the digits: %s", text)
			}
		}
	}
	t.Run("refused", func(t *testing.T) {
		s := aritest.New(t)
		s.Script("POST /channels/17.1x/dtmf", aritest.Answer{Status: 409, Body: `{"message":"Channel not in Stasis application"}`})
		check(t, newClient(t, s, nil))
	})
	t.Run("slow", func(t *testing.T) {
		s := aritest.New(t)
		s.Script("POST /channels/17.1x/dtmf", aritest.Answer{Status: 204, Delay: time.Minute})
		check(t, newClient(t, s, func(cfg *ari.Config) { cfg.LongTimeout = 50 * time.Millisecond }))
	})
	t.Run("not played", func(t *testing.T) {
		s := aritest.New(t)
		s.Script("POST /channels/17.1x/variable", aritest.Answer{Status: 404, Body: `{"message":"Channel not found"}`})
		check(t, newClient(t, s, nil))
	})
	t.Run("away", func(t *testing.T) {
		s := aritest.New(t)
		c := newClient(t, s, nil)
		s.Close()
		check(t, c)
	})
}

// Of digits it is known whether none was played, so that a relay may be sent again: Asterisk has said so, or was not reached.
// Where the answer is missing, or is about the wait behind the digits, they may have been.
func TestUnsent(t *testing.T) {
	const digits, behind = "POST /channels/17.1/dtmf", "POST /channels/17.1/variable"
	for name, test := range map[string]struct {
		request string
		answer  aritest.Answer
		unsent  bool
	}{
		"500":                  {digits, aritest.Answer{Status: 500, Body: `{"error":"Allocation failed"}`}, true},
		"503":                  {digits, aritest.Answer{Status: 503}, true},
		"409":                  {digits, aritest.Answer{Status: 409, Body: `{"message":"busy"}`}, true},
		"a gateway's 502":      {digits, aritest.Answer{Status: 502}, false},
		"a gateway's 504":      {digits, aritest.Answer{Status: 504}, false},
		"403":                  {digits, aritest.Answer{Status: 403, Body: `{"message":"Write access denied"}`}, false},
		"302":                  {digits, aritest.Answer{Status: 302}, false},
		"slow":                 {digits, aritest.Answer{Status: 204, Delay: time.Minute}, false},
		"500, when played":     {behind, aritest.Answer{Status: 500, Body: `{"error":"Allocation failed"}`}, false},
		"slow, when played":    {behind, aritest.Answer{Status: 204, Delay: time.Minute}, false},
		"it is gone meanwhile": {behind, aritest.Answer{Status: 404, Body: `{"message":"Channel not found"}`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := aritest.New(t)
			s.Script(test.request, test.answer)
			c := newClient(t, s, func(cfg *ari.Config) { cfg.LongTimeout = 500 * time.Millisecond })
			if err := c.SendDigits("17.1", "1"); err == nil || errors.Is(err, calls.ErrUnsent) != test.unsent {
				t.Errorf("%v: unsent %v, want %v", err, !test.unsent, test.unsent)
			}
		})
	}
	t.Run("not reached", func(t *testing.T) {
		s := aritest.New(t)
		c := newClient(t, s, nil)
		s.Close()
		if err := c.SendDigits("17.1", "1"); !errors.Is(err, calls.ErrUnsent) || !errors.Is(err, calls.ErrUnavailable) {
			t.Errorf("%v: want ErrUnsent", err)
		}
	})
}

// After Detach nothing is sent.
func TestDetach(t *testing.T) {
	s := aritest.New(t)
	c := newClient(t, s, nil)
	c.Detach()
	for _, cmd := range commands {
		if cmd.want == nil {
			continue
		}
		if err := cmd.do(c); !errors.Is(err, calls.ErrDetached) {
			t.Errorf("%s: %v, want ErrDetached", cmd.name, err)
		}
	}
	checkRequests(t, s, nil)
}

// A connection is used again also after errors and answers that nobody reads.
func TestConnectionsAreKept(t *testing.T) {
	s := aritest.New(t)
	s.Script("POST /channels/1/answer", aritest.Answer{Status: http.StatusNotFound, Body: `{"message":"Channel not found"}`})
	s.Script("POST /channels/1/play/p", aritest.Answer{Status: 201, Body: `{"id":"p"}`})
	c := newClient(t, s, nil)
	for range 20 {
		c.Answer("1")
		c.Play("1", "p", "sound:beep")
		c.Progress("1")
	}
	if n := s.Dialled(); n != 1 {
		t.Errorf("%d connections for requests one after another, want 1", n)
	}
}

func TestNewRefuses(t *testing.T) {
	good := ari.Config{URL: "http://127.0.0.1:8088/ari", Username: "u", Password: "p", Application: "metaflows", Handler: discard{}}
	if _, err := ari.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*ari.Config){
		"scheme":      func(c *ari.Config) { c.URL = "ws://127.0.0.1/ari" },
		"host":        func(c *ari.Config) { c.URL = "127.0.0.1:8088/ari" },
		"user":        func(c *ari.Config) { c.URL = "http://u:hunter2@127.0.0.1/ari" },
		"query":       func(c *ari.Config) { c.URL = "http://127.0.0.1/ari?api_key=u:hunter2" },
		"application": func(c *ari.Config) { c.Application = "a,b" },
		"password":    func(c *ari.Config) { c.Password = "" },
		"handler":     func(c *ari.Config) { c.Handler = nil },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := ari.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error says the password: %v", name, err)
		}
	}
}
