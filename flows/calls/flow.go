package calls

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"metaflows/flows"
)

// Flow is one run of a node and its children: a code that was pressed, or a node that the API sent.
type Flow struct {
	Owner   *Leg // whose document it is
	Presser *Leg
	Match   *flows.Match
	// Path is of the node that runs now: numbers.9, patterns.2(\d+).children._
	Path string
	// Action is the id of the run of that node; deterministic.
	Action string

	whose     flows.Owner // the owner when the flow began: another may take the owner's place (pickup, REFER), not its rights
	context   string      // where that one may dial
	channel   string      // the presser's when it became that
	run       string      // begins the ids of the flow's actions
	depth     int         // of the node that runs: its number in the flow
	account   string      // of the command that it is run by, "" for a code
	command   *knownCommand
	outcome   Outcome // of the node that has ended last
	since     time.Time
	document  flows.Scope
	digits    int
	lost      bool // the code had captures, which went with the process before this one
	forgotten bool // and so did the nodes that are to run
	node      *flows.Node
	module    string
	accepted  bool
	target    string
	began     time.Time
}

// Accept says that the action has taken its input: from here on its events may name the digits and the target. Until
// then they could be anybody's PIN. It publishes action.started.
func (t *Task) Accept(target string) {
	f := t.Flow
	if f == nil || f.accepted {
		return
	}
	f.accepted, f.target = true, target
	n := t.notice("action.started")
	t.Call.publish(n)
	t.Call.Log.Info("an action begins", action(n)...)
	f.command.begin()
}

// Continue gives the flow another presser's leg: the one that it was rung back on.
func (t *Task) Continue(leg *Leg) {
	if t.Flow.Owner == t.Flow.Presser {
		t.Flow.Owner = leg
	}
	t.Flow.Presser, t.Leg, t.Flow.channel = leg, leg, leg.ID
}

// Account is whose rights hold: the owner's as it was when the flow began, else that of the program whose command it is.
func (f *Flow) Account() string { return cmp.Or(f.whose.Account, f.account) }

// Context is the dialplan context of that owner, "" for none.
func (f *Flow) Context() string { return f.context }

// foreign says that the presser's leg is of another account than that whose rights hold, and no outsider's: a program may end
// there what its account has begun, or somebody else has taken the presser's place.
func (f *Flow) foreign() bool {
	return !f.Presser.Outsider() && f.Presser.Owner.Account != f.Account()
}

// left says that the presser is not there any more: it is gone, or somebody else has its place.
func (f *Flow) left() bool { return f.Presser.Gone || f.Presser.ID != f.channel }

// Captures are the captures of the code; nil for a number. The error is a Failure, no_captures, for a module to end with:
// there were some, and a restart has lost them (FlowNote). Without them it would do something else than was asked for.
func (f *Flow) Captures() ([]string, error) {
	switch {
	case f == nil:
		return nil, nil
	case f.lost:
		return nil, Fail("no_captures", errors.New("what was pressed is not known any more: metaflows was restarted meanwhile"))
	case f.Match == nil:
		return nil, nil
	}
	return f.Match.Captures, nil
}

// Notice makes a notice of the given type about the node that runs, without its digits. It goes under the owner's
// account; the leg is the presser's.
func (t *Task) Notice(kind string) Notice {
	f := t.Flow
	n := t.Call.NoticeAbout(f.Presser, kind)
	n.ID, n.Account = f.Action+":"+kind, f.Account()
	if f.foreign() { // whose it is is not that account's business
		n.Endpoint, n.SIPCallID = "", ""
	}
	n.Action, n.Module, n.Path = f.Action, f.module, f.Path
	n.Document, n.Digits = string(f.document), f.digits
	if f.accepted && f.Presser == f.Owner {
		n.Target = f.target
	}
	return n
}

// notice is Notice with what has been accepted.
func (t *Task) notice(kind string) Notice {
	f, n := t.Flow, t.Notice(kind)
	if f.accepted && f.Match != nil && f.Presser == f.Owner {
		n.Collected, n.Captures = f.Match.Collected, f.Match.Captures
	}
	return n
}

// run begins the ids of the actions of the code's flow.
func (m matched) run() string { return fmt.Sprintf("%s.%d", m.presser.ID, m.stamp.UnixMilli()) }

// startFlow begins what a code has found.
func (c *Call) startFlow(m matched) {
	c.calls.cfg.Meter.Decided(m.by, c.clock.now().Sub(m.pressed))
	f := &Flow{
		Owner: m.owner, Presser: m.presser, Match: m.match, node: m.match.Node,
		Path: m.match.Kind + "s." + m.match.Key, run: m.run(),
		document: m.match.Scope, digits: len(m.match.Collected),
	}
	c.begin(f, (*Task).runFlow)
}

// runFlow runs the nodes from the present one to where they end.
func (t *Task) runFlow() error {
	for f := t.Flow; f.node != nil; {
		if f.left() || t.ending != nil { // no further node runs
			return nil
		}
		f.Action = actionID(f.run, f.depth)
		if f.command != nil {
			t.Call.repeats(f.Action)
		}
		f.accepted, f.target, f.began, f.module = false, "", t.Call.clock.now(), f.node.Module
		next, err := t.runNode()
		if !t.goOn(next, err) {
			return err
		}
	}
	return nil
}

// actionID is the id of the run of a flow's node; nextAction is that of the node that runs after it.
func actionID(run string, depth int) string { return fmt.Sprintf("%s.%d", run, depth) }

func nextAction(action string) string {
	run, depth := splitAction(action)
	return actionID(run, depth+1)
}

func splitAction(action string) (run string, depth int) {
	i := strings.LastIndexByte(action, '.')
	if i <= 0 {
		return action, 0
	}
	depth, _ = strconv.Atoi(action[i+1:])
	return action[:i], depth
}

// goOn takes the flow from a node that has ended to the one that runs next, and says whether there is one.
func (t *Task) goOn(next Next, err error) bool {
	f := t.Flow
	undone := t.giveBackAll(f.Action)
	if errors.Is(errors.Join(err, undone, t.ending), ErrDetached) {
		return false // a restart takes it up; nothing has ended
	}
	key := t.conclude(next, err)
	if key == "" {
		return false
	}
	f.Path, f.node = f.Path+".children."+key, f.node.Child(key)
	f.depth++
	return true
}

// runNode runs one node if the presser may.
func (t *Task) runNode() (Next, error) {
	f := t.Flow
	modules := t.Call.calls.cfg.Modules
	ends := f.account != "" && modules.ends(f.node) // what the program's account has begun, and nothing else
	module, err := modules.permit(f.node, f.Presser.Outsider() && !ends)
	switch {
	case f.forgotten:
		return Stop, errLost
	case err != nil:
		return Stop, err
	case f.foreign() && !ends:
		return Stop, Fail("forbidden", errors.New("this is another account's party"))
	case f.account != "" && module.Owned && f.Presser.Outsider() && !ends: // allow_peer lends an owner's rights, and there is no owner
		return Stop, Fail("forbidden", errors.New("a party without an account may not do this"))
	case !t.Call.up && !module.Early:
		return Stop, Fail("not_answered", errors.New("the call is not answered yet"))
	}
	next, err := t.guarded(func() (Next, error) { return module.Run(t, f.node.Data) })
	if err == nil {
		t.Accept(f.target)
	}
	return next, err
}

// ends says of a node that it only ends what its account has begun.
func (m Modules) ends(n *flows.Node) bool {
	module := m[n.Module]
	return module.Ends != nil && module.Ends(n.Data)
}

// permit is the module that a node runs, or why that party may not run it (flows/README.md, Whose keys).
func (m Modules) permit(n *flows.Node, outsider bool) (Module, error) {
	module, known := m[n.Module]
	switch {
	case !known:
		return Module{}, Broken("unsupported", CorrectNode, fmt.Errorf("there is no module %q in this version", n.Module))
	case module.Owned && outsider && !n.AllowPeer:
		return Module{}, Fail("forbidden", errors.New("a party without an account may not do this: the node does not say allow_peer"))
	}
	return module, nil
}

// guarded runs a module. A panic is a failure of it, so that its outcome is told.
func (t *Task) guarded(run func() (Next, error)) (next Next, err error) {
	defer func() {
		if r := recover(); r != nil {
			next, err = Stop, t.panicked(r)
		}
	}()
	return run()
}

// conclude publishes how a node ended and names the child that runs next, "" for none.
func (t *Task) conclude(next Next, err error) string {
	f := t.Flow
	out := outcome{next: next}
	kind := "action.finished"
	if err != nil {
		out.reason, kind = Reason(err), "action.failed"
	}
	n := t.notice(kind)
	n.Result, n.Reason, n.Duration = out.String(), out.reason, t.Call.clock.now().Sub(f.began).Milliseconds()
	key := out.child(f.node)
	if key != "" && !f.left() && t.ending == nil { // who looks for what is unfinished knows by it that the flow goes on
		n.Next, n.NextModule = f.Path+".children."+key, f.node.Child(key).Module
	}
	t.Call.publish(n)
	f.outcome = f.concluded(out, err)
	t.Call.calls.cfg.Meter.Ended(f.module, out.kind())
	if err == nil {
		t.Call.Log.Info("an action has ended", action(n)...)
	} else {
		t.Call.logFailure(n, err)
		if key == "" && t.Call.calls.cfg.Failed != nil && t.ending == nil && f.command == nil { // a program learns it by the report
			t.Call.calls.cfg.Failed(t)
		}
	}
	return key
}

// outcome is how a node ended: as its module says, or it failed for a reason.
type outcome struct {
	next   Next
	reason string
}

// String is the published word: continue, stop, branch:<key> or failed.
func (o outcome) String() string {
	if kind := o.kind(); kind != "branch" {
		return kind
	}
	return "branch:" + o.next.branch
}

// kind is String without the key.
func (o outcome) kind() string {
	switch {
	case o.reason != "":
		return "failed"
	case o.next.stop:
		return "stop"
	case o.next.branch != "":
		return "branch"
	}
	return "continue"
}

// concluded is how the node that has run ended, for who has sent it.
func (f *Flow) concluded(out outcome, err error) Outcome {
	o := Outcome{Action: f.Action, Path: f.Path, Module: f.module, Result: out.String(), Reason: out.reason}
	if err != nil {
		o.Message = err.Error()
		if f, ok := errors.AsType[*Failure](err); ok && f.Err != nil {
			o.Message = f.Err.Error() // the reason stands beside it
		}
	} else if out.next.branch != "" {
		o.Result, o.Branch = "branch", out.next.branch
	}
	return o
}

// child is the key of the node's child that runs when the node has ended so, "" for none. A failure runs the child named by
// its reason, else "failed", never "_" (flows/README.md, Running). A node that is not known any more has no children.
func (o outcome) child(n *flows.Node) string {
	keys := [2]string{o.next.branch, "_"}
	switch {
	case o.reason != "":
		keys = [2]string{o.reason, "failed"}
	case o.next.stop:
		return ""
	}
	for _, key := range keys {
		if n != nil && key != "" && n.Child(key) != nil {
			return key
		}
	}
	return ""
}

// Reason is the published word for an error: a Failure's own, else what kind of error it is.
func Reason(err error) string {
	var f *Failure
	switch {
	case errors.As(err, &f):
		return f.Reason
	case errors.Is(err, ErrCallEnded):
		return "call_ended"
	case errors.Is(err, ErrGone):
		return "gone"
	case errors.Is(err, ErrStateTooLong):
		return "state_full"
	case errors.Is(err, ErrTimeout), errors.Is(err, ErrUnavailable):
		return "unavailable"
	default:
		return "error"
	}
}
