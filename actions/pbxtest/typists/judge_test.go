package typists

import (
	"strings"
	"testing"
	"time"
)

// TestJudge: each way in which an outcome can be wrong is told.
func TestJudge(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	s := Story{codes: []code{{"12", "numbers.12", "record_call"}}}
	for i, key := range "*125" {
		s.Keys = append(s.Keys, Key{"alice", byte(key), ms(1000 + 200*i), ms(1100 + 200*i)})
	}
	s.Keys = append(s.Keys, Key{"bob", '7', ms(5000), ms(5100)})
	hears := func(digits string) (heard []Digit) {
		for i, key := range digits {
			heard = append(heard, Digit{"bob", byte(key), ms(1000 + 200*i), ms(1100 + 200*i)})
		}
		return append(heard, Digit{"alice", '7', ms(5000), ms(5100)})
	}
	code := []Code{{"alice", "numbers.12", ms(1501)}}
	for _, c := range []struct {
		about   string
		outcome Outcome
		wrong   string // in what is told; "" for nothing
	}{
		{"the binding digit has passed", Outcome{Heard: hears("*5"), Decided: code, Begun: code}, ""},
		{"it was kept", Outcome{Heard: hears("5"), Decided: code, Begun: code}, ""},
		{"the code is heard", Outcome{Heard: hears("*125"), Decided: code, Begun: code}, `has heard "*125"`},
		{"what is none is not", Outcome{Heard: hears("*"), Decided: code, Begun: code}, `has heard "*"`},
		{"or twice", Outcome{Heard: hears("*55"), Decided: code, Begun: code}, `has heard "*55"`},
		{"it does not act", Outcome{Heard: hears("*5"), Decided: code}, "never acts"},
		{"it is not decided", Outcome{Heard: hears("*5"), Begun: code}, "never is decided"},
		{"it acts twice", Outcome{Heard: hears("*5"), Decided: code, Begun: append(code, code...)}, "and should not"},
		{"bob types it, too, and hears it", Outcome{Heard: append(hears("*125"), Digit{"alice", '7', ms(1150), ms(1250)}), Decided: code, Begun: code}, `has heard "77"`},
		{"bob is added again while he hears the 5", Outcome{Heard: hears("*55"), Joined: []Joined{{"bob", ms(1650)}}, Decided: code, Begun: code}, ""},
		{"or before that", Outcome{Heard: hears("*55"), Joined: []Joined{{"bob", ms(1500)}}, Decided: code, Begun: code}, `has heard "*55"`},
		{"or alice is", Outcome{Heard: hears("*55"), Joined: []Joined{{"alice", ms(1650)}}, Decided: code, Begun: code}, `has heard "*55"`},
		{"he hears a key of the code", Outcome{Heard: hears("*15"), Joined: []Joined{{"bob", ms(1250)}}, Decided: code, Begun: code}, `has heard "*15"`},
	} {
		c.outcome.Reported = s.Keys
		got := ""
		if err := s.Judge(c.outcome, ms(50)); err != nil {
			got = err.Error()
		}
		if (got == "") != (c.wrong == "") || !strings.Contains(got, c.wrong) {
			t.Errorf("%s: told %q, want %q", c.about, got, c.wrong)
		}
	}
}
