package calls

import (
	"errors"
	"slices"
	"testing"
)

// TestCommonReasons: what any module may fail for is known of each, and nothing else.
func TestCommonReasons(t *testing.T) {
	for _, err := range []error{ErrGone, ErrConflict, ErrInvalid, ErrUnavailable, ErrCallEnded, ErrTimeout, errors.New("x")} {
		if reason := Reason(err); (Module{}).Kind(reason) == 0 {
			t.Errorf("%v: nobody knows of what kind %s is", err, reason)
		}
	}
	m := Module{Reasons: Reasons{"busy": Others}}
	if m.Kind("busy") != Others || m.Kind("error") != Asterisk || m.Kind("x") != 0 || (Module{}).Kind("busy") != 0 {
		t.Error("a reason is not of the kind that the module says")
	}
}

// TestDefinedKeys: a module obeys the keys that its data takes.
func TestDefinedKeys(t *testing.T) {
	type data struct {
		Action string `json:"action"`
		Limit  int    `json:"time_limit,omitempty"`
		Known  bool   `json:"-"`
	}
	if keys := Define("x", data{}, nil).Keys; !slices.Equal(keys, []string{"action", "time_limit"}) {
		t.Error(keys)
	}
	if keys := Define("x", struct{}{}, nil).Keys; len(keys) != 0 {
		t.Error(keys)
	}
}
