package actions_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/actions"
	"metaflows/actions/pbxtest"
	"metaflows/flows"
	"metaflows/flows/calls"
)

// TestAwaitedKeys: what a module awaits goes the way of all keys, as Asterisk reports them. A 1 is not taken out of *21003, a
// digit that is reported twice counts once, and none that has counted is relayed.
func TestAwaitedKeys(t *testing.T) {
	for _, c := range []struct {
		about   string
		awaited string
		keys    string
		hold    time.Duration
		gap     time.Duration
		counts  int
		code    string // the captures of the one that runs meanwhile
		heard   string // by the other party
	}{
		{"one key", "1", "515", 100 * time.Millisecond, 100 * time.Millisecond, 1, "", "515"},
		{"not out of a code", "1", "*21003", 100 * time.Millisecond, 100 * time.Millisecond, 0, "1003", "*"},
		{"nor out of a fast typist's", "1", "*21003", 60 * time.Millisecond, 40 * time.Millisecond, 0, "1003", "*"},
		{"behind one that was none", "1", "*515", 100 * time.Millisecond, 100 * time.Millisecond, 1, "", "*55"},
		{"reported twice", "1", "5212315", 60 * time.Millisecond, 40 * time.Millisecond, 2, "", "5212315"},
		{"a temporary code", "*1", "*1*1", 100 * time.Millisecond, 100 * time.Millisecond, 2, "", "**"},
		{"a fast typist's", "*1", "88*1", 60 * time.Millisecond, 40 * time.Millisecond, 1, "", "88"},
		{"several others, reported twice", "##", "12##4#", 60 * time.Millisecond, 40 * time.Millisecond, 1, "", "12##4#"},
	} {
		t.Run(c.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAwaiting(t, c.awaited)
				a.pbx.Call("bob", "s", nil, "dial", "PJSIP/alice")
				time.Sleep(2 * time.Second)
				a.press("*8", 100*time.Millisecond, 100*time.Millisecond)
				said := len(a.pbx.Log())
				a.press(c.keys, c.hold, c.gap)
				var heard strings.Builder
				for _, e := range a.pbx.Log()[said:] {
					if digit, ok := strings.CutPrefix(e.Text, "alice hears "); ok && e.Kind == pbxtest.Heard {
						heard.WriteString(digit)
					}
				}
				if a.counted != c.counts || a.code != c.code || heard.String() != c.heard {
					t.Errorf("%s awaited, %s pressed: counted %d times, code %q has run, alice has heard %q; want %d, %q, %q",
						c.awaited, c.keys, a.counted, a.code, heard.String(), c.counts, c.code, c.heard)
				}
				a.end()
			})
		})
	}
}

// awaiting is a telephone system whose code *8 begins to await keys of the presser, again and again.
type awaiting struct {
	t       *testing.T
	pbx     *pbxtest.PBX
	calls   *calls.Registry
	counted int
	code    string
}

func newAwaiting(t *testing.T, keys string) *awaiting {
	doc, err := flows.ParseDocument([]byte(`{"numbers":{"8":{"module":"awaits"}},"patterns":{"2(\\d{4})":{"module":"captures"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	effective := flows.Merge(flows.Settings{}, doc, nil, nil)
	a := &awaiting{t: t, pbx: pbxtest.New()}
	set := actions.New(actions.Config{PBX: a.pbx, Log: slog.New(slog.DiscardHandler)})
	modules := set.Modules()
	modules["awaits"] = calls.Module{Name: "awaits", Run: func(t *calls.Task, _ json.RawMessage) (calls.Next, error) {
		t.Accept("")
		t.Go("awaits", func(t *calls.Task) error {
			for {
				if err := t.AwaitKeys(t.Leg, keys, nil); err != nil {
					return err
				}
				a.counted++
			}
		})
		return calls.Continue, nil
	}}
	modules["captures"] = calls.Module{Name: "captures", Run: func(t *calls.Task, _ json.RawMessage) (calls.Next, error) {
		captures, err := t.Flow.Captures()
		a.code += strings.Join(captures, " ")
		return calls.Continue, err
	}}
	a.calls = calls.New(calls.Config{
		Line: a.pbx, Publisher: a, Modules: modules, Log: slog.New(slog.DiscardHandler), Absorb: true,
		Effective: func(flows.Owner) *flows.Effective { return effective },
		Enter:     set.Enter, Adopt: set.Adopt, Failed: set.Failed, Stray: set.Stray, Return: set.Return, Replaced: set.Replaced,
	})
	a.pbx.Listen(a.calls)
	return a
}

// Publish is calls.Publisher: nobody wants to know.
func (a *awaiting) Publish(calls.Notice) {}

// press lets bob press keys, and waits until all is quiet.
func (a *awaiting) press(keys string, hold, gap time.Duration) {
	time.Sleep(a.pbx.Press("bob", keys, hold, gap) + 10*time.Second)
	synctest.Wait()
}

func (a *awaiting) end() {
	a.pbx.HangUp("bob")
	a.pbx.HangUp("alice")
	time.Sleep(time.Minute)
	a.pbx.Close()
	if live := a.pbx.Live(); len(live) > 0 || a.calls.Len() > 0 {
		a.t.Errorf("left over: %v, %d calls", live, a.calls.Len())
	}
}
