package calls

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"metaflows/flows"
)

// PathAPI is the path of a node that a program has sent; its children are below that, api.children._.
const PathAPI = "api"

// apiRun begins the run of such a node in the action's id, behind the channel.
const apiRun = "api-"

// Command is a node that a program runs on a leg of a live call, as if the party of that leg had pressed a code for it: the
// leg is the presser, and its own account, user, device and context hold. An outsider's leg may run what is nobody's to
// guard (Module.Owned), whatever the node says, since there is no owner whose context would hold.
type Command struct {
	// ID is [A-Za-z0-9_-]{1,32} and names the command: the same one on the same channel is the same action, also when a
	// restart has come between.
	ID string
	// Account is who asks, as the caller has made sure of. The leg must be of that account, or an outsider's on a call
	// with it. Where all its own legs have left a call that it records, it may be anybody's: the command then may only end
	// what the account has begun (Module.Ends).
	Account string
	// User is who of the account asks, "" for its administrator: the leg must be his, or an outsider's on a call that he is on.
	User    string
	Call    string // that the leg must be on; "" for any
	Channel string // of the leg
	Node    *flows.Node
	Attach  bool // nothing is run: what has begun by this ID is reported, else ErrNoLeg
	// Repeatable: it may be sent again by this ID, so that a restart must know that it was begun. The next State of the leg
	// says so, which a module writes before it acts where it has something to lose.
	Repeatable bool
	// Waits: how it ends is wanted too, not only that it has begun.
	Waits bool
}

// Report is what becomes of a command. There is one when its first action has begun (Module.Run has accepted its input), and
// one when the flow is over; where nothing has begun, the second alone.
type Report struct {
	Call   string
	Action string // id of the first action
	Over   bool
	// Outcome is how the flow ended. It counts when Over, without Err.
	Outcome Outcome
	// Err: nothing was done, ErrNoLeg, ErrOtherCommand or ErrBegunBefore; or nobody knows yet how it ends, ErrDetached.
	Err error
}

// Outcome is how a flow ended: the last node that ran.
type Outcome struct {
	Action   string // id of its run
	Path     string
	Module   string
	Result   string // continue, stop, branch, failed
	Branch   string // the key, of result branch
	Reason   string // of result failed, the published word
	Message  string // and what people may read
	Duration time.Duration
}

// Why a command is refused.
var (
	// ErrNoLeg: the call has no such leg, or not for that account.
	ErrNoLeg = errors.New("no such leg")
	// ErrOtherCommand: there was a command of the same id on the same channel, with another node.
	ErrOtherCommand = errors.New("the id was used for another command")
	// ErrBegunBefore: the command was begun by a process before this one, and nothing of it is under way: its events say
	// how it has ended, if it has.
	ErrBegunBefore = errors.New("begun before a restart")
)

// Execute hands a command to the call that has its channel, and says whether there is one in this process. It does not
// block. told is called with the reports on the call's goroutine, twice at most; it must not block.
func (cs *Registry) Execute(cmd Command, told func(Report)) bool {
	cs.mu.RLock()
	c := cs.ids[cmd.Channel]
	cs.mu.RUnlock()
	return c != nil && (cmd.Call == "" || cmd.Call == c.ID) && c.mail.put(execute{cmd, told})
}

// execute: somebody has sent a command.
type execute struct {
	cmd  Command
	told func(Report)
}

func (execute) event() {}

// knownCommand is a command as its call remembers it, for who asks for the same again.
type knownCommand struct {
	account string
	channel string
	node    []byte  // nil after a restart
	past    LegView // what is shown of the leg when it has left: another channel may be in its place then
	report  Report
	begun   bool
	told    []func(Report)
}

// commandLimit is how many commands a call remembers, and half of it how many may be under way on it.
const commandLimit = 64

// toldLimit is how many wait for how a command ends. Who sends it again and again mostly does not wait for the oldest any more.
const toldLimit = 64

// hear adds one who has asked for the same command again while it is under way.
func (e *knownCommand) hear(told func(Report), waits bool) {
	if e.begun {
		told(e.report)
		if !waits {
			return
		}
	}
	e.told = append(e.told[max(0, len(e.told)+1-toldLimit):], told)
}

func (e *knownCommand) tell(r Report) {
	e.report = r
	for _, told := range e.told {
		told(r)
	}
	if r.Over {
		e.told = nil
	}
}

// begin reports the first action.
func (e *knownCommand) begin() {
	if e == nil || e.begun || e.report.Over {
		return
	}
	e.begun = true
	e.tell(e.report)
}

// execute begins what a command asks for, unless it has before.
func (c *Call) execute(ev execute) {
	cmd := ev.cmd
	refuse := func(err error) { ev.told(Report{Call: c.ID, Over: true, Err: err}) }
	run := cmd.Channel + "." + apiRun + cmd.ID
	if e := c.commands[run]; e != nil && e.account == cmd.Account {
		switch {
		case e.node != nil && !bytes.Equal(e.node, cmd.Node.Raw):
			refuse(ErrOtherCommand)
		case e.report.Over:
			ev.told(e.report)
		default:
			e.hear(ev.told, cmd.Waits)
		}
		return
	}
	leg := c.leg(cmd.Channel)
	if cmd.Attach || leg == nil || leg.Ending || c.over != nil || !c.concerns(leg, cmd.Account, cmd.User) && !c.leftRunning(cmd) {
		refuse(ErrNoLeg)
		return
	}
	if cmd.Repeatable && leg.begunBefore(cmd.ID) {
		ev.told(Report{Call: c.ID, Action: run + ".0", Over: true, Err: ErrBegunBefore})
		return
	}
	if c.pending() >= commandLimit/2 {
		ev.told(Report{Call: c.ID, Action: run + ".0", Over: true, Outcome: Outcome{
			Action: run + ".0", Path: PathAPI, Module: cmd.Node.Module, Result: "failed", Reason: "too_many",
			Message: fmt.Sprintf("%d commands are under way on this call", commandLimit/2),
		}})
		return
	}
	f := &Flow{Owner: leg, Presser: leg, Path: PathAPI, node: cmd.Node, run: run, account: cmd.Account}
	e := c.remember(f, leg, cmd.Channel)
	e.node, e.told = cmd.Node.Raw, []func(Report){ev.told}
	if cmd.Repeatable {
		leg.noteCommand(cmd.ID)
	}
	c.begin(f, (*Task).runFlow)
}

// commandsName is the note of the commands that were begun on a leg, and commandsKept how many of them it has.
const (
	commandsName = "api"
	commandsKept = 4
)

func (l *Leg) begun() (ids []string) {
	l.Note(commandsName, &ids)
	return ids
}

// begunBefore says whether a command was begun on the leg by this process or the one before.
func (l *Leg) begunBefore(id string) bool { return slices.Contains(l.begun(), id) }

func (l *Leg) noteCommand(id string) {
	ids := append(l.begun(), id)
	l.SetNote(commandsName, ids[max(0, len(ids)-commandsKept):])
}

// concerns says whether an account, or a user of it, may do something to a leg: the own one, or an outsider's on a call with
// it. A call that has gone over to other accounts' legs is theirs.
func (c *Call) concerns(leg *Leg, account, user string) bool {
	own := func(l *Leg) bool { return l.Owner.Account == account && (user == "" || l.Owner.User == user) }
	switch {
	case account == "":
		return false
	case !leg.Outsider():
		return own(leg)
	case slices.ContainsFunc(c.Legs, own):
		return true
	}
	taken := slices.ContainsFunc(c.Legs, func(l *Leg) bool { return !l.Outsider() })
	return user == "" && !taken && slices.Contains(c.Accounts(), account)
}

// leftRunning says of a command that it ends what lasts of its account, as a recording, which has no leg on the call any more.
func (c *Call) leftRunning(cmd Command) bool {
	return cmd.Account != "" && cmd.User == "" && !c.Attended(cmd.Account) && c.calls.cfg.Modules.ends(cmd.Node) &&
		slices.ContainsFunc(c.Kept(cmd.Node.Module), func(k *Kept) bool { return k.Account == cmd.Account })
}

// remember makes the known command of a flow.
func (c *Call) remember(f *Flow, leg *Leg, channel string) *knownCommand {
	e := &knownCommand{account: f.account, channel: channel, past: leg.view(), report: Report{Call: c.ID, Action: f.run + ".0"}}
	e.past.Channel = channel
	f.command = e
	if c.commands == nil {
		c.commands = map[string]*knownCommand{}
	}
	for len(c.commandOrder) >= commandLimit {
		oldest := slices.IndexFunc(c.commandOrder, func(run string) bool { e := c.commands[run]; return e == nil || e.report.Over })
		if oldest < 0 {
			break
		}
		delete(c.commands, c.commandOrder[oldest])
		c.commandOrder = slices.Delete(c.commandOrder, oldest, oldest+1)
	}
	c.commands[f.run] = e
	c.commandOrder = append(c.commandOrder, f.run)
	return e
}

// pending is how many commands are under way.
func (c *Call) pending() (n int) {
	for _, e := range c.commands {
		if !e.report.Over {
			n++
		}
	}
	return n
}

// recall remembers again, after a restart, the command that a flow was begun with. One that comes a second time is then the
// same action still.
func (c *Call) recall(f *Flow) {
	channel, id, ok := strings.Cut(f.run, "."+apiRun)
	if !ok || id == "" || f.Path != PathAPI && f.Path != "" && !strings.HasPrefix(f.Path, PathAPI+".") {
		return
	}
	if f.account = f.Owner.Owner.Account; f.account == "" {
		return
	}
	c.Register(channel) // which may be gone
	c.remember(f, f.Presser, channel).begun = true
}

// begin lets a task run a flow; body runs its nodes.
func (c *Call) begin(f *Flow, body func(*Task) error) *Task {
	f.since, f.channel = c.clock.now(), f.Presser.ID
	if whose := f.Owner.Owner; f.account == "" || f.account == whose.Account {
		f.whose, f.context = whose, f.Owner.Context
	}
	c.flows = append(c.flows, f)
	return c.spawn("flow "+f.Path, f.Presser, f, func(t *Task) (err error) {
		defer func() { c.ended(f, cmp.Or(t.ending, err)) }()
		return body(t)
	})
}

// ended takes a flow that is over from the call, and reports what came of it. why is the ending of its task, or what that
// has returned.
func (c *Call) ended(f *Flow, why error) {
	c.flows = slices.DeleteFunc(c.flows, func(other *Flow) bool { return other == f })
	e := f.command
	if e == nil || e.report.Over {
		return
	}
	r := Report{Call: c.ID, Action: e.report.Action, Over: true, Outcome: f.outcome}
	switch {
	case errors.Is(why, ErrDetached):
		r.Err = ErrDetached
	case r.Outcome.Result == "":
		r.Outcome = Outcome{Action: e.report.Action, Path: PathAPI, Result: "failed", Reason: Reason(ErrCallEnded), Message: ErrCallEnded.Error()}
		if f.node != nil {
			r.Outcome.Module = f.node.Module
		}
	}
	r.Outcome.Duration = c.clock.now().Sub(f.since)
	e.tell(r)
}
