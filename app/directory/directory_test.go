package directory

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"metaflows/app/broker/brokertest"
	"metaflows/app/directory/endpoints"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/app/store"
	"metaflows/flows"
)

// What is stored is what was sent, and its id.
func TestCreate(t *testing.T) {
	l := single(t)
	for _, c := range []struct {
		p           store.Place
		sent, there string
	}{
		{store.Place{Scope: flows.ScopeAccount}, `{"z":{"b":1,"a":2},"name":"Acme","id":"acme","timezone":"UTC"}`, `{"z":{"b":1,"a":2},"name":"Acme","id":"acme","timezone":"UTC"}`},
		{users, `{"username":"Alice@Example","id":"alice","first_name":"A"}`, `{"username":"Alice@Example","id":"alice","first_name":"A"}`},
		{desks, `{"name":"Desk <1>","id":"desk","owner_id":"alice"}`, `{"name":"Desk <1>","id":"desk","owner_id":"alice"}`},
	} {
		e := l.create(c.p, c.sent)
		if got := l.stored(e.Place); got != c.there || string(e.Data.Encode()) != c.there || e.Revision == 0 {
			t.Errorf("%s: %s", c.sent, got)
		}
		if again, err := l.Get(e.Place); err != nil || again.Revision != e.Revision || string(again.Data.Encode()) != c.there {
			t.Error(again, err)
		}
		if _, err := l.Create(t.Context(), c.p, object(t, strings.Replace(c.sent, "Alice@", "Other@", 1))); !errors.Is(err, store.ErrConflict) {
			t.Error("an id that is taken:", err)
		}
	}
	e := l.create(desks, `{"name":"x"}`)
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(e.ID) || textOf(e.Data, "id") != e.ID || e.Endpoint() != "PJSIP/"+e.ID {
		t.Error(e)
	}
	if e := l.create(desks, `{"name":"x","endpoint":"PJSIP/100-desk"}`); e.Endpoint() != "PJSIP/100-desk" {
		t.Error(e)
	}
	if _, err := l.Get(store.Place{Account: "acme", Scope: flows.ScopeUser, ID: "desk"}); !errors.Is(err, ErrNotFound) {
		t.Error("a device is found as a user:", err)
	}
}

func TestInvalid(t *testing.T) {
	l := single(t)
	accounts := store.Place{Scope: flows.ScopeAccount}
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		p    store.Place
		sent string
		want []string // of what a client is told
	}{
		{accounts, `{}`, []string{`"name":{"required":{"message":"Field is required but missing","value":"name"}}`}},
		{accounts, `{"name":""}`, []string{`"name":{"minLength":`}},
		{accounts, `{"name":"` + long + `"}`, []string{`"name":{"maxLength":`}},
		{accounts, `{"name":7,"id":"a.b"}`, []string{`"name":{"type":`, `"id":{"pattern":`}},
		{accounts, `{"name":"x","id":7}`, []string{`"id":{"type":`}},
		{accounts, `{"name":"x","id":""}`, []string{`"id":{"pattern":`}},
		{accounts, `{"name":"x","id":null}`, []string{`"id":{"type":`}},
		{accounts, `{"name":"x","id":"` + long + `"}`, []string{`"id":{"pattern":`}},
		{accounts, `[]`, []string{`"data":{"type":{"message":"Value did not match type(s): object"`}},
		{accounts, `{"name":"x","name":"y"}`, []string{`"name":{"duplicate":`}},
		{accounts, `{"name":"x","a":[{"b.c":1,"b.c":2}]}`, []string{`"a.b%2Ec":{"duplicate":`}},
		{users, `{"username":""}`, []string{`"username":{"minLength":`}},
		{users, `{"username":true,"name":1}`, []string{`"username":{"type":`, `"name":{"type":`}},
		{users, `{"username":"` + long + `"}`, []string{`"username":{"maxLength":`}},
		{desks, `{}`, []string{`"name":{"required":`}},
		{desks, `{"name":"x","owner_id":"a b"}`, []string{`"owner_id":{"pattern":`}},
		{desks, `{"name":"x","owner_id":null}`, []string{`"owner_id":{"type":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/100@trunk"}`, []string{`"endpoint":{"forbidden":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/trunk/sip:0190@example.com"}`, []string{`"endpoint":{"forbidden":`}},
		{desks, `{"name":"x","endpoint":"Local/0190@outbound"}`, []string{`"endpoint":{"forbidden":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/sip:100@[::1]:5060"}`, []string{`"endpoint":{"forbidden":`}},
		{desks, `{"name":"x","endpoint":"DAHDI/g0/0190"}`, []string{`"endpoint":{"forbidden":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/a&PJSIP/b"}`, []string{`"endpoint":{"pattern":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/a,30"}`, []string{`"endpoint":{"pattern":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/a\nb"}`, []string{`"endpoint":{"pattern":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/a\u0000"}`, []string{`"endpoint":{"pattern":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/a\n"}`, []string{`"endpoint":{"pattern":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/a\u007f"}`, []string{`"endpoint":{"pattern":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/"}`, []string{`"endpoint":{"pattern":`}},
		{desks, `{"name":"x","endpoint":"desk"}`, []string{`"endpoint":{"pattern":`}},
		{desks, `{"name":"x","endpoint":""}`, []string{`"endpoint":{"pattern":`}},
		{desks, `{"name":"x","endpoint":"PJSIP/` + long + `"}`, []string{`"endpoint":{"maxLength":`}},
	} {
		_, err := l.Create(t.Context(), c.p, object(t, c.sent))
		for _, want := range c.want {
			if !strings.Contains(said(err), want) {
				t.Errorf("%s %.80s: %s", c.p.Scope, c.sent, said(err))
			}
		}
	}
	if got := l.bucket(); got != "" {
		t.Error("stored all the same:", got)
	}
	l.create(desks, `{"name":"Ünal's desk"}`)
}

func TestSettings(t *testing.T) {
	blocked, err := egress.Parse(egress.Default)
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := schema.Load(blocked, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := single(t, func(c *Config) { c.Schemas = schemas })
	e := l.create(store.Place{Scope: flows.ScopeAccount}, `{"id":"acme","name":"Acme"}`)
	bytes := func(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", n))) }
	for _, c := range []struct {
		key, value string // JSON
		want       string // begins what a client is told; "": it is taken
	}{
		{"recording", `"always"`, ``},
		{"recording", `"on_demand"`, ``},
		{"recording", `"never"`, ``},
		{"recording", `"sometimes"`, `"enum":{"message":"Value not found in enumerated list of values","target":["always","on_demand","never"]`},
		{"recording", `true`, `"enum":`},
		{"recording_retention", `"720h"`, ``},
		{"recording_retention", `"0"`, ``},
		{"recording_retention", `"30d"`, `"format":{"message":"A retention is a number of hours, minutes or seconds, as 720h, or 0"}`},
		{"recording_retention", `""`, `"format":`},
		{"recording_retention", `720`, `"type":`},
		{"webhook_url", `"https://example.com/hook?x=1"`, ``},
		{"webhook_url", `"https://127.0.0.1/hook"`, `"error":{"cause":"blocked address`},
		{"webhook_url", `"ftp://example.com/hook"`, `"error":{"cause":"not http or https"`},
		{"webhook_url", `"hook"`, `"error":{"cause":"not http or https"`},
		{"webhook_url", `7`, `"type":`},
		{"webhook_secret", `"` + bytes(24) + `"`, ``},
		{"webhook_secret", `"whsec_` + bytes(64) + `"`, ``},
		{"webhook_secret", `"whsec_` + bytes(23) + `"`, `"format":{"message":"A secret is 24 to 64 bytes in base64, with or without whsec_ before it"}`},
		{"webhook_secret", `"` + bytes(65) + `"`, `"format":`},
		{"webhook_secret", `"kkkkkkkkkkkkkkkk-kkkkkkkkkkkkkkkkkkkkk_k"`, `"format":`},
		{"webhook_secret", `"kkkkkkkkkkkkkkkk\nkkkkkkkkkkkkkkkk"`, `"format":`},
		{"webhook_secret", `70077007`, `"type":{"message":"Value did not match type(s): string","target":"string"}`},
		{"moh", `"default"`, ``},
		{"moh", `"a b"`, `"format":{"message":"A class of music has`},
		{"tones", `false`, ``},
		{"tones", `"loud"`, `"type":`},
		{"park_slots", `"701-720"`, ``},
		{"park_slots", `"70-170"`, `"format":{"message":"Slots are`},
		{"park_slots", `"720-701"`, `"format":`},
		{"park_slots", `"701"`, `"format":`},
		{"park_slots", `"0000-1000"`, `"format":`},
	} {
		_, err := l.Patch(t.Context(), e.Place, object(t, `{"`+c.key+`":`+c.value+`}`), store.Any)
		switch told := said(err); {
		case c.want == "" && (err != nil || !strings.Contains(l.stored(e.Place), `"`+c.key+`":`+c.value)):
			t.Errorf("%s %s: %s, stored %s", c.key, c.value, told, l.stored(e.Place))
		case c.want != "" && !strings.HasPrefix(told, `{"`+c.key+`":{`+c.want):
			t.Errorf("%s %s: %s", c.key, c.value, told)
		case c.key == "webhook_secret" && (strings.Contains(told, "kkk") || strings.Contains(told, "7007")):
			t.Errorf("%s is shown: %s", c.key, told)
		}
	}
	l.create(users, `{"id":"alice","recording":"never"}`)
	l.create(desks, `{"id":"desk","name":"x","recording":"always"}`)
	for _, p := range []store.Place{alice, desk} {
		if _, err := l.Patch(t.Context(), p, object(t, `{"recording":"yes"}`), store.Any); !strings.HasPrefix(said(err), `{"recording":{"enum":`) {
			t.Error(p, said(err))
		}
	}
}

// An account says how long its recordings are kept, or nothing of that.
func TestRetention(t *testing.T) {
	l := single(t)
	l.create(store.Place{Scope: flows.ScopeAccount}, `{"id":"acme","name":"Acme"}`)
	for _, c := range []struct {
		sent string
		keep time.Duration
		ok   bool
	}{{`{"name":"Acme"}`, 0, false}, {`{"recording_retention":"720h"}`, 720 * time.Hour, true}, {`{"recording_retention":"0"}`, 0, true}} {
		if _, err := l.Patch(t.Context(), acme, object(t, c.sent), store.Any); err != nil {
			t.Fatal(said(err))
		}
		if keep, ok := l.Retention("acme"); keep != c.keep || ok != c.ok {
			t.Errorf("%s: %s %v", c.sent, keep, ok)
		}
	}
}

// A secret is not in what is shown, so who replaces an account by what he was shown does not lose it.
func TestSecretStays(t *testing.T) {
	l := single(t)
	const key = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
	e := l.create(store.Place{Scope: flows.ScopeAccount}, `{"id":"acme","name":"Acme","webhook_secret":"`+key+`"}`)
	for _, c := range []struct {
		patch bool
		sent  string
		kept  bool
	}{
		{false, string(e.Shown().Encode()), true},
		{true, `{"name":"Other"}`, true},
		{false, `{"name":"Acme","webhook_secret":null}`, false},
		{false, `{"name":"Acme"}`, false},
		{false, `{"name":"Acme","webhook_secret":"` + key + `"}`, true},
		{true, `{"webhook_secret":null}`, false},
	} {
		change := l.Replace
		if c.patch {
			change = l.Patch
		}
		e, err := change(t.Context(), acme, object(t, c.sent), store.Any)
		if err != nil || strings.Contains(l.stored(acme), key) != c.kept {
			t.Errorf("%s: %s %s", c.sent, said(err), l.stored(acme))
		}
		if _, secret := l.Webhook("acme"); (secret == key) != c.kept {
			t.Errorf("%s: what signs is %q", c.sent, secret)
		}
		if shown := string(e.Shown().Encode()); strings.Contains(shown, "secret") {
			t.Error(shown)
		}
	}
	// A user's key of that name means nothing, and is his.
	if e := l.create(users, `{"id":"alice","webhook_secret":"x"}`); !strings.Contains(string(e.Shown().Encode()), `"webhook_secret":"x"`) {
		t.Error(e.Shown())
	}
}

// What DIRECTORY_ENDPOINTS allows may be given to a device; what it had before a list was made shorter it keeps.
func TestEndpointsAllowed(t *testing.T) {
	s := brokertest.Start(t)
	trunk, err := endpoints.Parse(`PJSIP/\d{4,15}@trunk`)
	if err != nil {
		t.Fatal(err)
	}
	wide, narrow := open(t, s, func(c *Config) { c.Endpoints = trunk }), open(t, s)
	old := wide.create(desks, `{"id":"desk","name":"x","endpoint":"PJSIP/0172555@trunk"}`)
	if _, err := wide.Create(t.Context(), desks, object(t, `{"name":"x","endpoint":"PJSIP/0172555@other"}`)); !strings.Contains(said(err), `"endpoint":{"forbidden":`) {
		t.Error("a trunk that no pattern names:", said(err))
	}
	if err := narrow.records.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, err := narrow.Replace(t.Context(), old.Place, object(t, `{"name":"y","endpoint":"PJSIP/0172555@trunk"}`), store.Any); err != nil || e.Endpoint() != "PJSIP/0172555@trunk" {
		t.Error("what was stored under an older list:", e, said(err))
	}
	if _, err := narrow.Patch(t.Context(), old.Place, object(t, `{"endpoint":"PJSIP/0172556@trunk"}`), store.Any); !strings.Contains(said(err), `"endpoint":{"forbidden":`) {
		t.Error("another of the trunk's numbers:", said(err))
	}
}

// However often it is added to, an entry stays as short as its owner's look into it must be.
func TestEntriesAreShort(t *testing.T) {
	l := single(t)
	l.create(desks, `{"id":"desk","name":"x"}`)
	for i := range 40 {
		_, err := l.Patch(t.Context(), desk, object(t, fmt.Sprintf(`{"k%d":"%s"}`, i, strings.Repeat("x", 1<<10))), store.Any)
		if stored := len(l.stored(desk)); stored > 32<<10 || i > 32 && !strings.Contains(said(err), `"target":32768`) {
			t.Fatal(i, stored, said(err))
		}
	}
}

// What a device's record said is not remembered for longer than the record is there, whoever has changed it.
func TestOwnerFollowsTheRecord(t *testing.T) {
	l := single(t)
	for _, owner := range []string{"alice", "bob", ""} {
		for range 2 {
			if _, err := l.records.Put(t.Context(), key(desk), []byte(`{"name":"x","owner_id":"`+owner+`"}`), store.Any); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if user, ok := l.OwnerOf("acme", "desk"); user != owner || ok != (owner != "") {
					t.Errorf("%q, want %q", user, owner)
				}
			}
		}
	}
}

// After Refresh one instance knows what another has removed.
func TestRefresh(t *testing.T) {
	s := brokertest.Start(t)
	one, two := open(t, s, strict), open(t, s, strict)
	for range 20 {
		one.create(store.Place{Scope: flows.ScopeAccount}, `{"id":"acme","name":"x"}`)
		if err := two.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if ok, err := two.Admits(acme); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if _, err := one.Remove(t.Context(), acme, store.Any); err != nil {
			t.Fatal(err)
		}
		if err := two.Refresh(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if ok, err := two.Admits(acme); ok || err != nil {
			t.Fatal("still admitted", err)
		}
	}
}

func TestReplaceAndPatch(t *testing.T) {
	l := single(t)
	l.create(users, `{"id":"alice"}`)
	l.create(users, `{"id":"bob"}`)
	for _, c := range []struct {
		patch      bool
		sent, want string // want: what is stored, or what a client is told
	}{
		{false, `{"name":"Desk","b":{"x":1,"y":[1,2]},"a":1,"owner_id":"alice"}`, `{"name":"Desk","b":{"x":1,"y":[1,2]},"a":1,"owner_id":"alice","id":"desk"}`},
		{false, `{"id":"other","name":"Desk","b":{"x":1,"y":[1,2]},"a":1}`, `{"id":"desk","name":"Desk","b":{"x":1,"y":[1,2]},"a":1}`},
		{true, `{"a":null,"b":{"x":null,"z":{"q":null,"r":1}}}`, `{"id":"desk","name":"Desk","b":{"y":[1,2],"z":{"r":1}}}`},
		{true, `{"b":{"y":[3]},"c":null,"d":{"e":null}}`, `{"id":"desk","name":"Desk","b":{"y":[3],"z":{"r":1}},"d":{}}`},
		{true, `{"b":7,"d":null,"id":"other"}`, `{"id":"desk","name":"Desk","b":7}`},
		{true, `{"b":{"k":1}}`, `{"id":"desk","name":"Desk","b":{"k":1}}`},
		{true, `{}`, `{"id":"desk","name":"Desk","b":{"k":1}}`},
		{true, `{"name":null}`, `{"name":{"required":`},
		{true, `{"name":7}`, `{"name":{"type":`},
		{true, `[]`, `{"data":{"type":`},
		{false, `[]`, `{"data":{"type":`},
		{false, `{"owner_id":"bob"}`, `{"name":{"required":`},
		{false, `{"owner_id":"nobody"}`, `{"name":{"required":{"message":"Field is required but missing","value":"name"}},"owner_id":{"not_found":`},
		{true, `{"k":"` + strings.Repeat("x", 32<<10) + `"}`, `{"data":{"maxSize":{"message":"The entry has `},
		{true, `{"owner_id":"nobody"}`, `{"owner_id":{"not_found":{"cause":"nobody","message":"The owner is not a user of this account"}}}`},
		{true, `{"owner_id":"bob"}`, `{"id":"desk","name":"Desk","b":{"k":1},"owner_id":"bob"}`},
		{true, `{"owner_id":null}`, `{"id":"desk","name":"Desk","b":{"k":1}}`},
	} {
		if l.stored(desk) == "nothing" {
			l.create(desks, `{"id":"desk","name":"x","gone":1}`)
		}
		before := l.stored(desk)
		change := l.Replace
		if c.patch {
			change = l.Patch
		}
		e, err := change(t.Context(), desk, object(t, c.sent), store.Any)
		switch {
		case err != nil:
			if !strings.HasPrefix(said(err), c.want) || l.stored(desk) != before {
				t.Errorf("%s: %s, stored %s", c.sent, said(err), l.stored(desk))
			}
		case l.stored(desk) != c.want || string(e.Data.Encode()) != c.want:
			t.Errorf("%s: %s", c.sent, l.stored(desk))
		}
	}
	now, _ := l.Get(desk)
	for _, c := range []struct {
		expect store.Expect
		ok     bool
	}{{store.Revision(now.Revision - 1), false}, {store.Absent, false}, {store.Revision(now.Revision), true}, {store.Revision(now.Revision), false}} {
		if _, err := l.Patch(t.Context(), desk, object(t, `{"n":1}`), c.expect); errors.Is(err, store.ErrConflict) == c.ok {
			t.Error(c.expect, err)
		}
	}
	if _, err := l.Replace(t.Context(), store.Place{Account: "acme", Scope: flows.ScopeDevice, ID: "none"}, object(t, `{"name":"x"}`), store.Any); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestOwners(t *testing.T) {
	l := single(t)
	owner := func(want string) {
		t.Helper()
		if user, ok := l.OwnerOf("acme", "desk"); user != want || ok != (want != "") {
			t.Errorf("%q %v, not %q", user, ok, want)
		}
	}
	owner("")
	l.create(desks, `{"id":"desk","name":"x","owner_id":"anybody"}`) // nobody is in the directory: ids are free
	owner("anybody")
	l.create(users, `{"id":"alice"}`)
	if _, err := l.Patch(t.Context(), desk, object(t, `{"name":"y"}`), store.Any); err != nil {
		t.Error("an owner who was accepted hinders another change:", err)
	}
	if _, err := l.Patch(t.Context(), desk, object(t, `{"owner_id":"somebody"}`), store.Any); !strings.Contains(said(err), "not_found") {
		t.Error(said(err))
	}
	if _, err := l.Patch(t.Context(), desk, object(t, `{"owner_id":"alice"}`), store.Any); err != nil {
		t.Error(err)
	}
	owner("alice")
	if user, ok := l.OwnerOf("other", "desk"); ok {
		t.Error("another account's device has an owner", user)
	}
	for _, raw := range []string{`[]`, `"x"`, `{"owner_id":7}`, `{"owner_id":""}`} {
		if _, err := l.records.Put(t.Context(), key(desk), []byte(raw), store.Any); err != nil {
			t.Fatal(err)
		}
		owner("")
		if e, err := l.Get(desk); err != nil || e.Endpoint() != "PJSIP/desk" || textOf(e.Data, "id") != "desk" {
			t.Error(e, err)
		}
	}
	if n := testing.AllocsPerRun(100, func() { l.OwnerOf("acme", "none") }); n > 3 {
		t.Error(n, "allocations")
	}
}

func TestStrict(t *testing.T) {
	l := single(t, strict)
	admits := func(p store.Place, want bool) {
		t.Helper()
		if got, err := l.Admits(p); err != nil || got != want {
			t.Error(p, got, err)
		}
	}
	admits(acme, false)
	if _, err := l.Create(t.Context(), users, object(t, `{"id":"alice"}`)); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	l.create(store.Place{Scope: flows.ScopeAccount}, `{"id":"acme","name":"Acme"}`)
	admits(acme, true)
	admits(alice, false)
	if _, err := l.Create(t.Context(), desks, object(t, `{"id":"desk","name":"x","owner_id":"alice"}`)); !strings.Contains(said(err), "not_found") {
		t.Error(said(err))
	}
	l.create(users, `{"id":"alice"}`)
	l.create(desks, `{"id":"desk","name":"x","owner_id":"alice"}`)
	admits(alice, true)
	admits(desk, true)
	admits(store.Place{Account: "acme", Scope: flows.ScopeDevice, ID: "alice"}, false)
	admits(store.Place{Account: "other", Scope: flows.ScopeUser, ID: "alice"}, false)
	if ok, err := single(t).Admits(desk); !ok || err != nil {
		t.Error("an open directory does not admit", err)
	}
}

func TestLists(t *testing.T) {
	l := single(t)
	for i := range 7 {
		l.create(users, fmt.Sprintf(`{"id":"u%d"}`, i))
		l.create(store.Place{Scope: flows.ScopeAccount}, fmt.Sprintf(`{"id":"a%d","name":"x"}`, i))
	}
	l.create(desks, `{"id":"u9","name":"x"}`)
	l.create(store.Place{Account: "a5x", Scope: flows.ScopeUser}, `{"id":"u9"}`) // of an account that is not in the directory
	users := func(start string, size int) ([]Entry, string, error) {
		return l.List("acme", flows.ScopeUser, start, size)
	}
	for _, c := range []struct {
		list  func(string, int) ([]Entry, string, error)
		start string
		size  int
		want  string
	}{
		{users, "", 3, "u0 u1 u2 | u3"},
		{users, "u3", 3, "u3 u4 u5 | u6"},
		{users, "u6", 3, "u6 |"},
		{users, "u3x", 2, "u4 u5 | u6"},
		{users, "", 7, "u0 u1 u2 u3 u4 u5 u6 |"},
		{users, "z", 7, "|"},
		{l.Accounts, "", 6, "a0 a1 a2 a3 a4 a5 | a6"},
		{l.Accounts, "a5x", 6, "a6 |"},
		{l.Accounts, "", 7, "a0 a1 a2 a3 a4 a5 a6 |"},
	} {
		page, next, err := c.list(c.start, c.size)
		got := ""
		for _, e := range page {
			got += id(e.Place) + " "
		}
		if got = strings.TrimSpace(got + "| " + next); got != c.want || err != nil {
			t.Errorf("%q %d: %s %v", c.start, c.size, got, err)
		}
	}
}

// What is known from a file only, since NATS has not been asked yet, cannot be changed; nobody else is said to have done so.
func TestKnownFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "directory.json")
	text := `{"version":1,"saved":"2026-03-04T05:06:07Z","documents":[{"key":"directory.acme.device.desk","document":{"id":"desk","name":"Desk"}}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	records, err := store.NewRecords(store.RecordsConfig{Conn: open(t, brokertest.Start(t)).js.Conn(), Bucket: store.Bucket, Prefix: Prefix, File: file})
	if err != nil {
		t.Fatal(err)
	}
	schemas, _ := schema.Load(egress.Blocked{}, nil)
	d := New(Config{Records: records, Schemas: schemas})
	if e, err := d.Get(desk); err != nil || textOf(e.Data, "name") != "Desk" {
		t.Fatal(e, err)
	}
	_, err1 := d.Patch(t.Context(), desk, object(t, `{"name":"x"}`), store.Any)
	_, err2 := d.Replace(t.Context(), desk, object(t, `{"name":"x"}`), store.Any)
	for i, err := range []error{err1, err2} {
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrConflict) {
			t.Error(i+1, err)
		}
	}
}

func TestUnavailable(t *testing.T) {
	records, err := store.NewRecords(store.RecordsConfig{Conn: open(t, brokertest.Start(t)).js.Conn(), Bucket: store.Bucket, Prefix: Prefix})
	if err != nil {
		t.Fatal(err)
	}
	schemas, _ := schema.Load(egress.Blocked{}, nil)
	d := New(Config{Records: records, Schemas: schemas, Strict: true}) // has loaded nothing
	_, err1 := d.Get(desk)
	_, err2 := d.Create(t.Context(), desks, object(t, `{"name":"x"}`))
	_, err3 := d.Patch(t.Context(), desk, object(t, `{"name":"x"}`), store.Any)
	_, err4 := d.Remove(t.Context(), desk, store.Any)
	_, _, err5 := d.List("acme", flows.ScopeUser, "", 5)
	_, _, err6 := d.Accounts("", 5)
	_, err7 := d.Admits(desk)
	for i, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, ErrNotFound) {
			t.Error(i+1, err)
		}
	}
	if _, ok := d.OwnerOf("acme", "desk"); ok {
		t.Error("an owner out of nothing")
	}
}
