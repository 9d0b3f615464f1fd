package server

import (
	"strings"
	"testing"
	"time"

	"metaflows/app/broker/brokertest"
	"metaflows/flows/calls"
)

// A channel that names a device and no user is its owner's in the directory, whether it enters or is found.
func TestChannelOfADevice(t *testing.T) {
	in := &inbox{ahead: func(string) {}, ownerOf: func(account, device string) (string, bool) {
		if account == "acme" && device == "desk" {
			return "alice", true
		}
		return "", false
	}}
	for _, c := range []struct{ account, user, device, want string }{
		{"acme", "", "desk", "alice"},
		{"acme", "bob", "desk", "bob"}, // the variable goes first
		{"acme", "", "other", ""},
		{"acme", "", "", ""},
		{"other", "", "desk", ""},
		{"", "", "desk", ""},
	} {
		channel := calls.Channel{ID: "c1", Name: "PJSIP/x-1", Vars: map[string]string{"METAFLOWS_ACCOUNT": c.account, "METAFLOWS_USER": c.user, "METAFLOWS_DEVICE": c.device}}
		in.know(&channel)
		if leg := calls.NewLeg(channel, calls.RoleCaller); leg.Owner.User != c.want || leg.Owner.Account != c.account {
			t.Errorf("%+v: %+v", c, leg.Owner)
		}
	}
}

// The directory is there after a start without NATS, as it was known last, and cannot be changed.
func TestDirectoryWithoutNATS(t *testing.T) {
	nc := brokertest.Start(t)
	cfg := settingsFor(t.TempDir())
	cfg.NATS.URL, cfg.AdminToken = nc.URL(), "a-token-that-was-given"
	l := start(t, cfg)
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) { // until it is loaded
		status, answer := l.do("PUT", "/v2/accounts/acme/devices", `{"data":{"id":"desk","name":"Desk","owner_id":"alice"}}`)
		if status == 201 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(status, answer)
		}
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	nc.Stop()
	l = start(t, cfg)
	if _, body := l.do("GET", "/readyz", ""); !strings.Contains(body, `"directory":{"ok":false,"problem":"accounts, users and devices are as of 2`) {
		t.Error(body)
	}
	if status, body := l.do("GET", "/v2/accounts/acme/devices/desk", ""); status != 200 || !strings.Contains(body, `"owner_id":"alice"`) {
		t.Error(status, body)
	}
	if status, body := l.do("PATCH", "/v2/accounts/acme/devices/desk", `{"data":{"name":"x"}}`); status != 503 {
		t.Error(status, body)
	}
}

// In a strict directory there are documents only of what is in it.
func TestStrictDirectory(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	cfg.Directory = "strict"
	l := start(t, cfg)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/v2/accounts/acme/metaflows", document, 404, `"message":"bad_identifier"`},
		{"PUT", "/v2/accounts/acme/users", `{"data":{"id":"alice"}}`, 404, `"cause":"acme"`},
		{"GET", "/v2/accounts/acme/users", "", 404, `"cause":"acme"`},
		{"PUT", "/v2/accounts/acme/api_keys", `{"data":{}}`, 404, `"cause":"acme"`},
		{"POST", "/v2/accounts/acme/users/alice/metaflows", document, 404, `"cause":"acme"`},
		{"PUT", "/v2/accounts", `{"data":{"id":"acme","name":"Acme"}}`, 201, `"id":"acme"`},
		{"POST", "/v2/accounts/acme/metaflows", document, 200, ""},
		{"GET", "/v2/accounts/acme/users/alice/metaflows", "", 404, `"data":{"cause":"alice","message":"bad identifier"}`},
		{"POST", "/v2/accounts/acme/users/alice/metaflows", document, 404, `"cause":"alice"`},
		{"DELETE", "/v2/accounts/acme/devices/desk/metaflows", "", 404, `"cause":"desk"`},
		{"PUT", "/v2/accounts/acme/users", `{"data":{"id":"alice"}}`, 201, ""},
		{"POST", "/v2/accounts/acme/users/alice/metaflows", document, 200, ""},
		{"DELETE", "/v2/accounts/acme/users/alice", "", 200, ""},
		{"GET", "/v2/accounts/acme/users/alice/metaflows", "", 404, ""},
		{"PUT", "/v2/accounts/acme/users", `{"data":{"id":"alice"}}`, 201, ""},
		{"GET", "/v2/accounts/acme/users/alice/metaflows", "", 200, `"data":{}`},
	} {
		if status, body := l.do(c.method, c.path, c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
}
