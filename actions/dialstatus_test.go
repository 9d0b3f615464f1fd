package actions

import (
	"testing"

	"metaflows/flows/calls"
)

// What the dialplan learns of callees that were not reached, first the one that ended first.
func TestHangupCause(t *testing.T) {
	ended := func(causes ...int) (left []*calls.Leg) {
		for _, cause := range causes {
			left = append(left, &calls.Leg{Gone: true, Cause: cause})
		}
		return left
	}
	for _, tt := range []struct {
		name    string
		left    []*calls.Leg
		overdue bool
		want    int
	}{
		{"busy", ended(causeBusy), false, causeBusy},
		{"the last one decides", ended(causeBusy, 21), false, 21},
		{"none could be dialled", nil, false, causeNoRoute},
		{"rang to the end", ended(causeNoAnswer), true, 0},
		{"said itself that nobody answers", ended(causeNoAnswer), false, causeNoAnswer},
		{"busy, and one that rang to the end", ended(causeBusy, causeNoAnswer), true, causeBusy},
		{"redirected", ended(causeRedirected), false, causeNoAnswer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := hangupCause(tt.left, tt.overdue); got != tt.want {
				t.Errorf("cause %d, want %d", got, tt.want)
			}
		})
	}
}

// Where a redirection points to may be told after the callee's channel has ended, or never.
func TestRedirectedWithoutTarget(t *testing.T) {
	if got := statusOf(&calls.Leg{Gone: true, Cause: causeRedirected}); got != statusNoAnswer {
		t.Errorf("a redirection counts as %s, want %s", got, statusNoAnswer)
	}
}
