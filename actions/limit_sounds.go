package actions

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// limitSounds is what is heard of a limit, as media; "" for nothing.
type limitSounds struct {
	connect, warning, timeout string
	caller, callee            bool // who hears it
}

// The caller's variables that say so, as Dial()'s.
const (
	varPlayToCaller = "LIMIT_PLAYAUDIO_CALLER"
	varPlayToCallee = "LIMIT_PLAYAUDIO_CALLEE"
	varWarningFile  = "LIMIT_WARNING_FILE"
	varTimeoutFile  = "LIMIT_TIMEOUT_FILE"
	varConnectFile  = "LIMIT_CONNECT_FILE"
)

// soundsOfLimit asks the caller's channel. Without option L nothing is heard; nor where the channel cannot be asked: the
// limit itself is kept all the same.
func (d *dialling) soundsOfLimit() limitSounds {
	if !d.args.limit.audible || d.caller == nil || d.caller.Gone {
		return limitSounds{}
	}
	vars := map[string]string{}
	d.quietly(func() (err error) {
		vars, err = d.variables(d.t, d.caller, varPlayToCaller, varPlayToCallee, varWarningFile, varTimeoutFile, varConnectFile)
		return err
	}, "asking what is heard of a call's limit")
	sound := func(name string) string {
		if vars[name] == "" || strings.Contains(vars[name], ",") { // ARI splits media at commas
			return ""
		}
		return "sound:" + vars[name]
	}
	s := limitSounds{connect: sound(varConnectFile), warning: sound(varWarningFile), timeout: sound(varTimeoutFile)}
	s.callee = isTrue(vars[varPlayToCallee])
	s.caller = !s.callee || vars[varPlayToCaller] == "" || isTrue(vars[varPlayToCaller])
	return s
}

// isTrue is Asterisk's ast_true.
func isTrue(s string) bool {
	return slices.Contains([]string{"yes", "true", "y", "t", "1", "on"}, strings.ToLower(s))
}

// timeLeft says how long a call may last yet, as Dial() does.
func timeLeft(left time.Duration) string {
	minutes, seconds := 0, int(left.Seconds())
	if seconds >= 120 {
		minutes, seconds = seconds/60, seconds%60
	}
	media := []string{"sound:vm-youhave"}
	if minutes > 0 {
		media = append(media, fmt.Sprint("number:", minutes), "sound:queue-minutes")
	}
	if seconds > 0 {
		media = append(media, fmt.Sprint("number:", seconds), "sound:queue-seconds")
	}
	return strings.Join(media, "&")
}

// tellLimit lets the parties hear of the limit of an answered call; what was to be heard before now is left out, but for the
// sound at the beginning where it begins.
func (d *dialling) tellLimit(callee *calls.Leg, s limitSounds, begins bool) {
	l, ends := d.args.limit, callee.Until
	if s.timeout == "" && l.warn == 0 && s.connect == "" {
		return
	}
	d.t.Go("limit", func(t *calls.Task) error {
		if begins && s.connect != "" {
			d.announceLimit(t, callee, s, s.connect)
		}
		for left := l.warn; left > 0; left -= l.again {
			if wait := time.Until(ends) - left; wait > 0 {
				if err := t.Sleep(wait); err != nil {
					return err
				}
				media := s.warning
				if media == "" {
					media = timeLeft(left)
				}
				d.announceLimit(t, callee, s, media)
			}
			if l.again == 0 {
				break
			}
		}
		if s.timeout == "" {
			return nil
		}
		if err := t.Sleep(max(time.Millisecond, time.Until(ends))); err != nil {
			return err
		}
		d.announceLimit(t, callee, s, s.timeout)
		d.Set.hangUp(t, callee, "ending a call whose time is over")
		return nil
	})
}

// announceLimit plays media to who is to hear of the limit, and returns when it has.
func (d *dialling) announceLimit(t *calls.Task, callee *calls.Leg, s limitSounds, media string) {
	var hearing []*calls.Task
	for _, leg := range []*calls.Leg{d.caller, callee} {
		if hears := leg == callee && s.callee || leg == d.caller && s.caller; hears && !callee.Gone && !leg.Gone {
			hearing = append(hearing, t.Go("announcement", func(t *calls.Task) error { return d.announce(t, leg, media) }))
		}
	}
	_ = t.Until(time.Minute, func() bool { return allDone(hearing) })
}
