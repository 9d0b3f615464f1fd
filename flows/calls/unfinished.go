package calls

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Unfinished are what has begun by its events and has no end told: calls for each account, recordings, and the actions of
// flows, among them one that was to run next. Each is under a key of its own, with the event that has begun it.
type Unfinished map[string]Notice

// UnfinishedTypes are the types of the events that it is to see.
func UnfinishedTypes() []string {
	return []string{"call.started", "call.ended", "recording.started", "recording.stored", "action.started", "action.finished", "action.failed"}
}

// See takes the next event: what it begins is unfinished, what it ends is not any more.
func (u Unfinished) See(n Notice) {
	u.End(n)
	switch {
	case n.Type == "call.started", n.Type == "recording.started", n.Type == "action.started":
		u[thing(n)] = n
	case n.Next != "":
		n.Action, n.Path, n.Module = nextAction(n.Action), n.Next, n.NextModule
		u[thing(n)] = n
	}
}

// End is See of an event that begins nothing any more.
func (u Unfinished) End(n Notice) {
	switch n.Type {
	case "call.ended", "recording.stored", "action.finished", "action.failed":
		delete(u, thing(n))
	}
}

// thing is what a beginning and its end are about: a call under an account, a recording or an action.
func thing(n Notice) string {
	kind, _, _ := strings.Cut(n.Type, ".")
	switch kind {
	case "call":
		return "call:" + n.Call + ":" + n.Account
	case "recording":
		return "recording:" + n.Recording
	}
	return "action:" + n.Action
}

// EndedUnseen is what is to be told of something unfinished of which nobody has seen the end, by what has begun it: with
// what an end has, too. Of a recording the caller says the result. An action is lost: nobody knows whether it was done, or
// how much of it.
func EndedUnseen(begun Notice) Notice {
	n := Notice{
		Time: time.Now(), Reason: "ended_while_away", Account: begun.Account, Call: begun.Call, Recording: begun.Recording,
		Channel: begun.Channel, Endpoint: begun.Endpoint, User: begun.User, Device: begun.Device,
		OtherChannel: begun.OtherChannel, OtherEndpoint: begun.OtherEndpoint, OtherUser: begun.OtherUser, OtherDevice: begun.OtherDevice,
		UniqueID: begun.UniqueID, LinkedID: begun.LinkedID, SIPCallID: begun.SIPCallID,
		Action: begun.Action, Module: begun.Module, Path: begun.Path, Document: begun.Document, Digits: begun.Digits,
	}
	switch begun.Type {
	case "call.started":
		n.Type, n.ID = "call.ended", CallEventID(begun.Call, "call.ended", begun.Account)
	case "recording.started":
		n.Type, n.ID = "recording.stored", RecordingEventID(begun.Recording, "recording.stored")
	default:
		n.Type, n.ID, n.Result, n.Reason = "action.failed", begun.Action+":action.failed", "failed", ReasonLost
	}
	return n
}

// Lost is told of an action that has begun, or was to run next, by what a process before this one has published, and of which
// no end was. Unless its call goes on with it, by what is noted or since a program sends its command again by the same id, its
// end is told: as soon as that is known, at the end of the call at the latest.
func (cs *Registry) Lost(begun Notice) {
	cs.mu.RLock()
	c := cs.ids[BridgePrefix+begun.Call]
	cs.mu.RUnlock()
	if c == nil || !c.mail.put(lostAction{begun}) {
		cs.cfg.Publisher.Publish(EndedUnseen(begun))
	}
}

// lostAction: see Registry.Lost.
type lostAction struct{ begun Notice }

func (lostAction) event() {}

// lostAction tells of an action that is lost, or keeps it for tellLost where it may go on yet.
func (c *Call) lostAction(begun Notice) {
	_, noted := c.noted[begun.Action]
	switch {
	case c.continued(begun.Action):
	case noted, repeatable(begun.Action):
		c.lost = append(c.lost, begun)
	default:
		c.publish(EndedUnseen(begun))
	}
}

// continued says of an action that a process before this one has begun that it has gone on, by its note or by a program's command.
func (c *Call) continued(action string) bool { return c.noted[action] || c.repeated[action] }

// repeatable says of an action that a program may send it again.
func repeatable(action string) bool {
	run, _ := splitAction(action)
	return strings.Contains(run, "."+apiRun)
}

// goesOn notes that an action goes on that a process before this one has begun.
func (c *Call) goesOn(action string) {
	if c.noted == nil {
		c.noted = map[string]bool{}
	}
	c.noted[action] = true
	c.forgetLost(action)
}

// tellNotResumed tells of the noted actions with which nothing has gone on: their legs are none any more. Those of programs may
// be repeated yet.
func (c *Call) tellNotResumed() {
	for _, n := range slices.Clone(c.lost) {
		if !repeatable(n.Action) {
			c.forgetLost(n.Action)
			c.publish(EndedUnseen(n))
		}
	}
	maps.DeleteFunc(c.noted, func(_ string, resumed bool) bool { return !resumed })
}

func (c *Call) forgetLost(action string) {
	c.lost = slices.DeleteFunc(c.lost, func(n Notice) bool { return n.Action == action })
}

// repeats notes that an action begins which a process before this one may have begun.
func (c *Call) repeats(action string) {
	if c.epoch == "" {
		return
	}
	if c.repeated == nil {
		c.repeated = map[string]bool{}
	}
	c.repeated[action] = true
	c.forgetLost(action)
}

// tellLost tells of the actions that nobody has repeated: the call is over.
func (c *Call) tellLost() {
	for _, n := range c.lost {
		c.publish(EndedUnseen(n))
	}
	c.lost = nil
}
