package phone

import "time"

// Behaviour is what a phone does with an incoming call. Whatever it is, a test
// may fetch the call with [Phone.Incoming] and answer or reject it earlier.
// The zero value answers at once.
type Behaviour struct {
	// Ringing sends 180 at once.
	Ringing bool
	// Early sends 183 with a session description at once, and the phone's tone
	// before the answer.
	Early bool
	// After is the time from the INVITE to the final answer.
	After time.Duration
	// Code is the final status; 0 stands for 200, the answer.
	Code int
	// Contact is the SIP URI that a 3xx answer points to.
	Contact string
	// Headers go into the final answer.
	Headers []Header
	// Forever gives no final answer: the call waits for Answer, Reject or its
	// caller's CANCEL.
	Forever bool
}

// Header is a SIP header of a message, as in {"X-Queue", "sales"}.
type Header struct{ Name, Value string }

// Answer takes the call at once, without ringing.
func Answer() Behaviour { return Behaviour{} }

// AnswerAfter rings and takes the call after d.
func AnswerAfter(d time.Duration) Behaviour { return Behaviour{Ringing: true, After: d} }

// Busy rejects the call with 486.
func Busy() Behaviour { return Behaviour{Code: 486} }

// Reject gives the call a final status of 300 to 699 at once.
func Reject(code int) Behaviour { return Behaviour{Code: code} }

// RejectAfter rings for d and then gives the call a final status.
func RejectAfter(code int, d time.Duration) Behaviour {
	return Behaviour{Ringing: true, Code: code, After: d}
}

// RingForever rings and leaves it at that.
func RingForever() Behaviour { return Behaviour{Ringing: true, Forever: true} }

// Redirect answers 302 with the Contact uri, a SIP URI.
func Redirect(uri string) Behaviour { return Behaviour{Code: 302, Contact: uri} }

// EarlyMedia sends 183 and the phone's tone, and takes the call after d.
func EarlyMedia(d time.Duration) Behaviour { return Behaviour{Early: true, After: d} }

// Manual does nothing: the test says what happens, with the methods of the
// call that [Phone.Incoming] returns.
func Manual() Behaviour { return Behaviour{Forever: true} }
