package actions

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// dialArgs is what Stasis(metaflows,dial,...) was given.
type dialArgs struct {
	targets []string
	answer  time.Duration // how long it rings; 0: until it ends by itself
	sign    time.Duration // how long it may take until something is heard of a callee; 0: as long as it rings
	dialOptions
}

// single: one callee, who is dialled inside the bridge. One who is to hear something before the caller must not be there.
func (a dialArgs) single() bool {
	return len(a.targets) == 1 && !a.ringing && !a.music && a.calledSound+a.callingSound == ""
}

// direct: one phone, which is dialled inside the bridge as soon as it has a channel.
func (a dialArgs) direct() bool {
	return a.single() && !a.predials() && !strings.HasPrefix(a.targets[0], "Local/")
}

// defaultDial is how long it rings where the dialplan does not say.
const defaultDial = 30 * time.Second

// errNobody: the list has nothing but empty elements, as that of a phone's contacts when it is not registered.
var errNobody = errors.New("there is nobody to dial: the list of dialstrings is empty")

// DialForm is what may stand behind the application's name, for people.
const DialForm = "dial,<dialstring>[&<dialstring>...][,<seconds>[,<options>]]"

// parseDial reads the arguments after the application's name, of the form DialForm. Empty
// elements of the list are passed over, as by Dial(); where no other is left the error is errNobody.
func parseDial(args []string) (dialArgs, error) {
	a := dialArgs{answer: defaultDial, dialOptions: dialOptions{others: calls.CauseAnsweredElsewhere}}
	if args[0] != "dial" {
		return a, fmt.Errorf("%q is not known: accepted is %s, or nothing", args[0], DialForm)
	}
	if len(args) < 2 {
		return a, errors.New("dial needs a dialstring, as in dial,PJSIP/alice")
	}
	if len(args) > 4 {
		return a, fmt.Errorf("dial takes at most three arguments, it got %d", len(args)-1)
	}
	for target := range strings.SplitSeq(args[1], "&") {
		if target = strings.TrimSpace(target); target == "" {
			continue
		}
		if tech, rest, ok := strings.Cut(target, "/"); !ok || tech == "" || rest == "" {
			return a, fmt.Errorf("dialstring %q is not of the form TECHNOLOGY/resource", target)
		}
		a.targets = append(a.targets, target)
	}
	if len(args) > 2 {
		if err := a.times(args[2]); err != nil {
			return a, err
		}
	}
	if len(args) > 3 {
		if err := a.options(args[3]); err != nil {
			return a, err
		}
	}
	if len(a.targets) == 0 {
		return a, errNobody
	}
	return a, nil
}

// longest is the longest time that Dial() counts, in milliseconds; what is longer has no limit, as there.
const longest = math.MaxInt32 * time.Millisecond

// times reads <answer>[^<progress>]: seconds, 0 and less for no limit.
func (a *dialArgs) times(s string) error {
	answer, sign, _ := strings.Cut(s, "^")
	for _, part := range []struct {
		text string
		into *time.Duration
	}{{answer, &a.answer}, {sign, &a.sign}} {
		text := strings.TrimSpace(part.text)
		if text == "" {
			continue
		}
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(seconds) || math.IsInf(seconds, 0) {
			return fmt.Errorf("%q is no dial time: accepted are seconds, as 30 or 1.5, 0 or less for no limit, and after a ^ those for the first sign of the callee, as 30^5", s)
		}
		if *part.into = 0; seconds > 0 && seconds <= longest.Seconds() {
			*part.into = time.Duration(seconds * float64(time.Second))
		}
	}
	return nil
}
