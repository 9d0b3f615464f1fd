package actions

import "time"

// elsewhereTime is what Asterisk lets a callee ring longer with option c, so that we are the ones who end it.
const elsewhereTime = 2 * time.Second

// calleeVars are set on a callee's channel when it is made. With option c its ringing is ended by us alone, as answered
// elsewhere: the handler on the caller's channel knows no cause, so there is none while it rings. Instead the callee has a
// limit of its own, up to its answer: else it would stay behind alone where it answers a caller who has gone while the
// application was away.
func (d *dialling) calleeVars() map[string]string {
	if !d.args.elsewhere || d.args.answer == 0 {
		return nil
	}
	return map[string]string{"TIMEOUT(absolute)": seconds(d.args.answer + elsewhereTime + guardTime)}
}
