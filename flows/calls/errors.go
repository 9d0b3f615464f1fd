package calls

import "errors"

// What a command to the telephone system can answer besides success. Implementations wrap these with the verb and the id.
var (
	// ErrGone: the channel, bridge, playback or recording does not exist any more, or has left the application.
	ErrGone = errors.New("gone")
	// ErrConflict: the id is in use, or the resource is in the wrong state.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: Asterisk refuses the request as it stands.
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable: Asterisk could not do it now (5xx, for a dial: not registered), or did not answer in time.
	ErrUnavailable = errors.New("unavailable")
	// ErrUnsent: beside one of those above, of digits: none of them was played, so that nobody hears them twice when they are
	// sent again. See Unsent.
	ErrUnsent = errors.New("unsent")
)

// Unsent makes an error of SendDigits, which must not be nil, an ErrUnsent, too. Its text stays.
func Unsent(err error) error { return unsent{err} }

type unsent struct{ error }

func (e unsent) Unwrap() error { return e.error }

func (unsent) Is(target error) bool { return target == ErrUnsent }

// How a wait can end besides with what was awaited.
var (
	// ErrCallEnded: the call is over; what a task deferred still works.
	ErrCallEnded = errors.New("call ended")
	// ErrDetached: the process stops and leaves the call to Asterisk; no command works any more, so that nothing is
	// undone that a restart will take up.
	ErrDetached = errors.New("detached")
	// ErrTimeout: the time given to a wait is over.
	ErrTimeout = errors.New("timed out")
	// ErrPast: what the wait was for is past (Task.AwaitKeys).
	ErrPast = errors.New("past")
)

// Failure is an error that a flow can branch on: the child named by its reason runs, else the child "failed".
// Reason is a lower-case word of the product (busy, no_extension, invalid_target) and is published.
type Failure struct {
	Reason string
	Err    error
	// Do is what who runs metaflows is to do, where it is not the parties' own doing, but cost them what they were to have.
	Do string
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Reason
	}
	return f.Reason + ": " + f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// Broken makes a Failure that cost the parties something, and says what is to be done.
func Broken(reason, do string, err error) error { return &Failure{Reason: reason, Err: err, Do: do} }

// CorrectNode is what is to be done about a node that cannot run as it stands.
const CorrectNode = "correct the node in the document; metaflows check, and the conflicts of its effective metaflows, show what this version cannot do"

// remedy is what is to be done about an error, "" where it is nobody's business but the parties'.
func remedy(err error) string {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Do
	}
	switch Reason(err) {
	case "unavailable":
		return "see by metaflows doctor whether Asterisk answers, and what its own log says at this time"
	case "state_full":
		return "shorten the ids, names and dialstrings that the error is about, or let less last on a call at a time"
	case "error":
		return "report it, with the lines of this call"
	}
	return ""
}

// Fail makes a Failure; err may be nil.
func Fail(reason string, err error) error { return &Failure{Reason: reason, Err: err} }
