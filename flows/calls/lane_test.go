package calls

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestLane: jobs run one after another in their order, the sender does not wait, and no goroutine stays (the bubble
// would fail).
func TestLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lane Lane
		var ran []int
		began := time.Now()
		for i := range 5 {
			lane.send(func() {
				time.Sleep(100 * time.Millisecond)
				ran = append(ran, i)
			})
		}
		if time.Since(began) != 0 {
			t.Error("send waits")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(ran, []int{0, 1, 2, 3, 4}) {
			t.Errorf("ran %v", ran)
		}
		lane.send(func() { ran = append(ran, 5) }) // after it had nothing to do
		synctest.Wait()
		if len(ran) != 6 {
			t.Error("a later job did not run")
		}
	})
}

// TestLaneDrop: what has not begun is forgotten, what has begun ends.
func TestLaneDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lane Lane
		var ran []int
		for i := range 3 {
			lane.send(func() {
				time.Sleep(100 * time.Millisecond)
				ran = append(ran, i)
			})
		}
		time.Sleep(50 * time.Millisecond)
		lane.drop()
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(ran, []int{0}) {
			t.Errorf("ran %v, want only the one that had begun", ran)
		}
	})
}
