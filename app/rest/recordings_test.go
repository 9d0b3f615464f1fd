package rest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/app/broker/brokertest"
	"metaflows/app/recordings"
	"metaflows/flows/calls"
)

// recorded are recordings of acme, without sound.
type recorded []recordings.Metadata

func (r recorded) List(_ context.Context, account string) ([]recordings.Metadata, error) {
	if account != "acme" {
		return []recordings.Metadata{}, nil
	}
	return slices.Clone(r), nil
}

func (r recorded) Get(_ context.Context, account, id string) (recordings.Metadata, bool, error) {
	for _, m := range r {
		if account == "acme" && m.ID == id {
			return m, true, nil
		}
	}
	return recordings.Metadata{}, false, nil
}

func (r recorded) Open(context.Context, string, string) (*recordings.Sound, error) {
	return nil, recordings.ErrNone
}

func (recorded) Played(context.Context, string, string) {}

func (r recorded) Delete(_ context.Context, _, id string) error {
	if id == "running" {
		return recordings.ErrRuns
	}
	return nil
}

func recordingsOf(t *testing.T, r Recordings) *keyLab {
	l := newKeyLab(t)
	cfg := l.api.cfg
	cfg.Recordings = r
	var err error
	if l.api, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return l
}

// Recordings are listed the latest first, by pages, and by time, call, number and owner; a user has his own.
func TestRecordings(t *testing.T) {
	entry := func(id, owner, call, from string, start int64) recordings.Metadata {
		return recordings.Metadata{ID: id, Owner: owner, Call: call, From: from, To: "1002", Start: start, State: recordings.Kept, MediaSource: "recorded"}
	}
	l := recordingsOf(t, recorded{entry("c", "alice", "call2", "1003", 300), entry("b", "bob", "call1", "1001", 200), entry("a", "alice", "call1", "1001", 100), entry("running", "alice", "call3", "1001", 50)})
	token := map[string]string{"": adminToken}
	for _, user := range []string{"alice", "bob"} {
		_, secret, err := l.keys.CreateKey(t.Context(), "acme", user, user)
		if err != nil {
			t.Fatal(err)
		}
		if token[user], _, err = l.keys.Login(secret); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		who, path string
		status    int
		want      string // ids, separated by spaces, and behind > the next key; or a part of the answer
	}{
		{"", "/recordings", 200, "c b a running"},
		{"", "/recordings?page_size=2", 200, "c b > 100-a"},
		{"", "/recordings?page_size=2&start_key=100-a", 200, "a running"},
		{"", "/recordings?start_key=7-z", 400, "start_key"},
		{"", "/recordings?created_from=100&created_to=200", 200, "b a"},
		{"", "/recordings?created_from=now", 400, "created_from"},
		{"", "/recordings?call=call1", 200, "b a"},
		{"", "/recordings?number=1003", 200, "c"},
		{"", "/users/alice/recordings", 200, "c a running"},
		{"", "/recordings/b", 200, `"owner_id":"bob"`},
		{"", "/recordings/none", 404, "bad identifier"},
		{"", "/recordings/..%2fb", 404, "bad identifier"},
		{"", "/recordings/%2a", 404, "bad identifier"},
		{"", "/recordings/b?accept=audio/wav", 404, "bad identifier"},
		{"alice", "/recordings", 200, "c a running"},
		{"alice", "/recordings/a", 200, `"owner_id":"alice"`},
		{"alice", "/recordings/b", 403, "forbidden"},
		{"alice", "/recordings/b?accept=audio/wav", 403, "forbidden"},
		{"bob", "/users/alice/recordings", 403, "forbidden"},
	} {
		w := l.do("GET", "/v2/accounts/acme"+tt.path, "", "X-Auth-Token: "+token[tt.who])
		got := w.Body.String()
		if w.Code == 200 && !strings.Contains(tt.want, `"`) {
			ids, next := []string{}, ""
			for part := range strings.SplitSeq(got, `"id":"`) {
				ids = append(ids, part[:strings.IndexByte(part, '"')])
			}
			if _, key, has := strings.Cut(got, `"next_start_key":"`); has {
				next = " > " + key[:strings.IndexByte(key, '"')]
			}
			got = strings.Join(ids[1:], " ") + next
			if got != tt.want {
				t.Errorf("%s GET %s: %s, want %s", tt.who, tt.path, got, tt.want)
			}
		}
		if w.Code != tt.status || !strings.Contains(got, tt.want) {
			t.Errorf("%s GET %s: %d %s, want %d %s", tt.who, tt.path, w.Code, got, tt.status, tt.want)
		}
	}
	for id, status := range map[string]int{"a": 200, "none": 404, "running": 409} {
		if w := l.do("DELETE", "/v2/accounts/acme/recordings/"+id, "", "X-Auth-Token: "+adminToken); w.Code != status {
			t.Errorf("DELETE %s: %d %s", id, w.Code, w.Body)
		}
	}
}

// silence is an Asterisk whose recordings are the same bytes.
type silence []byte

func (s silence) StoredRecordingFile(context.Context, string) (io.ReadCloser, int64, error) {
	return io.NopCloser(bytes.NewReader(s)), int64(len(s)), nil
}

func (silence) DeleteStoredRecording(string) error { return nil }

type deaf chan calls.Notice

func (d deaf) Publish(n calls.Notice) { d <- n }

// The sound comes whole or by ranges, from the object store as from Asterisk; afterwards it can be deleted.
func TestRecordingSound(t *testing.T) {
	conn, err := brokertest.Start(t).Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sound := make(silence, 300_000)
	for i := range sound {
		sound[i] = byte(i * 7 >> 4)
	}
	told := make(deaf, 20)
	rec, err := recordings.New(recordings.Config{
		Conn: conn, Node: "n1", Asterisk: sound, Connected: func() bool { return true }, Publisher: told, Log: slog.New(slog.DiscardHandler),
		DeliveryFor: time.Millisecond, Keep: true, Webhook: func(string) (string, string) { return "", "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer rec.Wait()
	defer end()
	rec.Start(ctx)
	await := func(kind string) {
		t.Helper()
		for {
			select {
			case n := <-told:
				if n.Type == kind {
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatal("nobody tells", kind)
			}
		}
	}
	l := recordingsOf(t, rec)
	for name, to := range map[string]string{"acme/c/1": "", "acme/c/2": "http://127.0.0.1:1/"} { // kept; failed
		rec.Publish(calls.Notice{Type: "recording.started", Account: "acme", Call: name, Recording: name, Delivery: &calls.Delivery{URL: to}})
		rec.Publish(calls.Notice{Type: "recording.stored", Account: "acme", Call: name, Recording: name})
		kind := "recording.delivered"
		if to != "" {
			kind = "recording.failed"
		}
		await(kind)
	}
	list, err := rec.List(t.Context(), "acme")
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, m := range list {
		path := "/v2/accounts/acme/recordings/" + m.ID
		for _, tt := range []struct {
			header, query string
			status        int
			from, to      int
		}{
			{"Accept: audio/*", "", 200, 0, 300_000},
			{"Accept: application/json", "?accept=audio/wav&inline=true", 200, 0, 300_000},
			{"Range: bytes=0-43", "?accept=audio/wav", 206, 0, 44},
			{"Range: bytes=131072-131073", "?accept=audio/wav", 206, 131_072, 131_074},
			{"Range: bytes=200000-", "?accept=audio/wav", 206, 200_000, 300_000},
			{"Range: bytes=-10", "?accept=audio/wav", 206, 299_990, 300_000},
		} {
			w := l.do("GET", path+tt.query, "", tt.header, "X-Auth-Token: "+adminToken)
			if w.Code != tt.status || !bytes.Equal(w.Body.Bytes(), sound[tt.from:tt.to]) || w.Header().Get("Content-Type") != "audio/wav" {
				t.Errorf("%s: %s %s: %d, %d bytes, %v", m.State, tt.header, tt.query, w.Code, w.Body.Len(), w.Header())
			}
			if inline := strings.HasPrefix(w.Header().Get("Content-Disposition"), "inline;"); inline != strings.Contains(tt.query, "inline") {
				t.Errorf("%s: %v", tt.query, w.Header())
			}
		}
		await("recording.played")
		if w := l.do("DELETE", path, "", "X-Auth-Token: "+adminToken); w.Code != 200 {
			t.Errorf("DELETE: %d %s", w.Code, w.Body)
		}
		await("recording.deleted")
		if w := l.do("GET", path, "", "X-Auth-Token: "+adminToken); w.Code != 404 {
			t.Errorf("after it was deleted: %d %s", w.Code, w.Body)
		}
	}
	if list, err := rec.List(t.Context(), "acme"); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}
