package actions

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// limit is how long an answered call may last: options S and L of Dial() (main/features.c, ast_bridge_timelimit). Asterisk
// keeps it on the callee's channel, also while the application is away; what is heard of it is in limit_sounds.go.
type limit struct {
	lasts   time.Duration // 0: for ever
	warn    time.Duration // so long before the end there is a warning; 0: none
	again   time.Duration // and then every so often; 0: once
	audible bool          // L: the caller's variables say what is heard of it
}

// limitTo notes on a callee that was answered when its channel ends.
func (d *dialling) limitTo(callee *calls.Leg) {
	if lasts := d.args.limit.lasts; lasts > 0 {
		callee.Until = callee.Answered.Add(lasts)
	}
}

// setSeconds reads S(seconds).
func (l *limit) setSeconds(value string) error {
	seconds, err := strconv.Atoi(value)
	if err != nil || seconds <= 0 || seconds > int(longest.Seconds()) {
		return errors.New("has no limit: accepted are whole seconds, as S(3600)")
	}
	if !l.audible { // beside L it does not count
		*l = limit{lasts: time.Duration(seconds) * time.Second}
	}
	return nil
}

// setMilliseconds reads L(x[:y[:z]]).
func (l *limit) setMilliseconds(value string) error {
	var times [3]time.Duration
	for n, part := range strings.Split(value, ":") {
		ms, err := strconv.Atoi(part)
		if part == "" && n > 0 {
			err = nil
		}
		if err != nil || n > 2 || ms < 0 || ms == 0 && n == 0 || ms > int(longest.Milliseconds()) {
			return errors.New("has no limit: accepted are whole milliseconds, as L(60000:30000:10000)")
		}
		times[n] = time.Duration(ms) * time.Millisecond
	}
	*l = limit{lasts: times[0], warn: times[1], again: times[2], audible: true}
	if late := l.warn - l.lasts; late > 0 { // the first warning would come before the call
		if l.again > 0 {
			l.warn -= l.again * (1 + (late-1)/l.again)
		} else {
			l.warn = 0
		}
	}
	if l.warn <= 0 {
		l.warn, l.again = 0, 0
	}
	return nil
}
