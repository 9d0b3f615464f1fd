package recordings

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// pauses are those before each try to deliver, the last one before every further try (Standard Webhooks has others; these are
// closer together in the first hours, in which a file is wanted most).
var pauses = []time.Duration{0, 5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour}

// after is the pause after so many tries, and up to a fifth more, so that what has failed together does not come together again.
func after(pauses []time.Duration, tries int) time.Duration {
	pause := pauses[min(tries, len(pauses)-1)]
	return pause + rand.N(pause/5+1)
}

// tried notes a try that began at a time, and says whether there is to be another one after it: not where it was not in vain, nor
// after the deadline.
func (a *Attempts) tried(began, deadline time.Time, pauses []time.Duration, err error) (again bool) {
	a.Tries++
	a.Next, a.Problem = time.Time{}, ""
	if err == nil {
		return false
	}
	a.Problem = err.Error()
	pause := after(pauses, a.Tries)
	if answer, is := errors.AsType[*refused](err); is {
		pause = max(pause, answer.after)
	}
	a.Next, again = next(began, deadline, pause)
	return again
}

// next is when to try again after a try in vain. The last try is at the deadline; after that there is none.
func next(now, deadline time.Time, pause time.Duration) (at time.Time, ok bool) {
	if !now.Before(deadline) {
		return time.Time{}, false
	}
	if at = now.Add(pause); at.After(deadline) {
		at = deadline
	}
	return at, true
}

// retryAfter is how long a server asks not to be asked again (RFC 9110, 10.2.3); 0: it does not say.
func retryAfter(h http.Header, now time.Time) time.Duration {
	says := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(says, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(says); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
