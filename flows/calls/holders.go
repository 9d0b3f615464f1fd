package calls

import (
	"errors"
	"fmt"
	"slices"
)

// Claim takes the call for the task's module, which may change who is on it until release is called; the call does not end
// before. It comes before the module's first question, so that two cannot both pass a check. The error is a Failure,
// in_progress, which says who has the call.
func (t *Task) Claim() (release func(), err error) {
	c, module := t.Call, t.Flow.module
	if !c.Held() {
		return c.hold(module), nil
	}
	says := "a " + *c.holders[0] + " is under way on this call"
	switch *c.holders[0] {
	case module:
		says = "another " + module + " is under way on this call"
	case "":
		says = "the call is being taken up after a restart"
	}
	return nil, Fail("in_progress", errors.New(says))
}

// Hold keeps the call from ending while it is taken up again; the function that it returns gives it free. A module has
// Task.Claim.
func (c *Call) Hold() (release func()) { return c.hold("") }

// hold is Hold in the name of a module.
func (c *Call) hold(module string) (release func()) {
	holder := &module
	c.holders = append(c.holders, holder)
	return func() {
		c.holders = slices.DeleteFunc(c.holders, func(h *string) bool { return h == holder })
	}
}

// Held says that an action is changing who is on the call.
func (c *Call) Held() bool { return len(c.holders) > 0 }

// Pair is the presser and the other party. The error is a Failure, not_two_legs.
func (t *Task) Pair() (self, peer *Leg, err error) {
	if peer = t.Call.Peer(t.Leg); peer == nil {
		return nil, nil, Fail("not_two_legs", fmt.Errorf("a %s needs a call of two", t.Flow.module))
	}
	return t.Leg, peer, nil
}
