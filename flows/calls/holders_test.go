package calls

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows"
)

// One module at a time has the call: whoever comes then learns which, at once. To give it free twice is as once.
func TestClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		says := func(err error) (Next, error) {
			if f, ok := errors.AsType[*Failure](err); ok {
				said = append(said, f.Error())
			}
			return Stop, err
		}
		r := newCallRig(t, nil)
		doc, err := flows.ParseDocument([]byte(`{"numbers":{"4":{"module":"swap"},"5":{"module":"pair"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.docs["acme"] = flows.Merge(flows.Settings{}, doc, nil, nil)
		r.module("swap", func(task *Task) (Next, error) {
			release, err := task.Claim()
			if err != nil {
				return says(err)
			}
			defer release()
			defer release()
			return Stop, task.Sleep(time.Second)
		})
		r.module("pair", func(task *Task) (Next, error) {
			release, err := task.Claim()
			if err != nil {
				return says(err)
			}
			defer release()
			self, peer, err := task.Pair()
			if err != nil || self != task.Leg || peer != task.Call.leg("a") {
				t.Error(self, peer, err)
			}
			task.Call.Release(peer)
			_, _, err = task.Pair()
			return says(err)
		})
		r.start()
		r.press("a", "*4")
		r.press("b", "*4")
		r.press("b", "*5")
		time.Sleep(2 * time.Second)
		r.press("b", "*5")
		r.end()
		if want := []string{
			"in_progress: another swap is under way on this call", "in_progress: a swap is under way on this call",
			"not_two_legs: a pair needs a call of two",
		}; !slices.Equal(said, want) {
			t.Errorf("said %q", said)
		}
	})
}
