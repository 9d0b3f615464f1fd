package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/actions"
	"metaflows/app/broker"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/app/store"
)

// durable is an API on documents in an embedded NATS that keeps them on disk in dir. stop ends it; so does the test's end.
func durable(t testing.TB, dir string) (api *API, stop func()) {
	t.Helper()
	b, err := broker.Open(broker.Config{Dir: filepath.Join(dir, "nats"), Listen: "off", AuditPassword: "x", Node: "n1", MaxStore: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	documents, err := store.New(store.Config{Conn: b.Documents(), Own: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); documents.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done; b.Close() })
	t.Cleanup(stop)
	select {
	case <-documents.Ready():
	case <-time.After(30 * time.Second):
		t.Fatal("documents are not loaded:", documents.Err())
	}
	blocked, _ := egress.Parse(egress.Default)
	schemas, err := schema.Load(blocked, actions.Declared())
	if err != nil {
		t.Fatal(err)
	}
	keys, _ := newKeys(t)
	api, err = New(Config{Documents: documents, Schemas: schemas, Authenticator: people, APIKeys: keys, Node: "n1", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return api, stop
}

func request(t testing.TB, api *API, method, path, body string, header ...string) *httptest.ResponseRecorder {
	l := &lab{TB: t, api: api}
	return l.send(method, path, body, header...)
}

// What is sent is what is stored and, with defaults, shown: the order of keys, unknown keys and the spelling of numbers,
// also after a restart. Duplicates are refused and leave what was there.
func TestStoredAsSent(t *testing.T) {
	const sent = `{"z":{"b":1,"a":[1.50,1e2,"<&>\u00e9",null]},"patterns":{"9(\\d)":{"note":1,"module":"hangup"},"1":{"module":"transfer","data":{"target":"5","x":true}},"0":{"module":"none"}},` +
		`"numbers":{"20":{"module":"none"},"3":{"module":"none"},"007":{"module":"none"}},"a":0,"listen_on":"both"}`
	shown := strings.NewReplacer(`\u00e9`, "é",
		`{"note":1,"module":"hangup"}`, `{"note":1,"module":"hangup","data":{}}`,
		`"data":{"target":"5","x":true}`, `"data":{"target":"5","x":true,"captures":["no_match"],"transfer_type":"blind"}`,
		`{"module":"none"}`, `{"module":"none","data":{}}`, `"listen_on":"both"}`, `"listen_on":"both","binding_digit":"*"}`).Replace(sent)
	dir := t.TempDir()
	paths := []string{uri, "/v2/accounts/acme/users/alice/metaflows", "/v2/accounts/acme/devices/desk/metaflows"}
	api, stop := durable(t, dir)
	tags := map[string]string{}
	for _, path := range paths {
		w := request(t, api, "POST", path, `{"data":`+sent+`}`)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"data":`+shown+`,`) {
			t.Fatalf("%d %s\nwant %s", w.Code, w.Body, shown)
		}
		tags[path] = w.Header().Get("ETag")
		for _, twice := range []string{`"a":0,"a":1`, `"numbers":{"1":{"module":"none"},"\u0031":{"module":"none"}}`, `"x":[{"y":{"k":1,"k":1}}]`} {
			if w := request(t, api, "POST", path, `{"data":{`+twice+`}}`); w.Code != 400 || !strings.Contains(w.Body.String(), `"duplicate"`) {
				t.Errorf("%s: %d %s", twice, w.Code, w.Body)
			}
		}
	}
	stop()
	api, _ = durable(t, dir)
	for _, path := range paths {
		w := request(t, api, "GET", path, "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"data":`+shown+`,`) || w.Header().Get("ETag") != tags[path] {
			t.Errorf("%d %s %s\nwant %s %s", w.Code, w.Header().Get("ETag"), w.Body, tags[path], shown)
		}
		if w := request(t, api, "GET", path, "", "If-None-Match: "+tags[path]); w.Code != 304 {
			t.Error(w.Code)
		}
	}
}

// Two writers at once, both sure of the revision that they have read: one succeeds, the other is told, and what is stored
// is the first one's. Without a condition both land, one after the other.
func TestTwoWriters(t *testing.T) {
	api, _ := durable(t, t.TempDir())
	document := func(writer int) string {
		return fmt.Sprintf(`{"data":{"writer":%d,"numbers":{"%d":{"module":"none"}}}}`, writer, writer)
	}
	for round := range 20 {
		tag := request(t, api, "POST", uri, document(0)).Header().Get("ETag")
		var both sync.WaitGroup
		answers := [3]*httptest.ResponseRecorder{}
		for writer := 1; writer <= 2; writer++ {
			both.Go(func() { answers[writer] = request(t, api, "POST", uri, document(writer), "If-Match: "+tag) })
		}
		both.Wait()
		winner := 1
		if answers[2].Code == http.StatusOK {
			winner = 2
		}
		lost := answers[3-winner].Code
		if answers[winner].Code != 200 || lost != 409 && lost != 412 {
			t.Fatalf("round %d: %d %d", round, answers[1].Code, answers[2].Code)
		}
		w := request(t, api, "GET", uri, "")
		if !strings.Contains(w.Body.String(), fmt.Sprintf(`"data":{"writer":%d,"numbers":{"%d":`, winner, winner)) {
			t.Fatalf("round %d: %d has won, and %s is stored", round, winner, w.Body)
		}
		for writer := 1; writer <= 2; writer++ {
			both.Go(func() { answers[writer] = request(t, api, "POST", uri, document(writer)) })
		}
		both.Wait()
		last := 1
		if len(answers[2].Header().Get("ETag")) > len(answers[1].Header().Get("ETag")) ||
			len(answers[2].Header().Get("ETag")) == len(answers[1].Header().Get("ETag")) && answers[2].Header().Get("ETag") > answers[1].Header().Get("ETag") {
			last = 2
		}
		w = request(t, api, "GET", uri, "")
		if answers[1].Code != 200 || answers[2].Code != 200 || !strings.Contains(w.Body.String(), fmt.Sprintf(`"data":{"writer":%d,"numbers":{"%d":`, last, last)) {
			t.Fatalf("round %d: %d %d, the last is %d, and %s is stored", round, answers[1].Code, answers[2].Code, last, w.Body)
		}
	}
	// Who expects nothing finds out, also after a DELETE.
	request(t, api, "DELETE", uri, "")
	var both sync.WaitGroup
	created := make(chan int, 2)
	for writer := range 2 {
		both.Go(func() { created <- request(t, api, "POST", uri, document(writer), "If-None-Match: *").Code })
	}
	both.Wait()
	if a, b := <-created, <-created; a+b != 200+409 && a+b != 200+412 {
		t.Error(a, b)
	}
}

// BenchmarkGet is one GET of the seed's document, with login and schema defaults. Goal: 50 us.
func BenchmarkGet(b *testing.B) {
	l := newLab(b)
	l.api.cfg.Strangers, l.api.cfg.Known = nil, nil
	l.do("POST", uri, seedPost)
	r := httptest.NewRequest("GET", uri, nil)
	r.Header.Set("X-Auth-Token", "acme-token")
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if l.api.ServeHTTP(w, r); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// BenchmarkPost is one POST of the seed's document until it is in the embedded NATS's file store. Goal: 1 ms.
func BenchmarkPost(b *testing.B) {
	api, _ := durable(b, b.TempDir())
	b.ReportAllocs()
	for b.Loop() {
		if w := request(b, api, "POST", uri, seedPost); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}
