package actions

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// One line a day for each, and memory for a thousand.
func TestDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d daily
		say := func(what string, want bool) {
			t.Helper()
			if got := d.first(what); got != want {
				t.Errorf("%s at %s: %v, want %v", what, time.Now().Format(time.DateTime), got, want)
			}
		}
		say("1002@acme", true)
		say("1002@acme", false)
		say("1003@acme", true)
		time.Sleep(24*time.Hour - time.Second)
		say("1002@acme", false)
		time.Sleep(time.Second)
		say("1002@acme", true)
		for n := range 2 * dailyLimit {
			d.first(strconv.Itoa(n))
		}
		if len(d.seen) > dailyLimit {
			t.Errorf("it remembers %d", len(d.seen))
		}
		say("new@acme", false)
		time.Sleep(24 * time.Hour)
		say("new@acme", true)
	})
}
