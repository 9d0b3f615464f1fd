package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/actions"
	"metaflows/app/auth"
	"metaflows/app/broker/brokertest"
	"metaflows/app/directory"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/app/store"
)

// directoryLab is the API over a directory and documents that are kept in NATS. Several on one server are instances.
func directoryLab(t testing.TB, s *brokertest.Server, strict bool) *lab {
	t.Helper()
	keys, _ := newKeys(t)
	return boundedLab(t, s, strict, keys, nil)
}

// boundedLab is a directoryLab with a quota.
func boundedLab(t testing.TB, s *brokertest.Server, strict bool, keys *auth.Auth, quota *store.Quota) *lab {
	t.Helper()
	conn, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	records, err := store.NewRecords(store.RecordsConfig{Conn: conn, Bucket: store.Bucket, Prefix: directory.Prefix, Quota: quota, Counts: directory.Counts})
	if err != nil {
		t.Fatal(err)
	}
	documents, err := store.New(store.Config{Conn: conn, Quota: quota})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { records.Run(ctx) })
	running.Go(func() { documents.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); conn.Close() })
	<-records.Ready()
	<-documents.Ready()
	schemas, err := schema.Load(egress.Blocked{}, actions.Declared())
	if err != nil {
		t.Fatal(err)
	}
	dir := directory.New(directory.Config{Records: records, Documents: documents, Keys: keys, Schemas: schemas, Strict: strict})
	l := &lab{TB: t, log: &strings.Builder{}}
	l.api, err = New(Config{
		Documents: documents, Schemas: schemas, Authenticator: people, APIKeys: keys, Directory: dir, Owners: dir, Node: "n1", Version: "1.2.3",
		Log: slog.New(slog.NewTextHandler(l.log, nil)), Parts: func() []Part { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// dataOf is the data of an answer, byte for byte.
func dataOf(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var answer struct{ Data json.RawMessage }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err, w.Body)
	}
	return string(answer.Data)
}

// The life of an account, line by line: status, data (as it is), and what the headers say.
func TestDirectory(t *testing.T) {
	l := directoryLab(t, brokertest.Start(t), false)
	tag := ""
	for i, c := range []struct {
		method, path, body, header string
		status                     int
		data                       string // of the answer; ~ is a regular expression
	}{
		{"GET", "/v2/accounts", "", "", 200, `[]`},
		{"GET", "/v2/accounts/acme", "", "", 404, `{"cause":"acme","message":"bad identifier"}`},
		{"DELETE", "/v2/accounts/acme", "", "", 404, `{"cause":"acme","message":"bad identifier"}`},
		{"PUT", "/v2/accounts", `{"data":{"zone":"UTC","_id":"acme","name":"Acme","pvt_x":1}}`, "", 201, `{"zone":"UTC","name":"Acme","id":"acme"}`},
		{"PUT", "/v2/accounts", `{"data":{"id":"acme","name":"Other"}}`, "", 409, `{"message":"conflicting documents"}`},
		{"PUT", "/v2/accounts", `{"data":{"name":"Made"}}`, "", 201, `~^\{"name":"Made","id":"[0-9a-f]{32}"\}$`},
		{"PUT", "/v2/accounts", ``, "", 400, `{"name":{"required":{"message":"Field is required but missing","value":"name"}}}`},
		{"PUT", "/v2/accounts", `{"data":[]}`, "", 400, `~^\{"data":\{"type":`},
		{"PUT", "/v2/accounts", `{"data":{"name":"x","id":"new"}}`, "If-Match: *", 412, ``},
		{"PUT", "/v2/accounts/acme", `{"data":{"name":"x"}}`, "", 405, `{"message":"method not allowed"}`},
		{"POST", "/v2/accounts/acme/users", `{"data":{}}`, "", 405, `{"message":"method not allowed"}`},
		{"GET", "/v2/accounts/acme", "", "", 200, `{"zone":"UTC","name":"Acme","id":"acme"}`},
		{"GET", "/v2/accounts/acme", "", "If-None-Match: TAG", 304, ``},
		{"GET", "/v2/accounts/acme", "", `If-None-Match: "99"`, 200, `{"zone":"UTC","name":"Acme","id":"acme"}`},
		{"PATCH", "/v2/accounts/acme", `{"data":{"zone":null,"n":{"a":1}}}`, "If-Match: TAG", 200, `{"name":"Acme","id":"acme","n":{"a":1}}`},
		{"PATCH", "/v2/accounts/acme", `{"data":{"n":{"b":2,"a":null}}}`, `If-Match: "1"`, 412, ``},
		{"PATCH", "/v2/accounts/acme", `{"data":{"n":{"b":2,"a":null}}}`, "", 200, `{"name":"Acme","id":"acme","n":{"b":2}}`},
		{"POST", "/v2/accounts/acme", `{"data":{"name":"Acme Inc"}}`, "If-Match: *", 200, `{"name":"Acme Inc","id":"acme"}`},
		{"POST", "/v2/accounts/acme?verb=PATCH", `{"data":{"x":1}}`, "", 200, `{"name":"Acme Inc","id":"acme","x":1}`},
		{"POST", "/v2/accounts/acme", `{"data":{"name":7}}`, "", 400, `~^\{"name":\{"type":`},
		{"POST", "/v2/accounts/none", `{"data":{"name":"x"}}`, "", 404, `{"cause":"none","message":"bad identifier"}`},

		{"PUT", "/v2/accounts/acme/users", `{"data":{"id":"alice","username":"Alice","first_name":"A","email":"a@b"}}`, "", 201, `{"id":"alice","username":"Alice","first_name":"A","email":"a@b"}`},
		{"PUT", "/v2/accounts/acme/users", `{"data":{"username":"aLICE"}}`, "", 400, `{"username":{"unique":{"cause":"aLICE","message":"Username must be unique"}}}`},
		{"PUT", "/v2/accounts/acme/users", `{"data":{"id":"bob","name":"Bob"}}`, "", 201, `{"id":"bob","name":"Bob"}`},
		{"GET", "/v2/accounts/acme/users", "", "", 200, `[{"id":"alice","username":"Alice","first_name":"A"},{"id":"bob","name":"Bob"}]`},
		{"PATCH", "/v2/accounts/acme/users/bob", `{"data":{"username":"ALICE"}}`, "", 400, `{"username":{"unique":{"cause":"ALICE","message":"Username must be unique"}}}`},
		{"PATCH", "/v2/accounts/acme/users/bob", `{"data":{"username":"bob"}}`, "", 200, `{"id":"bob","name":"Bob","username":"bob"}`},

		{"PUT", "/v2/accounts/acme/devices", `{"data":{"id":"desk","name":"Desk","owner_id":"alice"}}`, "", 201, `{"id":"desk","name":"Desk","owner_id":"alice","endpoint":"PJSIP/desk"}`},
		{"PUT", "/v2/accounts/acme/devices", `{"data":{"id":"cell","name":"Cell","owner_id":"bob","endpoint":"PJSIP/bobs-cell"}}`, "", 201, `{"id":"cell","name":"Cell","owner_id":"bob","endpoint":"PJSIP/bobs-cell"}`},
		{"PUT", "/v2/accounts/acme/devices", `{"data":{"name":"x","owner_id":"nobody"}}`, "", 400, `{"owner_id":{"not_found":{"cause":"nobody","message":"The owner is not a user of this account"}}}`},
		{"PUT", "/v2/accounts/acme/devices", `{"data":{"name":"x","endpoint":"PJSIP/a&PJSIP/b"}}`, "", 400, `~^\{"endpoint":\{"pattern":`},
		{"GET", "/v2/accounts/acme/devices", "", "", 200, `[{"id":"cell","name":"Cell","owner_id":"bob","endpoint":"PJSIP/bobs-cell"},{"id":"desk","name":"Desk","owner_id":"alice","endpoint":"PJSIP/desk"}]`},
		{"GET", "/v2/accounts/acme/users/alice/devices", "", "", 200, `[{"id":"desk","name":"Desk","owner_id":"alice","endpoint":"PJSIP/desk"}]`},
		{"PATCH", "/v2/accounts/acme/devices/desk", `{"data":{"metaflows":{}}}`, "", 200, `{"id":"desk","name":"Desk","owner_id":"alice","metaflows":{},"endpoint":"PJSIP/desk"}`},
		{"POST", "/v2/accounts/acme/users/alice/metaflows", `{"data":{"numbers":{"9":{"module":"hangup"}}}}`, "", 200, `~"9"`},

		{"DELETE", "/v2/accounts/acme/users/alice", "", `If-Match: "1"`, 412, ``},
		{"DELETE", "/v2/accounts/acme/users/alice", "", "", 200, `{"id":"alice","username":"Alice","first_name":"A","email":"a@b"}`},
		{"GET", "/v2/accounts/acme/users/alice", "", "", 404, `{"cause":"alice","message":"bad identifier"}`},
		{"GET", "/v2/accounts/acme/users/alice/metaflows", "", "", 200, `{}`},
		{"GET", "/v2/accounts/acme/devices/desk", "", "", 200, `{"id":"desk","name":"Desk","metaflows":{},"endpoint":"PJSIP/desk"}`},
		{"DELETE", "/v2/accounts/acme/devices/desk", "", "", 200, `{"id":"desk","name":"Desk","metaflows":{},"endpoint":"PJSIP/desk"}`},
		{"DELETE", "/v2/accounts/acme", "", "", 200, `{"name":"Acme Inc","id":"acme","x":1}`},
		{"GET", "/v2/accounts/acme/devices", "", "", 200, `[]`},
		{"GET", "/v2/accounts/a.b/devices", "", "", 404, `{"message":"invalid account_id 'a.b'"}`},
		{"GET", "/v2/accounts/acme/devices/a.b", "", "", 404, `{"cause":"a.b","message":"bad identifier"}`},
		{"GET", "/v2/accounts/acme/groups", "", "", 404, `{"message":"not found"}`},
	} {
		w := l.do(c.method, c.path, c.body, strings.Replace(c.header, "TAG", tag, 1))
		got := ""
		if w.Body.Len() > 0 {
			got = dataOf(t, w)
		}
		pattern, isPattern := strings.CutPrefix(c.data, "~")
		if w.Code != c.status || !isPattern && got != c.data || isPattern && !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("%d: %s %s %s: %d %s\nnot %d %s", i, c.method, c.path, c.body, w.Code, w.Body, c.status, c.data)
		}
		if location := w.Header().Get("Location"); (w.Code == 201) != strings.HasPrefix(location, c.path+"/") {
			t.Errorf("%d: %s %s: Location %q", i, c.method, c.path, location)
		}
		if w.Code/100 == 2 && got[0] == '{' && !strings.HasSuffix(c.path, "metaflows") {
			var answer struct{ Revision string }
			_ = json.Unmarshal(w.Body.Bytes(), &answer)
			if t := w.Header().Get("ETag"); answer.Revision == "" || c.method != "DELETE" && t != `"`+answer.Revision+`"` {
				l.Errorf("%d: %s %s: revision %q, tag %s", i, c.method, c.path, answer.Revision, t)
			}
			tag = w.Header().Get("ETag")
		}
		if warned := strings.Contains(w.Body.String(), `"warnings"`); warned != strings.Contains(c.body, `"metaflows"`) {
			t.Errorf("%d: %s %s: warned %v", i, c.method, c.path, warned)
		}
	}
}

// An account's secret is in no answer and in no line of the log; the settings that nothing obeys are told.
func TestAccountSettings(t *testing.T) {
	l := directoryLab(t, brokertest.Start(t), false)
	const key = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string // in the answer
	}{
		{"PUT", "/v2/accounts", `{"id":"acme","name":"Acme","webhook_secret":"whsec_` + key + `"}`, 201, `"data":{"id":"acme","name":"Acme"}`},
		{"GET", "/v2/accounts/acme", ``, 200, `"data":{"id":"acme","name":"Acme"}`},
		{"GET", "/v2/accounts", ``, 200, `"data":[{"id":"acme","name":"Acme"}]`},
		{"PATCH", "/v2/accounts/acme", `{"webhook_secret":"` + key[1:] + `"}`, 400, `"data":{"webhook_secret":{"format":{"message":"A secret is `},
		{"PATCH", "/v2/accounts/acme", `{"moh":"jazz"}`, 200, `{"path":"moh","code":"unsupported","message":"moh is stored; this version does not obey it"}`},
		{"POST", "/v2/accounts/acme", `{"name":"Acme"}`, 200, `"data":{"name":"Acme","id":"acme"}`},
		{"DELETE", "/v2/accounts/acme", ``, 200, `"data":{"name":"Acme","id":"acme"}`},
	} {
		body := ""
		if c.body != "" {
			body = `{"data":` + c.body + `}`
		}
		w := l.do(c.method, c.path, body)
		if answer := w.Body.String(); w.Code != c.status || !strings.Contains(answer, c.want) || strings.Contains(answer, key[1:]) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, w.Code, answer)
		}
	}
	if strings.Contains(l.log.String(), key[1:]) {
		t.Error(l.log)
	}
}

// Who may do what: an account's administrator everything but make and delete accounts, a user look at himself.
func TestDirectoryRoles(t *testing.T) {
	l := directoryLab(t, brokertest.Start(t), false)
	for _, put := range [][2]string{
		{"/v2/accounts", `{"id":"acme","name":"Acme"}`}, {"/v2/accounts", `{"id":"other","name":"Other"}`},
		{"/v2/accounts/acme/users", `{"id":"alice"}`}, {"/v2/accounts/acme/users", `{"id":"bob"}`}, {"/v2/accounts/other/users", `{"id":"alice"}`},
		{"/v2/accounts/acme/devices", `{"id":"desk","name":"x","owner_id":"alice"}`}, {"/v2/accounts/acme/devices", `{"id":"bobs","name":"x","owner_id":"bob"}`},
		{"/v2/accounts/acme/devices", `{"id":"hall","name":"x"}`}, {"/v2/accounts/other/devices", `{"id":"desk","name":"x","owner_id":"alice"}`},
	} {
		if w := l.do("PUT", put[0], `{"data":`+put[1]+`}`); w.Code != 201 {
			t.Fatal(put, w.Code, w.Body)
		}
	}
	const body = `{"data":{"name":"x"}}`
	for _, c := range []struct {
		methods, path             string
		super, admin, user, other int // a user is alice; other is the administrator of another account
	}{
		{"GET", "/v2/accounts", 200, 200, 403, 200},
		{"GET", "/v2/accounts/acme", 200, 200, 403, 403},
		{"POST PATCH", "/v2/accounts/acme", 200, 200, 403, 403},
		{"GET", "/v2/accounts/acme/users", 200, 200, 403, 403},
		{"PUT", "/v2/accounts/acme/users", 201, 201, 403, 403},
		{"GET", "/v2/accounts/acme/users/alice", 200, 200, 200, 403},
		{"GET", "/v2/accounts/acme/users/alice/devices", 200, 200, 200, 403},
		{"GET", "/v2/accounts/acme/users/bob", 200, 200, 403, 403},
		{"GET", "/v2/accounts/acme/users/bob/devices", 200, 200, 403, 403},
		{"GET", "/v2/accounts/acme/users/none", 404, 404, 403, 403},
		{"POST PATCH", "/v2/accounts/acme/users/alice", 200, 200, 403, 403},
		{"GET", "/v2/accounts/acme/devices", 200, 200, 200, 403},
		{"PUT", "/v2/accounts/acme/devices", 201, 201, 403, 403},
		{"GET", "/v2/accounts/acme/devices/desk", 200, 200, 200, 403},
		{"GET", "/v2/accounts/acme/devices/bobs", 200, 200, 403, 403},
		{"GET", "/v2/accounts/acme/devices/hall", 200, 200, 403, 403},
		{"GET", "/v2/accounts/acme/devices/none", 404, 404, 403, 403},
		{"POST PATCH", "/v2/accounts/acme/devices/hall", 200, 200, 403, 403},
		{"GET", "/v2/accounts/nobody", 404, 403, 403, 403},
		{"PUT", "/v2/accounts", 201, 403, 403, 403},
		{"DELETE", "/v2/accounts/acme", 0, 403, 403, 403},
		{"DELETE", "/v2/accounts/acme/users/alice", 0, 0, 403, 403},
		{"DELETE", "/v2/accounts/acme/devices/desk", 0, 0, 403, 403},
		{"DELETE", "/v2/accounts/acme/devices/desk", 0, 200, 403, 403},
		{"DELETE", "/v2/accounts/acme/users/bob", 0, 200, 403, 403},
		{"DELETE", "/v2/accounts/acme", 200, 403, 403, 403},
	} {
		for method := range strings.FieldsSeq(c.methods) {
			for _, who := range []struct {
				token string
				want  int
			}{{"other-token", c.other}, {"alice-token", c.user}, {"lost-token", c.user}, {"acme-token", c.admin}, {adminToken, c.super}} {
				if who.token == "lost-token" { // a user without a user
					if who.want = 403; c.path == "/v2/accounts/acme/devices" && method == "GET" {
						who.want = 200
					}
				}
				if who.want == 0 {
					continue
				}
				if w := l.as(who.token, method, c.path, body); w.Code != who.want {
					t.Errorf("%s %s as %s: %d %s", method, c.path, who.token, w.Code, w.Body)
				}
			}
		}
	}
	for _, c := range [][3]string{
		{"acme-token", "/v2/accounts", `[]`}, // deleted
		{"other-token", "/v2/accounts", `[{"id":"other","name":"Other"}]`},
		{"other-token", "/v2/accounts?start_key=p", `[]`},
		{"other-token", "/v2/account", `{"id":"other","name":"Other"}`},
		{"other-token", "/v2/account/users", `[{"id":"alice"}]`},
	} {
		if w := l.as(c[0], "GET", c[1], ""); dataOf(t, w) != c[2] {
			t.Errorf("%s %s: %s", c[0], c[1], w.Body)
		}
	}
	l.do("PUT", "/v2/accounts/acme/devices", `{"data":{"id":"desk","name":"x","owner_id":"alice"}}`)
	l.do("PUT", "/v2/accounts/acme/devices", `{"data":{"id":"bobs","name":"x","owner_id":"bob"}}`)
	for token, want := range map[string]string{
		"alice-token": `[{"id":"desk","name":"x","owner_id":"alice","endpoint":"PJSIP/desk"}]`, "lost-token": `[]`,
	} {
		if w := l.as(token, "GET", "/v2/accounts/acme/devices", ""); token == "alice-token" && dataOf(t, w) != want || strings.Contains(w.Body.String(), "bobs") {
			t.Error(token, w.Body)
		}
	}
}

// Pages of a listing follow each other, whatever their size.
func TestDirectoryPages(t *testing.T) {
	l := directoryLab(t, brokertest.Start(t), false)
	for i := range 120 {
		if w := l.do("PUT", "/v2/accounts/acme/devices", fmt.Sprintf(`{"data":{"id":"d%03d","name":"x"}}`, i)); w.Code != 201 {
			t.Fatal(w.Body)
		}
	}
	type page struct {
		Data         []struct{ ID string }
		PageSize     int    `json:"page_size"`
		StartKey     string `json:"start_key"`
		NextStartKey string `json:"next_start_key"`
	}
	get := func(query string) (p page) {
		t.Helper()
		w := l.do("GET", "/v2/accounts/acme/devices"+query, "")
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 200 || p.PageSize != len(p.Data) {
			t.Fatal(query, w.Code, w.Body, err)
		}
		return p
	}
	for query, pages := range map[string]int{"": 3, "page_size=50": 3, "page_size=7": 18, "page_size=120": 1, "page_size=119": 2, "page_size=1000": 1, "paginate=false": 1} {
		seen, start := 0, ""
		for n := 1; ; n++ {
			p := get("?" + query + start)
			for _, e := range p.Data {
				if e.ID != fmt.Sprintf("d%03d", seen) {
					t.Fatal(query, e.ID, "after", seen)
				}
				seen++
			}
			if p.NextStartKey == "" {
				if n != pages || seen != 120 {
					t.Error(query, n, "pages,", seen, "devices")
				}
				break
			}
			start = "&start_key=" + p.NextStartKey
		}
	}
	if p := get("?start_key=d0505&page_size=1"); p.Data[0].ID != "d051" || p.StartKey != "d0505" || p.NextStartKey != "d052" {
		t.Error(p)
	}
	for _, size := range []string{"0", "-1", "x", "1e3", "99999999999999999999"} {
		if w := l.do("GET", "/v2/accounts/acme/devices?page_size="+size, ""); w.Code != 400 || !strings.Contains(w.Body.String(), `"page_size":{"minimum":`) {
			t.Error(size, w.Code, w.Body)
		}
	}
}

// Two instances, one entry, each sure of the revision that it has read: one change is made, the other one is told. Without
// a condition both are made.
func TestDirectoryWritersAtOnce(t *testing.T) {
	s := brokertest.Start(t)
	labs := []*lab{directoryLab(t, s, false), directoryLab(t, s, false)}
	w := labs[0].do("PUT", "/v2/accounts", `{"data":{"id":"acme","name":"Acme"}}`)
	for round := range 20 {
		tag := w.Header().Get("ETag")
		for deadline := time.Now().Add(10 * time.Second); labs[1].do("GET", "/v2/accounts/acme", "").Header().Get("ETag") != tag; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the other instance does not see", tag)
			}
		}
		var both sync.WaitGroup
		var answers [2]*httptest.ResponseRecorder
		for i, l := range labs {
			both.Go(func() {
				answers[i] = l.do("PATCH", "/v2/accounts/acme", fmt.Sprintf(`{"data":{"round%d":"by %d"}}`, round, i), "If-Match: "+tag)
			})
		}
		both.Wait()
		won := 0
		for i, a := range answers {
			switch a.Code {
			case 200:
				won++
				w = answers[i]
			case 409, 412:
			default:
				t.Error(a.Code, a.Body)
			}
		}
		if won != 1 {
			t.Fatal(won, "changes of one revision")
		}
	}
	var both sync.WaitGroup
	for i, l := range labs {
		both.Go(func() {
			for n := range 20 {
				if w := l.do("PATCH", "/v2/accounts/acme", fmt.Sprintf(`{"data":{"free%d":{"n%d":1}}}`, i, n)); w.Code != 200 {
					t.Error(w.Code, w.Body)
				}
			}
		})
	}
	both.Wait()
	w = labs[0].do("PATCH", "/v2/accounts/acme", `{"data":{}}`)
	if got := dataOf(t, w); strings.Count(got, `"n`)-1 != 40 || strings.Count(got, "round") != 20 {
		t.Error(got)
	}
}

// BenchmarkDevices10000 lists 10,000 devices page by page, and makes one more between the pages.
func BenchmarkDevices10000(b *testing.B) {
	l := directoryLab(b, brokertest.Start(b), false)
	for i := range 10_000 {
		if w := l.do("PUT", "/v2/accounts/acme/devices", fmt.Sprintf(`{"data":{"id":"d%05d","name":"Desk %d","owner_id":"alice"}}`, i, i)); w.Code != 201 {
			b.Fatal(w.Body)
		}
	}
	l.log.Reset()
	b.Run("all pages of 50", func(b *testing.B) {
		for b.Loop() {
			start, pages := "", 0
			for {
				w := l.do("GET", "/v2/accounts/acme/devices?start_key="+start, "")
				var p struct {
					Next string `json:"next_start_key"`
				}
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 200 {
					b.Fatal(w.Code, err)
				}
				if pages++; p.Next == "" {
					break
				}
				start = p.Next
			}
			if pages != 200 {
				b.Fatal(pages)
			}
		}
	})
	b.Run("one page", func(b *testing.B) {
		for b.Loop() {
			l.do("GET", "/v2/accounts/acme/devices?start_key=d05000", "")
		}
	})
	b.Run("one page after a change", func(b *testing.B) {
		for b.Loop() {
			l.do("PATCH", "/v2/accounts/acme/devices/d05000", `{"data":{"name":"x"}}`)
			l.do("GET", "/v2/accounts/acme/devices?start_key=d05000", "")
		}
	})
	b.Run("devices of one owner", func(b *testing.B) {
		for b.Loop() {
			l.do("GET", "/v2/accounts/acme/users/alice/devices?start_key=d05000", "")
		}
	})
	b.Run("patch", func(b *testing.B) {
		for b.Loop() {
			l.do("PATCH", "/v2/accounts/acme/devices/d05000", `{"data":{"name":"x"}}`)
		}
	})
}

// elsewhere is a directory that has been emptied by another instance, which this one learns when it asks.
type elsewhere struct {
	Directory
	known bool
}

func (d *elsewhere) Refresh(context.Context, string) error { d.known = true; return nil }

func (d *elsewhere) Admits(store.Place) (bool, error) { return !d.known, nil }

func (d *elsewhere) OwnerMissing(string, string) (bool, error) { return d.known, nil }

// What has been stored of somebody who was deleted meanwhile, by whatever instance, does not stay.
func TestStoredOfWhoIsGone(t *testing.T) {
	l := newKeyLab(t)
	for path, body := range map[string]string{
		"POST /v2/accounts/acme/metaflows":             seedPost,
		"POST /v2/accounts/acme/users/alice/metaflows": seedPost,
		"PUT /v2/accounts/acme/api_keys":               `{"data":{"owner_id":"alice"}}`,
	} {
		l.api.cfg.Directory = &elsewhere{}
		method, path, _ := strings.Cut(path, " ")
		if w := l.do(method, path, body); w.Code != 404 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if keys, err := l.keys.Keys("acme"); len(l.docs.docs) != 0 || len(keys) != 0 || err != nil {
		t.Error(l.docs.docs, keys, err)
	}
}
