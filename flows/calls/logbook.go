package calls

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// The log has one line of level INFO for each beginning, answer and end of a call, each adoption, each action and its
// outcome, so that who looks for a call at night finds it by a name, a number or a SIP Call-ID. It tells all of it, also of
// parties of different accounts, and never a key that was no code.

// logCall writes the line of what a call's notices of a kind tell, once.
func (c *Call) logCall(n Notice) {
	if n.Reason == "answered_elsewhere" || slices.Contains(c.logged, n.Type) { // that was one callee's end, not the call's
		return
	}
	with := c.Legs
	if n.Type == "call.ended" { // who looks for it may have rung, or have been on it once
		with = c.company
	}
	words := append(c.parties(with), c.circumstances(n)...)
	switch retold := c.epoch != "" && !slices.Contains(c.logged, "call.adopted"); n.Type { // before that an adoption tells again what was told
	case "call.started":
		if !retold {
			c.Log.Info("a call begins", words...)
		}
	case "call.answered":
		if !retold {
			c.Log.Info("a call is answered", words...)
		}
	case "call.ended":
		c.Log.Info("a call has ended", words...)
	case "call.adopted":
		c.Log.Info("a call was taken up after a restart", words...)
	}
	c.logged = append(c.logged, n.Type)
}

// parties are who called, and whom: one key for all of them, since a program that reads JSON takes the last of several.
func (c *Call) parties(with []*Leg) (words []any) {
	if caller := c.caller(); caller != nil {
		words = append(words, "caller", caller.Label(), "sip_call_id", caller.SIPCallID)
		words = appendSaid(words, "number", caller.CallerNum)
		if caller.Phone() && caller.Extension != noExtension {
			words = appendSaid(words, "dialled", caller.Extension)
		}
	}
	var labels, ids []string
	for _, leg := range with {
		if leg != c.caller() {
			labels, ids = append(labels, leg.Label()), append(ids, leg.SIPCallID)
		}
	}
	words = appendSaid(words, "with", strings.Join(labels, " "))
	return appendSaid(words, "with_sip_call_id", strings.Join(slices.DeleteFunc(ids, func(id string) bool { return id == "" }), " "))
}

// circumstances are what else a line says: how long it has rung or was talked, why it ended, who has hung up.
func (c *Call) circumstances(n Notice) (words []any) {
	words = appendSaid(words, "reason", n.Reason)
	if n.Type == "call.ended" {
		ender := c.ender
		if ender != nil && !c.overdue {
			words = append(words, "hung_up", ender.Label())
		} else if ender == nil && len(c.left) > 0 {
			ender = c.left[0]
		}
		if ender != nil && ender.Cause != 0 {
			words = append(words, "cause", ender.Cause)
		}
	}
	if n.Duration > 0 {
		words = append(words, "took", took(n.Duration))
	}
	return words
}

// logFailure writes the line of an action that has failed: for a reason that is the parties' own, or one that cost them
// what they were to have, and says what is to be done.
func (c *Call) logFailure(n Notice, err error) {
	do := remedy(err)
	n.Result = "" // the message says it
	words := action(n)
	if f, ok := errors.AsType[*Failure](err); ok {
		err = f.Err // the reason stands there
	}
	if err != nil {
		words = append(words, "error", err)
	}
	if do != "" {
		c.Log.Error("an action failed", append(words, "do", do)...)
		return
	}
	c.Log.Info("an action failed", words...)
}

// action says which one it is, and as much of its digits as its notice.
func action(n Notice) []any {
	words := []any{"module", n.Module, "path", n.Path, "channel", n.Channel}
	if !strings.HasPrefix(n.Endpoint, "Local/") { // whose extension somebody may have pressed
		words = appendSaid(words, "by", n.Endpoint)
	}
	words = appendSaid(words, "target", n.Target)
	words = appendSaid(words, "result", n.Result)
	words = appendSaid(words, "reason", n.Reason)
	if n.Duration > 0 {
		words = append(words, "took", took(n.Duration))
	}
	return words
}

func appendSaid(words []any, key, value string) []any {
	if value == "" {
		return words
	}
	return append(words, slog.String(key, value))
}

// took is a number of milliseconds as people read it, and as no digits that somebody pressed.
func took(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }
