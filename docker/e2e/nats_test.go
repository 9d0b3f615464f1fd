package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/app/events/eventstest"
)

// withNATS is a system with an external NATS that can be stopped; the account acme has codes.
func withNATS(t *testing.T) *lab {
	t.Helper()
	s, err := newSystem(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.nats = brokertest.Start(t)
	if err := s.startApplication(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.stop() })
	if status, body, err := s.request(http.MethodPost, "/v2/accounts/acme/metaflows", `{"data":`+wireCodes+`}`); err != nil || status != http.StatusOK {
		t.Fatal(status, body, err)
	}
	return labOn(t, s)
}

// stream is what the stream says of each call, in its order: the kinds of events. It waits until the stream holds n events
// of calls, reads all of it, and checks that each is there once and that none is before an earlier one of its call.
func (l *lab) stream(n int) map[string][]string {
	l.Helper()
	js, err := jetstream.New(l.audit)
	l.must(err)
	deadline := l.soon(15 * time.Second)
	for {
		story, count, err := l.readStream(js)
		if err == nil && count >= n {
			return story
		}
		select {
		case <-deadline.Done():
			l.Fatalf("the stream holds %d events of calls, want %d: %v %v", count, n, story, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (l *lab) readStream(js jetstream.JetStream) (story map[string][]string, count int, err error) {
	s, err := js.Stream(l.ctx, broker.EventStream)
	if err != nil {
		return nil, 0, err
	}
	story = map[string][]string{}
	seen, last := map[string]bool{}, map[string]time.Time{}
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(l.ctx, seq)
		if err != nil {
			return nil, 0, err
		}
		id, kind := m.Header.Get("ce-id"), strings.TrimPrefix(m.Header.Get("ce-type"), "metaflows.v1.")
		at, err := time.Parse(time.RFC3339, m.Header.Get("ce-time"))
		if err := eventstest.Check(m.Subject, m.Header, m.Data); err != nil {
			l.Errorf("an event is not as its schema says: %v", err)
		}
		var body struct{ Call string }
		if err := json.Unmarshal(m.Data, &body); err != nil {
			l.Errorf("event %d: %v", seq, err)
		}
		switch {
		case seen[id]:
			l.Errorf("event %s %s came twice", id, kind)
		case err != nil || at.Before(last[body.Call]):
			l.Errorf("event %s %s of %v came after one of %v: %v", id, kind, at, last[body.Call], err)
		}
		seen[id], last[body.Call] = true, at
		if body.Call != "" {
			story[body.Call] = append(story[body.Call], kind)
			count++
		}
	}
	return story, count, nil
}

// NATS is away when metaflows starts: codes are as in documents.json, and without that file there are none until NATS comes.
func TestNATSAwayAtStart(t *testing.T) {
	t.Parallel()
	l := withNATS(t)
	alice, bob := l.phone("alice"), l.phone("bob")
	l.reader.Stop()
	l.must(l.end())
	l.nats.Stop()

	l.must(l.launch(context.Background(), nil))
	l.awaits(http.StatusServiceUnavailable, `"asterisk":{"ok":true}`, `"nats":{"ok":false`, "documents are as of ", " from documents.json; ")
	a, b := l.call(alice, "1002", bob)
	l.press(b, "*5")
	l.gets(a, "*5")
	l.press(b, "*0")
	l.ended(b)
	l.ended(a)
	if status, body, err := l.request(http.MethodPost, "/v2/accounts/acme/metaflows", `{"data":{}}`); err != nil || status != http.StatusServiceUnavailable {
		t.Error(status, body, err)
	}
	if status, body, err := l.request(http.MethodGet, "/v2/accounts/acme/metaflows", ""); err != nil || status != http.StatusOK || !strings.Contains(body, "record_call") {
		t.Error(status, body, err)
	}
	l.nats.Again()
	l.awaits(http.StatusOK)
	first := []string{
		"call.started", "call.answered", "code.armed", "code.unmatched",
		"code.armed", "code.matched", "action.started", "action.finished", "call.ended",
	}
	for call, got := range l.stream(len(first)) {
		if !slices.Equal(got, first) {
			t.Errorf("the story of %s is %v", call, got)
		}
	}

	l.must(l.end())
	l.nats.Stop()
	l.must(os.Remove(filepath.Join(l.dir, "documents.json")))
	l.must(l.launch(context.Background(), nil))
	l.awaits(http.StatusServiceUnavailable, `"asterisk":{"ok":true}`, "there are no codes: documents.json does not exist; ")
	a, b = l.call(alice, "1002", bob)
	l.press(b, "*0")
	l.gets(a, "*0")
	l.nats.Again()
	t.Logf("ready %v after NATS was", l.awaits(http.StatusOK).Round(10*time.Millisecond))
	l.press(b, "*0") // in the call that was there before
	l.ended(b)
	l.ended(a)
	l.nothingLeft()
}

// NATS goes away in mid-call: calls and codes go on, and the events arrive once, in order, when it is back.
func TestNATSAwayInMidCall(t *testing.T) {
	t.Parallel()
	l := withNATS(t)
	alice, bob, carol, dave := l.phone("alice"), l.phone("bob"), l.phone("carol"), l.phone("dave")
	a, b := l.call(alice, "1002", bob)
	l.press(b, "*9")
	l.event("recording.started", 1)

	l.nats.Stop()
	l.awaits(http.StatusServiceUnavailable, `"asterisk":{"ok":true}`, `"nats":{"ok":false`, "documents are as known last")
	released := l.press(b, "*9").End()
	l.hears(b, confirmTone)
	if took := time.Since(released); took > 2*time.Second {
		t.Errorf("a code took %v while NATS was away", took)
	}
	l.press(a, "*5")
	l.gets(b, "*5")
	c, d := l.call(carol, "1004", dave) // a call of which NATS knows nothing yet
	l.press(d, "*0")
	l.ended(d)
	l.ended(c)
	l.press(b, "*31003")
	e := l.incoming(carol)
	l.talk(a, e)
	l.ended(b)

	l.nats.Again()
	t.Logf("ready %v after NATS was", l.awaits(http.StatusOK).Round(10*time.Millisecond))
	l.hangUp(e)
	l.ended(a)
	code := []string{"code.armed", "code.matched", "action.started"}
	want := [][]string{
		slices.Concat([]string{"call.started", "call.answered"}, code, []string{"action.finished", "call.ended"}), // carol and dave
		{"call.started", "call.answered", "call.ended"},                                                           // the transfer's target
		slices.Concat([]string{"call.started", "call.answered"},
			code, []string{"recording.started", "action.finished"},
			code, []string{"recording.stored", "action.finished"},
			[]string{"code.armed", "code.unmatched"},
			code, []string{"transfer.ringing", "transfer.answered", "transfer.completed", "action.finished", "call.ended"}),
	}
	count := 0
	for _, w := range want {
		slices.Sort(w) // when exactly a recording is stored is Asterisk's business; the order is checked by the times
		count += len(w)
	}
	var got [][]string
	for _, kinds := range l.stream(count) {
		slices.Sort(kinds)
		got = append(got, kinds)
	}
	byLength := func(a, b []string) int { return len(a) - len(b) }
	slices.SortFunc(got, byLength)
	slices.SortFunc(want, byLength)
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the calls' events are\n%v, want\n%v", got, want)
	}
	l.nothingLeft()
}
