package pbxtest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"

	"metaflows/actions/pbxtest/typists"
	"metaflows/flows/calls"
)

// Type plays a story of two phones' keys in a call of theirs, in a synctest bubble, and returns what came of it. What must
// hold in every scenario is looked at.
func Type(t *testing.T, story typists.Story, caller, callee string) (o typists.Outcome, transcript string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScenario(t, &txtar.Archive{Files: []txtar.File{
			{Name: "account acme", Data: []byte(story.Document)}, {Name: "call", Data: []byte(caller + " calls " + callee)},
		}})
		if err := s.play(); err != nil {
			t.Fatal(err)
		}
		began, said := time.Now(), len(s.pbx.Log())
		pressed := map[string]string{}
		for _, k := range story.Keys {
			pressed[k.Who] += string(k.Key)
			s.pbx.do(k.Down, k.Who, func() { s.pbx.Press(k.Who, string(k.Key), k.Up-k.Down, 0) })
		}
		s.pressed = append(s.pressed, pressed[caller], pressed[callee])
		time.Sleep(story.Length() + 30*time.Second)
		over := time.Since(began)
		s.pbx.HangUp(caller)
		s.pbx.HangUp(callee)
		s.finish()
		o = typed(story, began, s.pbx.Log()[said:], s.tr.notices)
		for _, r := range s.pbx.Reports() {
			at := r.At.Sub(began)
			o.Reported = append(o.Reported, typists.Key{Who: r.Phone, Key: r.Key, Down: at - r.Hold, Up: at})
		}
		if o.Over > over {
			o.Over = 0
		}
		transcript = s.tr.text()
	})
	return o, transcript
}

// typed reads what came of a story out of what happened.
func typed(story typists.Story, began time.Time, log []Entry, notices []calls.Notice) (o typists.Outcome) {
	for _, e := range log {
		who, what, _ := strings.Cut(e.Text, " ")
		at := e.At.Sub(began)
		if digit, ok := strings.CutPrefix(what, "hears "); ok && e.Kind == Heard && len(digit) == 1 {
			o.Heard = append(o.Heard, typists.Digit{Who: who, Key: digit[0], From: at, To: at + story.Held(who, digit[0], at)})
		}
		if strings.HasPrefix(what, "has ended") && e.Kind == Phone && o.Over == 0 {
			o.Over = at
		}
	}
	for _, n := range notices {
		o.Told(n.Type, n.Action, typists.Code{Who: strings.TrimPrefix(n.Endpoint, "PJSIP/"), Path: n.Path, At: n.Time.Sub(began)})
	}
	return o
}
