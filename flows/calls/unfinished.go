package calls

import (
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
// no end was. Unless it goes on by what is noted, its end is told: at once, or where a program may yet send its command
// again, by the same id, when the call ends without that.
func (cs *Registry) Lost(begun Notice) {
	cs.mu.RLock()
	c, goesOn := cs.ids[BridgePrefix+begun.Call], cs.ids[begun.Action] != nil
	cs.mu.RUnlock()
	if !goesOn && (c == nil || !c.mail.put(lostAction{begun})) {
		cs.cfg.Publisher.Publish(EndedUnseen(begun))
	}
}

// lostAction: see Registry.Lost.
type lostAction struct{ begun Notice }

func (lostAction) event() {}

// lostAction tells of an action that is lost, or keeps it for tellLost.
func (c *Call) lostAction(begun Notice) {
	run, _ := splitAction(begun.Action)
	switch {
	case !strings.Contains(run, "."+apiRun):
		c.publish(EndedUnseen(begun))
	case !c.repeated[begun.Action]:
		c.lost = append(c.lost, begun)
	}
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
	c.lost = slices.DeleteFunc(c.lost, func(n Notice) bool { return n.Action == action })
}

// tellLost tells of the actions that nobody has repeated: the call is over.
func (c *Call) tellLost() {
	for _, n := range c.lost {
		c.publish(EndedUnseen(n))
	}
	c.lost = nil
}
