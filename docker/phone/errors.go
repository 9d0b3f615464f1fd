package phone

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// errClosed is the cause when a phone is closed in the middle of something.
var errClosed = errors.New("phone is closed")

// Rejected is the error of a request that got a final answer other than 2xx.
type Rejected struct {
	// Call says whose request it was, as in "alice on call to bob".
	Call string
	// Method is the SIP method of the request, as in INVITE.
	Method string
	// Code and Reason are the SIP status, as in 486 and "Busy Here".
	Code   int
	Reason string
	// Header is the value of the Reason header (RFC 3326), if there was one.
	Header string
	// Cause is the Q.850 cause in it, or 0.
	Cause int
	// Contact is where a 3xx answer points to.
	Contact string
}

// Error tells who was refused what.
func (r *Rejected) Error() string {
	text := fmt.Sprintf("%s: %s: %d %s", r.Call, r.Method, r.Code, r.Reason)
	if r.Contact != "" {
		text += " to " + r.Contact
	}
	if r.Header != "" {
		text += " (" + r.Header + ")"
	}
	return text
}

// q850 finds the cause in a Reason header such as `Q.850;cause=16;text="x"`.
var q850 = regexp.MustCompile(`(?i)Q\.850\s*;[^,]*?cause\s*=\s*(\d+)`)

// causeOf returns the Q.850 cause in a Reason header's value, or 0 (RFC 3326).
func causeOf(reason string) int {
	m := q850.FindStringSubmatch(reason)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil { // more digits than a number has
		return 0
	}
	return n
}

// since is the time since start for an error's text.
func since(start time.Time) time.Duration {
	d := time.Since(start)
	if d > time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
