package actions

import (
	"regexp"
	"strings"

	"metaflows/flows/calls"
)

// callerNumber is the variable of a channel's own caller id number: whom the channel is, for who gets it by a transfer. What
// its phone is told while it rings is the connected line, which the dial sets.
const callerNumber = "CALLERID(num)"

// callerName is the one of its name.
const callerName = "CALLERID(name)"

// number is what people dial.
var number = regexp.MustCompile(`^\+?[0-9*#]+$`)

// dialledNumber is the caller id number of a callee whose endpoint gives it none, as Dial() has it: the extension that was
// entered (app_dial.c, stored_clid). Where that is no number, as s is in a Gosub, it is the one in the dialstring; where
// there is none at all, the name that was dialled.
func dialledNumber(extension, dialstring string) string {
	dialled := resource(dialstring)
	switch {
	case number.MatchString(extension), !number.MatchString(dialled) && extension != "" && extension != "s":
		return extension
	default:
		return dialled
	}
}

// resource is whom a dialstring names: 1234 in PJSIP/1234@trunk, PJSIP/trunk/sip:1234@host and Local/1234@context/n, and
// alice in PJSIP/alice.
func resource(dialstring string) string {
	_, rest, _ := strings.Cut(dialstring, "/")
	name, uri, _ := strings.Cut(rest, "/")
	if _, address, ok := strings.Cut(uri, ":"); ok {
		if user, _, ok := strings.Cut(address, "@"); ok {
			return user
		}
	}
	user, _, _ := strings.Cut(name, "@")
	return user
}

// remind gives a leg that goes to somebody else its caller id again where Asterisk has lost it. A Local channel's follows
// whom its other end is connected with, which is nobody once that is a recorder (ari/ASTERISK.md, Whom a channel is).
func (s *Set) remind(t *calls.Task, leg *calls.Leg) error {
	if leg.Phone() || leg.CallerNum == "" {
		return nil
	}
	own, err := s.variables(t, leg, callerNumber)
	if err == nil && own[callerNumber] == "" {
		channel, number := leg.ID, map[string]string{callerNumber: leg.CallerNum, "CALLERID(name)": leg.CallerNam}
		err = t.Do(leg.Lane(), func() error { return s.pbx.SetVariables(channel, number) })
	}
	if gone(err) { // that is an outcome of what comes next
		return nil
	}
	return err
}
