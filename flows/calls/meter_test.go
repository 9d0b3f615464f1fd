package calls

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"metaflows/flows"
)

// counts are a Meter.
type counts struct {
	calls, digits atomic.Int64
	ended         atomic.Pointer[string]
	decided       atomic.Int64
}

func (c *counts) Call()  { c.calls.Add(1) }
func (c *counts) Digit() { c.digits.Add(1) }

func (c *counts) Decided(by flows.Decision, after time.Duration) {
	if by == flows.ByDigit && after >= 0 {
		c.decided.Add(1)
	}
}

func (c *counts) Ended(module, result string) {
	s := module + " " + result
	c.ended.Store(&s)
}

// A call is counted, its keys, the code and how its module has ended; and that there is nothing any more when it is over.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		meter := &counts{}
		r.cfg.Meter = meter
		r.document("acme", "9")
		r.start()
		if got := r.calls.Load(); got != (Load{Calls: 1, Legs: 2}) {
			t.Errorf("while they talk: %+v", got)
		}
		r.press("a", "*95")
		if calls, digits, decided := meter.calls.Load(), meter.digits.Load(), meter.decided.Load(); calls != 1 || digits != 3 || decided != 1 {
			t.Errorf("%d calls, %d keys, %d codes; want 1, 3, 1", calls, digits, decided)
		}
		if got := meter.ended.Load(); got == nil || *got != "test failed" { // there is no module here
			t.Error(got)
		}
		r.end()
		if got := r.calls.Load(); got != (Load{}) {
			t.Errorf("when it is over: %+v", got)
		}
	})
}

// A call that takes nothing is seen to be behind.
func TestLoadOfACallThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCallRig(t, nil)
		r.start()
		goOn := make(chan struct{})
		for c := range r.calls.live { // nobody else runs now
			c.post(carried{func(error) { <-goOn }, nil})
		}
		synctest.Wait()
		for range 5 {
			r.digit("a", '5')
		}
		if got := r.calls.Load(); got.Waiting != 5 || got.Longest != 5 {
			t.Errorf("%+v, want 5 events that wait", got)
		}
		close(goOn)
		synctest.Wait()
		if got := r.calls.Load(); got.Waiting != 0 {
			t.Errorf("%+v, want none that waits", got)
		}
		r.end()
	})
}
