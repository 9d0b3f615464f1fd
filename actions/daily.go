package actions

import (
	"sync"
	"time"
)

// dailyLimit is how many things daily remembers.
const dailyLimit = 1000

// daily tells what is the first of its kind within a day, so that a log has one line of it. It remembers at most dailyLimit
// kinds: of more than that it tells nothing until the day is over. The zero value is ready; calls share it.
type daily struct {
	mu    sync.Mutex
	began time.Time
	seen  map[string]bool
}

// first says whether what was not seen since the day began, which is with the first thing after the one before.
func (d *daily) first(what string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); d.seen == nil || now.Sub(d.began) >= 24*time.Hour {
		d.began, d.seen = now, map[string]bool{}
	}
	if d.seen[what] || len(d.seen) >= dailyLimit {
		return false
	}
	d.seen[what] = true
	return true
}
