package actions

import (
	"errors"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// digitsAtOnce is how many digits go to a leg in one command: everything else for it waits meanwhile.
const digitsAtOnce = 4

// parseDigits reads D(called:calling): what is sent to the callee and to the caller when the call is answered, w being half
// a second's silence and W a whole one's. The error does not say what they are: they may be a secret.
func parseDigits(value string) (called, calling string, err error) {
	called, calling, _ = strings.Cut(value, ":")
	for _, char := range called + calling {
		if !strings.ContainsRune("0123456789*#ABCDabcdwW", char) {
			return "", "", errors.New("has digits that are none: accepted are 0-9 * # A-D, w and W for a pause, and a : before those for the caller")
		}
	}
	return called, calling, nil
}

// sendDigits sends what option D asks for; the parties may talk meanwhile. What a restart interrupts is not sent again: it
// would come twice.
func (d *dialling) sendDigits(callee *calls.Leg) {
	if d.args.calledDigits+d.args.callingDigits == "" {
		return
	}
	d.t.Go("digits", func(t *calls.Task) error {
		if err := press(t, callee, d.args.calledDigits); err != nil {
			return err
		}
		return press(t, d.caller, d.args.callingDigits)
	})
}

// press sends digits to a leg, with their pauses.
func press(t *calls.Task, leg *calls.Leg, digits string) error {
	for digits != "" {
		pause := map[byte]time.Duration{'w': time.Second / 2, 'W': time.Second}[digits[0]]
		n := min(len(digits), digitsAtOnce)
		if end := strings.IndexAny(digits, "wW"); end >= 0 {
			n = min(n, end)
		}
		var err error
		if pause > 0 {
			n, err = 1, t.Sleep(pause)
		} else {
			err = t.SendDigits(leg, strings.ToUpper(digits[:n]))
		}
		if err != nil {
			return err
		}
		digits = digits[n:]
	}
	return nil
}
