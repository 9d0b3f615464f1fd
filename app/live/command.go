package live

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// MaxWait is the longest that a command is waited for.
const MaxWait = 120 * time.Second

// answerTime is how long a call may take to begin a command: it can be in a request to Asterisk.
const answerTime = 5 * time.Second

// Command is a node to be run on a channel.
type Command struct {
	Account string // who asks
	User    string // who of it, if he may act only on what is his; "" for all of it
	Channel string
	Node    *flows.Node
	Key     string        // Idempotency-Key: the same one on the same channel is the same action; "" for none
	Wait    time.Duration // for the outcome, MaxWait at most; 0: the answer comes as soon as the action has begun

	keyless bool // the key is an instance's own, for its two requests: who asks cannot send the command again
	attach  bool // only what has begun with this key is waited for
}

// id names the command.
func (c Command) id() string {
	if c.Key == "" {
		return strings.ToLower(rand.Text()[:16])
	}
	sum := sha256.Sum256([]byte(c.Account + "\x00" + c.Channel + "\x00" + c.Key))
	return hex.EncodeToString(sum[:8])
}

// Status is what an answer says of a command.
type Status string

// The statuses.
const (
	Started  Status = "started"  // it runs
	Finished Status = "finished" // it is over, see Outcome
	Failed   Status = "failed"   // likewise, and has failed
	Refused  Status = "refused"  // see Error
)

// Reply is the answer to a command, as NATS clients get it too (schema command_reply).
type Reply struct {
	Status  Status   `json:"status"`
	Call    string   `json:"call,omitempty"`
	Node    string   `json:"node,omitempty"`
	Action  string   `json:"action_id,omitempty"`
	Outcome *Outcome `json:"outcome,omitempty"`
	Error   *Refusal `json:"error,omitempty"`
}

// Outcome is how the last node that ran has ended.
type Outcome struct {
	Action   string `json:"action_id,omitempty"`
	Module   string `json:"module,omitempty"`
	Path     string `json:"path,omitempty"`
	Result   string `json:"result"`
	Branch   string `json:"branch,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Message  string `json:"message,omitempty"`
	Duration int64  `json:"duration_ms"`
}

// Refusal is why a command was not begun, or nobody knows how it ends.
type Refusal struct {
	Code     Code   `json:"code"`
	Message  string `json:"message"`
	Problems any    `json:"problems,omitempty"`
}

// Code is a word for programs.
type Code string

// The codes.
const (
	Invalid      Code = "invalid"       // the request is not understood
	NotFound     Code = "not_found"     // no such channel, or not for that account
	Forbidden    Code = "forbidden"     // it is not the user's
	OtherCommand Code = "other_command" // the idempotency key was used for another one
	BegunBefore  Code = "begun_before"  // it was begun before a restart, and is not under way any more
	Unavailable  Code = "unavailable"   // nobody answers; it may be tried again, with the same key
)

func refuse(code Code, message string) Reply {
	return Reply{Status: Refused, Error: &Refusal{Code: code, Message: message}}
}

// Do runs a command, here or at the instance that holds the call, and blocks until that has answered, or ctx ends; what was
// begun goes on then.
func (l *Live) Do(ctx context.Context, cmd Command) Reply {
	e, leg, there := l.index.find(cmd.Account, cmd.Channel, time.Now())
	switch {
	case e == nil && !l.knows():
		return refuse(Unavailable, "it is not known yet which calls there are")
	case e == nil || !there && cmd.Key == "":
		return refuse(NotFound, "there is no such channel")
	case cmd.User != "" && !his(leg, e.Legs, cmd.User):
		return refuse(Forbidden, "the channel is another user's")
	case e.Instance == l.instance:
		return l.execute(ctx, e.Call, cmd)
	}
	return l.request(ctx, e, cmd)
}

// knows says whether a channel that is not in the index is none: this process's calls are known, and were the others' once.
func (l *Live) knows() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settled && l.loaded
}

// execute runs a command on a call of this process.
func (l *Live) execute(ctx context.Context, call string, cmd Command) Reply {
	reports := make(chan calls.Report, 2) // there are no more, so that the call never waits
	order := calls.Command{
		ID: cmd.id(), Account: cmd.Account, User: cmd.User, Call: call, Channel: cmd.Channel, Node: cmd.Node,
		Attach: cmd.attach, Repeatable: cmd.Key != "" && !cmd.keyless, Waits: cmd.Wait > 0,
	}
	if !l.cfg.Execute(order, func(r calls.Report) { reports <- r }) {
		if l.has(call, cmd.Channel) {
			return refuse(Unavailable, "the call is being left to Asterisk, or to another process, or ends")
		}
		return refuse(NotFound, "there is no such channel")
	}
	patience := time.NewTimer(answerTime)
	defer patience.Stop()
	reply := refuse(Unavailable, "the call does not answer")
	for {
		select {
		case r := <-reports:
			reply = l.reply(r)
			if r.Over || cmd.Wait <= 0 {
				return reply
			}
			patience.Reset(min(cmd.Wait, MaxWait))
		case <-patience.C:
			return reply
		case <-ctx.Done():
			return reply
		}
	}
}

// has says whether a call of this process has a channel, as it was told last, or may have it: as long as another process has
// the calls.
func (l *Live) has(call, channel string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[call]
	if h == nil {
		return l.away
	}
	for _, leg := range h.view.Legs {
		if leg.Channel == channel {
			return true
		}
	}
	return false
}

// reply is the answer that a report makes.
func (l *Live) reply(r calls.Report) Reply {
	answer := Reply{Status: Started, Call: r.Call, Node: l.cfg.Node, Action: r.Action}
	switch {
	case errors.Is(r.Err, calls.ErrNoLeg):
		return refuse(NotFound, "there is no such channel")
	case errors.Is(r.Err, calls.ErrOtherCommand):
		return refuse(OtherCommand, "the idempotency key was used on this channel for another command")
	case errors.Is(r.Err, calls.ErrBegunBefore):
		answer.Status = Refused
		answer.Error = &Refusal{Code: BegunBefore, Message: "it was begun before metaflows was restarted; events of the action say how it has ended"}
		return answer
	case r.Err != nil:
		answer.Status = Refused
		answer.Error = &Refusal{Code: Unavailable, Message: "metaflows stops; what has begun is taken up when it is back"}
		return answer
	case !r.Over:
		return answer
	}
	if answer.Status = Finished; r.Outcome.Result == "failed" {
		answer.Status = Failed
	}
	o := r.Outcome
	answer.Outcome = &Outcome{
		Action: o.Action, Module: o.Module, Path: o.Path, Result: o.Result, Branch: o.Branch, Reason: o.Reason, Message: o.Message,
		Duration: o.Duration.Milliseconds(),
	}
	return answer
}
