package server

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"
)

// heard is a feed that is listened to: what it says, line by line.
func (l *lab) listen(path, after string) (lines *bufio.Scanner) {
	l.Helper()
	r, err := http.NewRequestWithContext(l.Context(), "GET", "http://"+l.HTTP+path, nil)
	if err != nil {
		l.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", l.token)
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			l.Fatal(err)
		}
		if w.StatusCode == 200 {
			l.Cleanup(func() { _ = w.Body.Close() })
			return bufio.NewScanner(w.Body)
		}
		_ = w.Body.Close()
		if w.StatusCode != 503 || time.Now().After(deadline) { // the stream is made beside the start
			l.Fatal(w.Status)
		}
	}
}

// next is the next line that begins so; of a feed that ends before, "".
func next(lines *bufio.Scanner, begins string) string {
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), begins) {
			return lines.Text()
		}
	}
	return ""
}

// TestFeedOfTheProgram: an event is heard when it is published; a stop is not held up by who listens; who comes again after
// it goes on where he was.
func TestFeedOfTheProgram(t *testing.T) {
	dir := t.TempDir()
	l := start(t, settingsFor(dir))
	all, acme, other := l.listen("/v2/events", ""), l.listen("/v2/accounts/acme/events", ""), l.listen("/v2/accounts/other/events", "")
	for _, lines := range []*bufio.Scanner{all, acme, other} {
		if line := next(lines, "id: "); line != "id: 0" {
			t.Error("it begins with", line)
		}
	}
	l.posts(document)
	for _, lines := range []*bufio.Scanner{all, acme} {
		if id, line := next(lines, "id: "), next(lines, "data: "); id != "id: 1" || !strings.Contains(line, `"type":"metaflows.v1.document.changed"`) {
			t.Error(id, line)
		}
	}
	began := time.Now()
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Error("the stop was held up:", took)
	}
	for _, lines := range []*bufio.Scanner{all, acme, other} {
		if line := next(lines, ":"); line != ": metaflows stops" {
			t.Error("it ends with", line)
		}
	}

	l = start(t, settingsFor(dir))
	l.posts(document)
	if id := next(l.listen("/v2/events", "1"), "id: 2"); id == "" {
		t.Error("the event after the last is not told")
	}
	again := l.listen("/v2/accounts/acme/events", "0")
	for _, want := range []string{"id: 1", "id: 2"} {
		if next(again, want) == "" {
			t.Error(want, "is not told")
		}
	}
}
