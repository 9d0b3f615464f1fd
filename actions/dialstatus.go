package actions

import (
	"slices"

	"metaflows/flows/calls"
)

// Q.850 causes that we send or tell apart (ITU-T Q.850; Asterisk's causes.h).
const (
	causeNoRoute    = 3
	causeNormal     = 16
	causeBusy       = 17
	causeNoAnswer   = 19
	causeRedirected = 23
	causeCongestion = 34
)

// The values of DIALSTATUS.
const (
	statusAnswer      = "ANSWER"
	statusBusy        = "BUSY"
	statusNoAnswer    = "NOANSWER"
	statusCancel      = "CANCEL"
	statusCongestion  = "CONGESTION"
	statusUnavailable = "CHANUNAVAIL"
	statusInvalid     = "INVALIDARGS"
)

// reasons are DIALSTATUS values in the words of events.
var reasons = map[string]string{
	statusAnswer: "answered", statusBusy: "busy", statusNoAnswer: "no_answer", statusCancel: "cancelled",
	statusCongestion: "congestion", statusUnavailable: "unavailable", statusInvalid: "invalid_args",
}

// redirected: the callee has answered 302. One that is followed does not count: who is called in its place does.
func redirected(leg *calls.Leg) bool { return leg.Forward != "" || leg.Cause == causeRedirected }

// statusOf is how a callee that was not reached ended, as Dial() counts it (app_dial.c, handle_cause).
func statusOf(leg *calls.Leg) string {
	switch {
	case redirected(leg):
		return statusNoAnswer
	case leg.Cause == causeBusy:
		return statusBusy
	case leg.Cause == causeCongestion:
		return statusCongestion
	case leg.Cause == causeNoAnswer, leg.Cause == causeNormal, leg.Cause == 0:
		return statusNoAnswer
	default:
		return statusUnavailable
	}
}

// worst is the DIALSTATUS of several callees of which none was reached: one that rang to the end decides, else busy, else
// congestion, else unavailable (app_dial.c, wait_for_answer).
func worst(statuses []string) string {
	for _, s := range []string{statusNoAnswer, statusBusy, statusCongestion} {
		if slices.Contains(statuses, s) {
			return s
		}
	}
	return statusUnavailable
}

// hangupCause is what Dial() leaves in HANGUPCAUSE when none was reached: the cause of the callee that ended last. One that
// rang until the dial time was over counts as none, and where no callee could be dialled at all there is no route to it.
// Asterisk does not tell which of the latter's technologies it does not have: for those Dial() has 66.
func hangupCause(left []*calls.Leg, overdue bool) int {
	for _, leg := range slices.Backward(left) {
		if redirected(leg) {
			return causeNoAnswer // 302 to the caller would lead nowhere
		}
		if !overdue || leg.Cause != causeNoAnswer {
			return leg.Cause
		}
	}
	if overdue {
		return 0
	}
	return causeNoRoute
}
