package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"metaflows/app/events"
)

// stories are Stories in memory, by account and call; the n-th event of a call is at place 10n of the stream.
type stories map[string][]events.Event

func (s stories) Story(_ context.Context, account, call string, from uint64, most int) (page []events.Event, next uint64, err error) {
	if account == "away" {
		return nil, 0, events.ErrUnavailable
	}
	for i, e := range s[account+"/"+call] {
		if at := uint64(10 * (i + 1)); at < from {
			continue
		} else if len(page) == most {
			return page, at, nil
		}
		page = append(page, e)
	}
	return page, 0, nil
}

// published is an event with some of its payload's keys behind those that others need.
func published(kind, keys string) events.Event {
	return events.Event{
		SpecVersion: "1.0", ID: "id", Source: "/metaflows/n1", Type: "metaflows.v1." + kind, Subject: "call", Time: "2026-03-04T05:06:07.089Z",
		Data: json.RawMessage(`{"type":"` + kind + `","time":"2026-03-04T05:06:07.089Z","node":"n1","account":"acme","call":"call","channel":"1.1","endpoint":"PJSIP/a","uniqueid":"1.1",` +
			`"other_channel":"1.2","other_endpoint":"PJSIP/b"` + keys + `}`),
	}
}

// someCalls are acme's: one of alice's, by her device, one in which she was the other party, and one of bob's with 120 events.
func someCalls() stories {
	calls := stories{
		"acme/by-device": {published("call.started", ""), published("call.answered", `,"device":"desk"`), published("call.ended", "")},
		"acme/by-user":   {published("call.started", `,"user":"alice"`)},
		"acme/as-other":  {published("call.started", `,"user":"bob","other_user":"alice"`)},
		"acme/other-dev": {published("call.started", `,"device":"bobs","other_device":"desk"`)},
		"acme/bobs":      nil,
		"other/foreign":  {published("call.started", `,"user":"alice","device":"desk"`)},
	}
	for i := range 120 {
		calls["acme/bobs"] = append(calls["acme/bobs"], published("code.armed", fmt.Sprintf(`,"user":"bob","digits":%d`, i+1)))
	}
	return calls
}

func newStoryLab(t *testing.T) *lab {
	l := newLab(t)
	l.api.cfg.Stories = someCalls()
	var err error
	if l.api, err = New(l.api.cfg); err != nil {
		t.Fatal(err)
	}
	return l
}

// Who may read of which call: an account its own, a user those in which he took part. Anything else does not exist.
func TestWhoMayReadAStory(t *testing.T) {
	l := newStoryLab(t)
	for _, tt := range []struct {
		token, path string
		status      int
	}{
		{adminToken, "acme/calls/bobs", 200},
		{adminToken, "other/calls/foreign", 200},
		{adminToken, "acme/calls/foreign", 404},
		{adminToken, "acme/calls/nothing", 404},
		{adminToken, "acme/calls/" + strings.Repeat("x", 201), 404},
		{adminToken, "acme/calls/%2A", 404},
		{adminToken, "acme/calls/bobs%2F..", 404},
		{"acme-token", "acme/calls/bobs", 200},
		{"acme-token", "acme/calls/by-device", 200},
		{"acme-token", "acme/calls/foreign", 404},
		{"acme-token", "other/calls/foreign", 403},
		{"alice-token", "acme/calls/by-device", 200},
		{"alice-token", "acme/calls/by-user", 200},
		{"alice-token", "acme/calls/as-other", 200},
		{"alice-token", "acme/calls/other-dev", 200},
		{"alice-token", "acme/calls/bobs", 404},
		{"alice-token", "acme/calls/nothing", 404},
		{"alice-token", "other/calls/foreign", 403},
		{"lost-token", "acme/calls/by-user", 404},
		{"zero-token", "acme/calls/by-user", 403},
		{"", "acme/calls/bobs", 401},
	} {
		w := l.send("GET", "/v2/accounts/"+tt.path+"/events", "", "X-Auth-Token: "+tt.token)
		if w.Code != tt.status {
			t.Errorf("%s of %s: %d %s, want %d", tt.path, tt.token, w.Code, w.Body, tt.status)
		}
		if tt.status == 404 && !strings.Contains(w.Body.String(), `"message":"bad_identifier"`) {
			t.Errorf("%s: %s", tt.path, w.Body)
		}
	}
	if w := l.do("GET", "/v2/accounts/away/calls/c/events", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Error(w.Code, w.Body)
	}
	if w := l.do("POST", "/v2/accounts/acme/calls/bobs/events", ""); w.Code != 405 {
		t.Error(w.Code, w.Body)
	}
}

// A story is read page by page, each event once and in order.
func TestStoryInPages(t *testing.T) {
	l := newStoryLab(t)
	for query, pages := range map[string]int{"page_size=7": 18, "": 3, "page_size=120": 1, "paginate=false": 1} {
		start, read, asked := "", 0, 0
		for {
			path := "/v2/accounts/acme/calls/bobs/events?" + query
			if start != "" {
				path += "&start_key=" + start
			}
			w := l.do("GET", path, "")
			var answer struct {
				Data []struct {
					Type string
					Data struct{ Digits int }
				}
				PageSize int    `json:"page_size"`
				Next     string `json:"next_start_key"`
				Start    string `json:"start_key"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || answer.PageSize != len(answer.Data) || answer.Start != start {
				t.Fatal(err, w.Code, w.Body)
			}
			for _, e := range answer.Data {
				if e.Type != "metaflows.v1.code.armed" || e.Data.Digits != read+1 {
					t.Fatalf("event %d is %+v", read, e)
				}
				read++
			}
			asked++
			if start = answer.Next; start == "" {
				break
			}
		}
		if read != 120 || asked != pages {
			t.Errorf("%q: %d events in %d pages, want 120 in %d", query, read, asked, pages)
		}
	}
	if w := l.do("GET", "/v2/accounts/acme/calls/bobs/events?start_key="+strconv.Itoa(5000), ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"data":[]`) {
		t.Error("behind the last event:", w.Code, w.Body)
	}
	for _, query := range []string{"start_key=x", "start_key=-1", "page_size=0", "page_size=many"} {
		if w := l.do("GET", "/v2/accounts/acme/calls/bobs/events?"+query, ""); w.Code != 400 {
			t.Error(query, w.Code, w.Body)
		}
	}
}
