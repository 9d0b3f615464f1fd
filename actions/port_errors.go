package actions

import (
	"errors"

	"metaflows/flows"
)

// quietly runs a command that puts something back: what is already gone is as wanted, and at shutdown nothing is done.
func (s *Set) quietly(command func() error, doing string) {
	err := command()
	if err != nil && !errors.Is(err, flows.ErrGone) && !errors.Is(err, flows.ErrDetached) {
		s.log.Warn("a command failed", "doing", doing, "error", err)
	}
}

// gone says whether err means that the thing is not there any more.
func gone(err error) bool { return errors.Is(err, flows.ErrGone) }
