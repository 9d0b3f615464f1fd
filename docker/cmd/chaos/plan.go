package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"metaflows/docker/phone"
)

// plan is what shall happen in one call.
type plan struct {
	several bool // two phones ring
	goes    bool // option g
	callee  answer
	second  answer // of the other one that rings
	target  answer // of whom the call is transferred to
	steps   []step // once they talk
}

// answer is what a phone does when it rings.
type answer struct {
	how   string // answers, busy, silent
	after time.Duration
}

// step is what a party presses.
type step struct {
	wait   time.Duration // before it
	caller bool          // it is the caller who presses, else who has answered
	what   string        // record, transfer, hangup, half, digits
	how    phone.Press
}

// How long phones ring: in the dialplan, in the document.
const (
	dialTime     = 2 * time.Second
	transferTime = 2 * time.Second
)

// newPlan thinks up a call.
func newPlan(r *rand.Rand) plan {
	p := plan{several: r.IntN(4) == 0, target: newAnswer(r, 3), callee: newAnswer(r, 10), second: newAnswer(r, 4)}
	p.goes = !p.several && r.IntN(3) == 0
	for range r.IntN(4) {
		s := step{
			wait: between(r, 50, 500), caller: r.IntN(2) == 0,
			how: phone.Press{Digit: between(r, 80, 120), Gap: between(r, 60, 120)},
		}
		switch n := r.IntN(20); {
		case n < 8:
			s.what = "record"
		case n < 14:
			s.what = "transfer"
		case n < 15:
			s.what = "hangup"
		case n < 18:
			s.what = "half"
		default:
			s.what = "digits"
		}
		p.steps = append(p.steps, s)
		if s.what == "transfer" || s.what == "hangup" {
			break // who presses is gone then
		}
	}
	return p
}

// newAnswer is an answer mostly; the more so, the greater mostly is.
func newAnswer(r *rand.Rand, mostly int) answer {
	switch n := r.IntN(mostly + 2); n {
	case 0:
		return answer{how: "busy", after: between(r, 0, 500)}
	case 1:
		return answer{how: "silent"}
	}
	return answer{how: "answers", after: between(r, 0, 900)}
}

func between(r *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+r.IntN(most-least)) * time.Millisecond
}

func (a answer) behaviour() phone.Behaviour {
	switch a.how {
	case "busy":
		return phone.RejectAfter(486, a.after)
	case "silent":
		return phone.RingForever()
	}
	return phone.AnswerAfter(a.after)
}

// keys of a step; a transfer goes to the target.
func (s step) keys(target string) string {
	return map[string]string{"record": "*9", "transfer": "*24" + target[1:], "hangup": "*0", "half": "*2", "digits": "47"}[s.what]
}

func (a answer) String() string {
	if a.how == "answers" {
		return fmt.Sprintf("answers after %s", a.after)
	}
	return "is " + a.how
}

func (p plan) String() string {
	text := "callee " + p.callee.String()
	if p.several {
		text += ", second " + p.second.String()
	}
	if p.goes {
		text += ", option g"
	}
	for _, s := range p.steps {
		text += ", " + map[bool]string{true: "caller", false: "callee"}[s.caller] + " " + s.what
		if s.what == "transfer" {
			text += " (target " + p.target.String() + ")"
		}
	}
	return strings.TrimSpace(text)
}
