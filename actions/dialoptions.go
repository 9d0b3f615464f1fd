package actions

import (
	"errors"
	"fmt"
	"strings"
)

// dialOptions are the options of Stasis(metaflows,dial,...), which have the letters and the form of Dial()'s.
type dialOptions struct {
	goOn    bool // g: the caller goes on in the dialplan when an answered callee hangs up
	ringing bool // r: ringing to the caller, no early media
	music   bool // m(class): music instead of ringing
	class   string

	calledSound, callingSound   string    // A(called:calling): sounds that are played before callee and caller are connected
	calledDigits, callingDigits string    // D(called:calling): keys that are sent at the answer
	limit                       limit     // S, L
	elsewhere                   bool      // c: a callee whose ringing is ended learns that the call was answered elsewhere
	others                      int       // Q(cause): and this those learn that another one was faster than
	callerID                    *callerID // f(x): what the callees are shown as the caller
	calleePredial               string    // b: a subroutine that runs on a callee's channel before it is dialled
	callerPredial               string    // B: one that runs on the caller's before that

	ignoreForwards bool     // i: a callee that redirects is not followed
	warnings       []string // of each option that is accepted and has no effect, why
}

// optionsKnown is for people.
const optionsKnown = "A(sound), b(subroutine), B(subroutine), c, D(digits), f, g, i, L(limit), m(class), Q(cause), r, S(seconds), and without an effect h H I k K t T w W x X"

// options reads the options. One that is not known is not dropped but an error, so that nobody relies on what does not
// happen.
func (o *dialOptions) options(s string) error {
	for s != "" {
		letter, value, rest, err := cutOption(s)
		if err == nil {
			err = o.option(letter, value)
		}
		if err != nil {
			return fmt.Errorf("option %q %w", string(letter), err)
		}
		s = rest
	}
	return nil
}

// ErrUnknownOption is part of the error for an option with a letter that means nothing here.
var ErrUnknownOption = errors.New("is not known: accepted are " + optionsKnown)

func (o *dialOptions) option(letter byte, value string) (err error) {
	switch letter {
	case 'A':
		o.calledSound, o.callingSound, err = parseSounds(value)
	case 'b':
		o.calleePredial = parsePredial(value)
	case 'B':
		o.callerPredial = parsePredial(value)
	case 'c':
		o.elsewhere = true
	case 'D':
		o.calledDigits, o.callingDigits, err = parseDigits(value)
	case 'f':
		if value == "" {
			o.warn("f: whom a callee redirects to is shown the caller, not the extension")
		} else {
			o.callerID, err = parseCallerID(value)
		}
	case 'g':
		o.goOn = true
	case 'i':
		o.ignoreForwards = true
	case 'L':
		err = o.limit.setMilliseconds(value)
	case 'm':
		o.music, o.class = true, value
	case 'Q':
		o.others, err = parseCause(value)
	case 'r':
		if o.ringing = true; value != "" {
			o.warn("r: the caller hears ringing, not the tone that is asked for")
		}
	case 'S':
		err = o.limit.setSeconds(value)
	case 'h', 'H', 'k', 'K', 't', 'T', 'w', 'W', 'x', 'X': // every dialplan has them
		o.warn(string(letter) + " has no effect: codes come from metaflows documents, not from features.conf")
	case 'I':
		o.warn("I has no effect: connected line updates are passed on")
	case ' ':
	default:
		err = ErrUnknownOption
	}
	return err
}

func (o *dialOptions) warn(text string) { o.warnings = append(o.warnings, "option "+text) }

// cutOption takes the first option off s: a letter and what stands in parentheses behind it. Those nest, as in
// b(context^exten^1(argument)); a backslash takes the next character as it is, and so do quotes where the first character
// is one (main/app.c, parse_options).
func cutOption(s string) (letter byte, value, rest string, err error) {
	letter, s = s[0], s[1:]
	if !strings.HasPrefix(s, "(") {
		return letter, "", s, nil
	}
	s = s[1:]
	var b strings.Builder
	depth, quotes, quoted := 1, strings.HasPrefix(s, `"`), false
	for i := 0; i < len(s); i++ {
		char := s[i]
		switch {
		case char == '"' && quotes:
			quoted = !quoted
			continue
		case char == '\\' && i+1 < len(s) && (!quoted || s[i+1] == '"'):
			i++
			char = s[i]
		case char == '\\' && i+1 < len(s):
			b.WriteByte(char)
			i++
			char = s[i]
		case char == '(' && !quoted:
			depth++
		case char == ')' && !quoted:
			if depth--; depth == 0 {
				return letter, b.String(), s[i+1:], nil
			}
		}
		b.WriteByte(char)
	}
	return letter, "", "", errors.New("has no closing parenthesis")
}
