package actions

import (
	"slices"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// enterWait is how long a channel that we made may take to enter the application; it takes about a millisecond.
const enterWait = 5 * time.Second

// orphanHandler hangs up the channel in METAFLOWS_PARTNER, or the one in its argument, when its own channel ends: it acts
// also when the application does not (asterisk-conf ships it).
const orphanHandler = "metaflows-orphan,s,1"

// The functions that put a hangup handler onto a channel and take the last one off.
const (
	pushHandler = "CHANNEL(hangup_handler_push)"
	popHandler  = "CHANNEL(hangup_handler_pop)"
)

// handDown is calls.VarDialled as whoever dials has it: the channel that is dialled inherits it.
const handDown = "_" + calls.VarDialled

// dialling is one Stasis(metaflows,dial,...) on its way.
type dialling struct {
	*Set
	t                 *calls.Task
	call              *calls.Call
	caller            *calls.Leg // nil on a call that was taken up after its caller had gone
	words             []string   // as the dialplan has them
	args              dialArgs
	refused           error             // what parseDial says of them
	own               map[string]string // the caller's values that are put back
	began, answeredAt time.Time
	wasUp             bool          // the caller was answered before it came
	untold            bool          // the caller's channel was not told of an answer: the guard of the dialling stands
	pushed            int           // hangup handlers of ours on the caller's channel
	made              bool          // several callees: all that can be dialled have a channel, and are dialled from here on
	resumed           bool          // a process before this one began it
	takenAway         bool          // a leg of it was found elsewhere in the dialplan
	verdict           string        // how the ringing has ended where the time for it was over
	running           *predialNote  // option B has begun
	ran               bool          // and has ended
	spent             time.Duration // on options b and B
	tried             bool          // a channel for a single callee was asked for
	apart             bool          // a single callee was dialled outside of the caller's bridge
	ahead
	forwards
}

// dial rings the callees, bridges the one that answers first, and stays until the call is over.
func (d *dialling) dial() error {
	if over, err := d.begin(); over {
		return err
	}
	return d.conclude(d.ring())
}

// understand reads the dialplan's arguments.
func (d *dialling) understand(words []string) {
	d.words = words
	d.args, d.refused = parseDial(words)
}

// begin does what comes before the callees ring; the call may be over by that.
func (d *dialling) begin() (over bool, err error) {
	if d.refused != nil {
		return true, d.refuse(d.refused)
	}
	d.warn()
	if refused, err := d.refusePredial(); refused {
		return true, err
	}
	if !d.args.direct() { // else it is prepared when the callee's channel is there
		err := d.prepare(true)
		if err == nil {
			err = d.runCallerPredial()
		}
		if err != nil {
			return true, d.abandon(err)
		}
	}
	d.t.First(d.started) // when the first callee is there: who that is decides where the story is told, and as what
	return false, nil
}

// ring rings the callees and returns the one that has answered, or how the dialling has failed.
func (d *dialling) ring() (*calls.Leg, string, error) {
	if d.args.single() {
		return d.ringOne()
	}
	return d.ringAll()
}

// conclude goes on with what the ringing has come to.
func (d *dialling) conclude(callee *calls.Leg, status string, err error) error {
	if err != nil {
		return d.abandon(err)
	}
	if callee == nil {
		return d.giveBack(status)
	}
	if err := d.answered(callee); err != nil {
		return d.abandon(err)
	}
	return d.talk()
}

// talk stays until the call is over.
func (d *dialling) talk() error {
	return d.t.Rest(d.call.Over, func(*calls.Task) error { return d.hangUp(time.Now()) })
}

// prepare makes the caller's channel safe to leave alone, or to leave ringing.
func (d *dialling) prepare(rings bool) error {
	vars := d.safe(rings)
	d.pushed++
	err := d.tell(vars)
	if err != nil {
		d.pushed--
	}
	return err
}

// safe is what prepare sets.
func (d *dialling) safe(rings bool) map[string]string {
	vars := map[string]string{
		calls.VarCall: d.call.ID, calls.VarRole: calls.RoleCaller, pushHandler: orphanHandler,
	}
	if !rings {
		return vars
	}
	if d.own[earlierCall] != "" {
		for _, name := range ofEarlierCall {
			vars[name] = ""
		}
	}
	d.untold = true
	vars["DIALSTATUS"] = statusCancel
	for _, group := range callGroups {
		if d.own[group] != "" { // else a pickup takes the caller instead of the ringing phone (ari/ASTERISK.md, Create and dial)
			vars[group] = ""
		}
	}
	if d.args.answer > 0 {
		vars["TIMEOUT(absolute)"] = d.guard(d.untilDialled())
	}
	return vars
}

// callGroups are in which groups a channel can be picked up.
var callGroups = []string{"CHANNEL(callgroup)", "CHANNEL(namedcallgroup)"}

// ofEarlierCall are the variables that an earlier call of the same channel may have left.
var ofEarlierCall = []string{"DIALEDPEERNAME", "DIALEDTIME", "ANSWEREDTIME", "METAFLOWS_ANSWERED", "METAFLOWS_HANGUPCAUSE"}

// earlierCall is not empty where one of them is there.
var earlierCall = "EVAL(${" + strings.Join(ofEarlierCall, "}${") + "})"

// restore is what puts the caller's own values back.
func (d *dialling) restore() map[string]string {
	vars := map[string]string{}
	for _, group := range callGroups {
		if d.own[group] != "" {
			vars[group] = d.own[group]
		}
	}
	if d.args.answer > 0 {
		vars["TIMEOUT(absolute)"] = "0"
		if left := d.ownLeft(); left > 0 {
			vars["TIMEOUT(absolute)"] = seconds(left)
		}
	}
	return vars
}

// callee makes the channel of a dialstring and waits until it is in the application. A nil leg without an error says that
// it cannot be dialled.
func (d *dialling) callee(target string) (*calls.Leg, error) {
	if slices.Contains(d.sent, target) {
		d.call.Log.Info("a callee that has redirected is not dialled again", "dialstring", target)
		return nil, nil
	}
	leg, err := d.calleeLeg(target)
	if err != nil {
		if ending := d.t.Ending(); ending != nil {
			return nil, ending
		}
		d.call.Log.Info("a callee cannot be dialled", "dialstring", target, "error", err)
		return nil, nil
	}
	d.started()
	return leg, nil
}

// started tells every account on the call, once, that there is one.
func (d *dialling) started() {
	d.t.First(nil)
	d.t.PublishAll("call.started", func(n *calls.Notice) { n.Time, n.Warnings = d.began, d.args.warnings })
}

// warn says once a day for each extension what of its options has no effect; the event says it for every call.
func (d *dialling) warn() {
	extension := d.caller.Channel.Extension + "@" + d.caller.Channel.Context
	if len(d.args.warnings) > 0 && d.warned.first(extension) {
		d.call.Log.Warn("options of the dialplan's Stasis() are not as Dial()'s", "extension", extension, "warnings", strings.Join(d.args.warnings, "; "))
	}
}

// awaitCause waits for the cause of a leg that has left: Asterisk tells it right after.
func (d *dialling) awaitCause(leg *calls.Leg) {
	_ = d.t.Until(time.Second, func() bool { return leg.Cause != 0 })
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}
