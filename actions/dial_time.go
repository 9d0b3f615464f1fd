package actions

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"metaflows/flows/calls"
)

// How long a dialling lasts, by whom it is ended, and what of that stands on the caller's channel.

// guardTime is what a call that is being dialled has beyond its dial time if the application hangs meanwhile.
const guardTime = 10 * time.Second

// ownTimeout is what was left of the caller's own TIMEOUT(absolute) when it came, 0 for none.
func (d *dialling) ownTimeout() time.Duration {
	s, err := strconv.ParseFloat(d.own["TIMEOUT(absolute)"], 64)
	if err != nil || s <= 0 {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// ownLeft is what is left of that now, at least a second; 0 for none.
func (d *dialling) ownLeft() time.Duration {
	if own := d.ownTimeout(); own > 0 {
		return max(time.Second, own-time.Since(d.began))
	}
	return 0
}

// guard is a TIMEOUT(absolute) for something that lasts so long, if the caller's own does not end it before. Where the
// dialling has no limit its own stays as it is.
func (d *dialling) guard(lasts time.Duration) string {
	guard := lasts + guardTime
	if left := d.ownLeft(); left > 0 {
		guard = min(guard, left)
	}
	return seconds(guard)
}

// untilDialled is how long the caller may have to wait before it has a limit that knows when the callees were dialled.
func (d *dialling) untilDialled() time.Duration {
	if d.args.predials() {
		return longestPredial
	}
	return d.args.answer
}

// dialVars are set on the caller before the callees are dialled.
func (d *dialling) dialVars() map[string]string {
	vars := map[string]string{handDown: "1"}
	if d.args.predials() && d.args.answer > 0 {
		vars["TIMEOUT(absolute)"] = d.guard(d.args.answer)
	}
	return vars
}

// ringing is how long it has rung.
func (d *dialling) ringing() time.Duration { return time.Since(d.began) - d.spent }

// rest is what is left of the dial time, 0 for no limit; it is the whole of it but after a restart, a redirection, or a
// dial outside of the caller's bridge.
func (d *dialling) rest() time.Duration {
	if !d.resumed && d.pointed == nil && !d.apart || d.args.answer == 0 {
		return d.args.answer
	}
	return max(time.Second, d.args.answer-d.ringing())
}

// rings is the time for Asterisk to end the ringing.
func (d *dialling) rings() time.Duration {
	rest := d.rest()
	if rest > 0 && d.args.elsewhere { // we end it, with a cause, if we are there
		rest += elsewhereTime
	}
	return rest
}

// exact says of a time to ring that we are the ones who end it: with option c, and where it is no whole number of seconds, which
// ARI does not take (ari/ASTERISK.md, Create and dial).
func (d *dialling) exact(rest time.Duration) bool {
	return rest > 0 && (d.args.elsewhere || rest%time.Second != 0)
}

// await waits until the ringing has come to something, which Asterisk or we see to at the end of the dial time. There is a
// verdict on it, too, when nothing was heard of those who are rung in the time for that; a restart cannot tell what was heard
// before it, so it lets them ring on.
func (d *dialling) await(rung []*calls.Leg, over func() bool) error {
	if d.args.sign > 0 && !d.resumed {
		heard := func(leg *calls.Leg) bool { return leg.Heard }
		err := d.t.Until(d.args.sign, func() bool { return over() || slices.ContainsFunc(rung, heard) })
		if errors.Is(err, calls.ErrTimeout) {
			d.verdict = statusUnavailable
			return nil
		}
		if err != nil {
			return err
		}
	}
	limit := d.rest()
	exact := d.exact(limit)
	if limit > 0 && !exact {
		limit += guardTime
	}
	err := d.t.Until(limit, over)
	if exact && errors.Is(err, calls.ErrTimeout) {
		d.verdict = statusNoAnswer
		return nil
	}
	return err
}

// overdue says whether the ringing has ended for the time alone.
func (d *dialling) overdue() bool {
	return d.verdict != "" || d.args.answer > 0 && d.ringing() >= d.args.answer
}

// seconds writes a time as Asterisk reads it in TIMEOUT(absolute).
func seconds(d time.Duration) string {
	return strconv.FormatFloat(math.Ceil(d.Seconds()*1000)/1000, 'f', -1, 64)
}
