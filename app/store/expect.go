package store

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// Errors of Store and Records.
var (
	// ErrUnavailable: NATS cannot be asked now, or nothing is known yet. A change may have been made all the same.
	ErrUnavailable = errors.New("not available")
	// ErrLoading is an ErrUnavailable that ends by itself: what NATS holds is being read.
	ErrLoading = fmt.Errorf("%w: not loaded from NATS yet", ErrUnavailable)
	// ErrConflict: what is stored is not what was expected. Nothing was changed.
	ErrConflict = errors.New("changed meanwhile")
	// ErrInvalid: what should be stored is not a metaflows document, or not a record.
	ErrInvalid = errors.New("invalid")
	// ErrTooLarge: NATS would never take what should be stored.
	ErrTooLarge = errors.New("too large")
)

// Expect says what must be stored under a key for a change to be made; else its error wraps ErrConflict. NATS compares and
// changes in one step, so of two that expect the same one succeeds, whichever instances they come from.
type Expect struct {
	kind     expectation
	revision uint64
}

type expectation byte

const (
	anything expectation = iota
	absence
	exactly
)

var (
	// Any expects nothing.
	Any = Expect{}
	// Absent expects that nothing is stored: never, or not any more.
	Absent = Expect{kind: absence}
)

// Revision expects the value whose revision is n.
func Revision(n uint64) Expect { return Expect{kind: exactly, revision: n} }

// String is fit for a log.
func (e Expect) String() string {
	switch e.kind {
	case absence:
		return "absent"
	case exactly:
		return "revision " + strconv.FormatUint(e.revision, 10)
	}
	return "any"
}

// wrongSequence says whether NATS has refused a message because its subject's last one is not the expected one.
func wrongSequence(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
