package actions

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// Options b and B run a subroutine of the dialplan on the callee's and on the caller's channel, before the dial. ARI has no
// request for that. Asterisk runs one where a channel in a bridge is told with whom it is connected: a callee that is dialled
// in the caller's bridge, and is shown the caller, is told so there, any other channel in a bridge with one that is there for
// nothing else (ari/ASTERISK.md, Subroutines).

const (
	predialContext = "metaflows-predial"       // asterisk-conf ships it
	predialRoutine = "METAFLOWS_PREDIAL"       // the variable with what it runs
	sendSub        = "CONNECTED_LINE_SEND_SUB" // the variable with what Asterisk runs
	roleExtra      = "extra"                   // of a channel that takes no part in the call
	predialStarts  = predialContext + ",s,1"   // the value of sendSub, until the context empties it
	predialThere   = "DIALPLAN_EXISTS(" + predialStarts + ")"
	standing       = "EVAL(${" + sendSub + "}|${CONTEXT},${EXTEN},${PRIORITY})" // where a channel's dialplan stands
)

// longestPredial is how long a subroutine may take on a call that has a limit.
const longestPredial = 5 * time.Minute

// errNoPredial: the dialplan is older than options b and B.
var errNoPredial = errors.New("options b and B need the context " + predialContext + ", which the dialplan does not have: put the extensions.conf of this version there (asterisk-conf/site)")

// predialNote is what a restart must know of a subroutine that runs on the caller's channel.
type predialNote struct {
	Args     []string `json:"a"` // of Stasis(): Asterisk does not tell them meanwhile
	Standing string   `json:"s"` // before it began
}

// parsePredial reads b and B: [[context^]exten^]priority[(argument^...)].
func parsePredial(value string) string { return strings.ReplaceAll(value, "^", ",") }

// predials says that there is something to run.
func (o *dialOptions) predials() bool { return o.calleePredial+o.callerPredial != "" }

// refusePredial ends a call whose subroutines cannot be run.
func (d *dialling) refusePredial() (refused bool, err error) {
	if !d.args.predials() {
		return false, nil
	}
	there, err := d.variables(d.t, d.caller, predialThere)
	if err != nil {
		return true, d.abandon(err)
	}
	if there[predialThere] != "1" {
		return true, d.refuse(errNoPredial)
	}
	return false, nil
}

// runCallerPredial is option B. After a restart it goes on with what was begun.
func (d *dialling) runCallerPredial() error {
	if d.args.callerPredial == "" || d.ran {
		return nil
	}
	if err := d.predial(d.caller, d.args.callerPredial, d.connectAside); err != nil {
		return err
	}
	now, err := d.variables(d.t, d.caller, callerNumber, callerName)
	if err != nil {
		return err
	}
	d.caller.CallerNum, d.caller.CallerNam = now[callerNumber], now[callerName] // it may have set them, and answered
	vars := d.unsetPredial()
	d.running, d.ran, d.wasUp = nil, true, d.caller.Up()
	return d.tell(vars)
}

// unsetPredial gives the caller's channel back its own of what option B has set there.
func (d *dialling) unsetPredial() map[string]string {
	if d.running == nil {
		return nil
	}
	own, _, _ := strings.Cut(d.running.Standing, "|")
	return map[string]string{predialRoutine: "", sendSub: own}
}

// runCalleePredials is option b. The result are those of the callees that can be dialled after it.
func (d *dialling) runCalleePredials(connect connecting, callees ...*calls.Leg) (ready []*calls.Leg, err error) {
	if d.args.calleePredial == "" {
		return callees, nil
	}
	for _, callee := range callees {
		if err := d.predial(callee, d.args.calleePredial, connect); err != nil && (!gone(err) || d.caller.Gone) {
			return nil, err
		}
		if callee.Gone {
			d.awaitCause(callee)
		} else {
			ready = append(ready, callee)
		}
	}
	return ready, nil
}

// predial runs a subroutine on a leg's channel and waits for its end, or the leg's.
func (d *dialling) predial(leg *calls.Leg, routine string, connect connecting) error {
	began := time.Now()
	defer func() { d.spent += time.Since(began) }()
	now, err := d.variables(d.t, leg, standing)
	if err != nil {
		return err
	}
	before := now[standing]
	vars := map[string]string{sendSub: predialStarts, predialRoutine: d.routine(routine)}
	switch {
	case leg != d.caller:
		err = d.set(d.t, leg, vars)
	case d.running == nil:
		d.running = &predialNote{Args: d.words, Standing: before}
		err = d.tell(vars)
	default: // a process before this one has said so, and Asterisk has begun or not
		begun := !strings.HasPrefix(before, predialStarts)
		if before = d.running.Standing; begun {
			return d.awaitPredial(leg, before)
		}
	}
	if err != nil {
		return err
	}
	return connect(leg, func() error { return d.awaitPredial(leg, before) })
}

// connecting lets a leg be told that it is connected to the caller, and returns what wait does.
type connecting func(leg *calls.Leg, wait func() error) error

// connectCaller puts a callee that is dialled in the caller's bridge there.
func (d *dialling) connectCaller(callee *calls.Leg, wait func() error) error {
	if err := d.bridge(d.caller, callee); err != nil {
		return err
	}
	return wait()
}

// connectAside uses a bridge of its own, and in the caller's place a channel that is ended when wait has returned.
func (d *dialling) connectAside(leg *calls.Leg, wait func() error) error {
	spec, err := d.extra()
	if err != nil {
		return err
	}
	if shown := d.shown(); leg != d.caller {
		spec.Variables[callerNumber], spec.Variables[callerName] = shown.number, shown.name
	}
	_, err = d.borrow(d.t, spec, func(other *calls.Channel) error {
		return d.aside("removing the bridge of a subroutine", func(bridge string) error {
			if err := d.addToBridge(d.t, bridge, other.ID); err != nil {
				return err
			}
			if err := ask(d.t, leg, func(channel string) error { return d.pbx.AddToBridge(bridge, channel, false) }); err != nil {
				return err
			}
			return wait()
		})
	})
	return err
}

// awaitPredial waits until a subroutine that Asterisk was told of has come back to where the channel stood before, in
// whatever way, or the channel has gone. Where the caller has, a callee whose subroutine runs ends: it can be put nowhere.
func (d *dialling) awaitPredial(leg *calls.Leg, before string) error {
	_, before, _ = strings.Cut(before, "|")
	over := func() bool { return leg.Gone || d.caller.Gone }
	began := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		now, err := d.variables(d.t, leg, standing)
		switch {
		case gone(err):
			return d.t.Until(time.Second, over)
		case err == nil && now[standing] == "|"+before:
			return nil
		case err != nil && !errors.Is(err, calls.ErrUnavailable):
			return err
		case err == nil && strings.HasPrefix(now[standing], predialStarts) && time.Since(began) > enterWait:
			return fmt.Errorf("subroutine on %s: Asterisk has not begun it", leg.Name)
		}
		if err := d.t.Until(pause, over); !errors.Is(err, calls.ErrTimeout) {
			if err == nil && !leg.Gone {
				d.Set.hangUp(d.t, leg, "ending a callee whose caller has gone")
			}
			return err
		}
	}
}

// routine completes a subroutine's place by the caller's (main/app_stack.c, expand_gosub_args).
func (d *dialling) routine(text string) string {
	place, arguments, has := strings.Cut(text, "(")
	from := d.caller.Channel
	switch strings.Count(place, ",") {
	case 0:
		place = from.Context + "," + from.Extension + "," + place
	case 1:
		place = from.Context + "," + place
	}
	if has {
		place += "(" + arguments
	}
	return place
}

// shown is whom a callee is shown as the caller.
func (d *dialling) shown() callerID {
	if d.args.callerID != nil {
		return *d.args.callerID
	}
	return callerID{d.caller.CallerNam, d.caller.CallerNum}
}
