package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestLanguageOfACallee: a callee hears prompts in its own endpoint's language, not in its caller's, as with Dial(); so does
// who is rung back.
func TestLanguageOfACallee(t *testing.T) {
	for _, tt := range []struct{ caller, dials, callee, language string }{
		{"alice", "fritz", "fritz", "de"}, {"alice", "d-fritz", "fritz", "de"},
		{"fritz", "1001", "alice", "en"}, {"fritz", "d-alice", "alice", "en"},
	} {
		t.Run(tt.caller+" dials "+tt.dials, func(t *testing.T) {
			l := newLab(t)
			callee := l.phone(tt.callee)
			a, b := l.call(l.phone(tt.caller), tt.dials, callee)
			if got := l.language(tt.callee); got != tt.language {
				t.Errorf("%s's channel has language %s, its endpoint says %s", tt.callee, got, tt.language)
			}
			l.hangUp(a)
			l.ended(b)
		})
	}
	t.Run("rung back", func(t *testing.T) {
		l := newLab(t)
		l.document("acme", quickTransfer)
		fritz := l.phone("fritz")
		a, b := l.call(l.phone("alice"), "fritz", fritz)
		l.press(b, "*21999")
		l.ended(b)
		back := l.incoming(fritz)
		l.talk(a, back)
		if got := l.language("fritz"); got != "de" {
			t.Errorf("fritz's channel has language %s when he is rung back, his endpoint says de", got)
		}
		l.hangUp(a)
		l.ended(back)
	})
}

// language is what a phone's channel has.
func (l *lab) language(phone string) string {
	l.Helper()
	_, text, err := l.ask("/channels")
	l.must(err)
	var channels []struct{ Name, Language string }
	l.must(json.Unmarshal([]byte(text), &channels))
	for _, c := range channels {
		if strings.HasPrefix(c.Name, "PJSIP/"+phone+"-") {
			return c.Language
		}
	}
	l.Fatalf("%s has no channel", phone)
	return ""
}
