package actions

import (
	"errors"
	"strings"
)

// callerID is a name and a number that somebody is shown.
type callerID struct{ name, number string }

// parseCallerID reads "name" <number>, or one of the two, as Asterisk does (main/callerid.c, ast_callerid_parse).
func parseCallerID(s string) (*callerID, error) {
	var id callerID
	name, rest, bracket := strings.Cut(s, "<")
	number, _, closed := strings.Cut(rest, ">")
	switch {
	case bracket && closed:
		id = callerID{strings.Trim(strings.TrimSpace(name), `"`), strings.TrimSpace(number)}
	case bracket:
		return nil, errors.New(`has no caller: accepted is "name" <number>, or one of them`)
	case strings.Trim(s, "0123456789*#+()-. ") == "":
		id.number = strings.Map(func(char rune) rune {
			if strings.ContainsRune("()-. ", char) {
				return -1
			}
			return char
		}, s)
	default:
		id.name = strings.Trim(strings.TrimSpace(s), `"`)
	}
	return &id, nil
}

// shownVars let a callee's channel show what f(x) says, before it is dialled; nil without that. It is private to the channel:
// what the dial copies from the caller does not replace it, but what two channels tell each other when they come into a bridge
// does.
func (d *dialling) shownVars() map[string]string {
	id := d.args.callerID
	if id == nil {
		return nil
	}
	return map[string]string{
		"CONNECTEDLINE(priv-name,i)": id.name, "CONNECTEDLINE(priv-num,i)": id.number, "CONNECTEDLINE(priv-num-pres,i)": "allowed_passed_screen",
	}
}
