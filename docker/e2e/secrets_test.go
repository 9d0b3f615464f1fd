package e2e

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// Digits that were no code occur nowhere: not in the log, not in the stream, not in the files that NATS keeps, also when
// a relay fails.
func TestDigitsThatWereNoCodeAreNowhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var refuse atomic.Bool
	s, err := startSystem(context.Background(), dir, func(w http.ResponseWriter, r *http.Request) bool {
		if refuse.Load() && strings.HasSuffix(r.URL.Path, "/dtmf") {
			time.Sleep(700 * time.Millisecond) // as a relay takes, so that digits gather for the next one
			http.Error(w, `{"message":"no"}`, http.StatusInternalServerError)
			return true
		}
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = s.stop()
		}
	}()
	const card, pin, plain = "7351864209", "8046251397", "3917508264"
	fast := phone.Press{Digit: 80 * time.Millisecond, Gap: 60 * time.Millisecond}
	t.Run("calls", func(t *testing.T) {
		l := labOn(t, s)
		l.document("acme", twoCodes)
		alice, bob := l.phone("alice"), l.phone("bob")
		l.steadily("a card's number", func() error {
			a, b := l.call(alice, "1002", bob)
			defer l.ended(b)
			defer l.hangUp(a)
			l.press(b, "*"+card, fast)
			if err := a.WaitDigits(l.soon(15*time.Second), "*"+card); err != nil {
				return err
			}
			l.press(b, plain, fast)
			return a.WaitDigits(l.soon(15*time.Second), "*"+card+plain)
		})
		a, b := l.call(alice, "1002", bob)
		refuse.Store(true)
		l.press(b, "*"+pin, fast)
		l.event("code.unmatched", 2) // with that of the call before
		l.logSays("could not be relayed")
		l.logSays("count=4")
		l.hangUp(a)
		l.ended(b)
		l.event("call.ended", 2)
		l.nothingLeft()
	})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	stopped = true
	secrets := windowsOf(card, pin, plain)
	for name, text := range map[string]string{"the log": s.log.String(), "the stream": s.raw.String()} {
		if text == "" {
			t.Errorf("%s is empty", name)
		}
		if found := secrets.find(text); found != "" {
			t.Errorf("%s holds %q", name, found)
		}
	}
	files := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		raw, err := os.ReadFile(path)
		if found := secrets.find(string(raw)); found != "" {
			t.Errorf("%s holds %q", path, found)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files searched: %v", files, err)
	}
}

// windows finds every run of four or more of some digits that stands alone, as a number in a text does.
type windows struct{ *regexp.Regexp }

func windowsOf(secrets ...string) windows {
	var alternatives []string
	for _, s := range secrets {
		for n := 4; n <= len(s); n++ {
			for i := 0; i+n <= len(s); i++ {
				alternatives = append(alternatives, s[i:i+n])
			}
		}
	}
	return windows{regexp.MustCompile(`(^|[^0-9a-fA-F.])\*?(` + strings.Join(alternatives, "|") + `)([^0-9a-fA-F]|$)`)}
}

// counted finds the numbers that nobody pressed and that may look like digits that somebody did: a call of 7351 ms.
var counted = regexp.MustCompile(`"duration_ms":[0-9]+|127\.0\.0\.1:[0-9]+`)

func (w windows) find(text string) string { return w.FindString(counted.ReplaceAllString(text, "")) }

func TestWindows(t *testing.T) {
	w := windowsOf("7351864209")
	for text, found := range map[string]string{
		`{"duration_ms":7351}`:      "",
		`127.0.0.1:35186 is gone`:   "",
		`17351 4c7351`:              "",
		`digits=7351`:               "=7351",
		`{"digits":"*18642"}`:       `"*18642"`,
		`dtmf?dtmf=864209: refused`: "=864209:",
	} {
		if got := w.find(text); got != found {
			t.Errorf("in %s: found %q, not %q", text, got, found)
		}
	}
}

// logSays waits for words in metaflows' log.
func (l *lab) logSays(words string) {
	l.Helper()
	deadline := l.soon(10 * time.Second)
	for !strings.Contains(l.log.String(), words) {
		select {
		case <-deadline.Done():
			l.Fatalf("metaflows' log does not say %q", words)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
