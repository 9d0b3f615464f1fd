package calls

import (
	"slices"
	"strings"
)

// introduce says in a notice whose its legs are, as far as its account may know: another account's people are not its
// business, nor is the extension that they have called, which is the name of a Local leg.
func (c *Call) introduce(n *Notice) {
	for _, leg := range c.all {
		switch {
		case leg.ID == n.Channel && leg.Owner.Account == n.Account:
			n.User, n.Device = leg.Owner.User, leg.Owner.Device
		case leg.ID == n.OtherChannel && leg.Phone() && (leg.Outsider() || leg.Owner.Account == n.Account):
			n.OtherEndpoint, n.OtherUser, n.OtherDevice = leg.Endpoint(), leg.Owner.User, leg.Owner.Device
		}
	}
	if n.Type == "call.started" || n.Type == "call.answered" {
		c.TellCaller(n)
	}
	if n.Delivery != nil {
		about := Notice{Account: n.Account, Channel: n.Channel, OtherChannel: n.OtherChannel}
		c.TellCaller(&about)
		n.Delivery.CallerName, n.Delivery.CallerNumber, n.Delivery.Dialled = about.CallerName, about.CallerNumber, about.Dialled
	}
}

// TellCaller says in a notice who called, as its account may know it: as whom the caller wants to be known, which is what
// the phone that it calls shows; and what it has dialled, unless that is another account's, or a Local channel's, where
// somebody may have pressed it.
func (c *Call) TellCaller(n *Notice) {
	caller := c.caller()
	if caller == nil {
		return
	}
	n.CallerChannel = caller.ID
	own := caller.Owner.Account == n.Account
	if own || !caller.Withheld {
		n.CallerName, n.CallerNumber = caller.CallerNam, caller.CallerNum
	}
	if caller.Phone() && (own || caller.Outsider()) && caller.Extension != noExtension {
		n.Dialled = caller.Extension
	}
	n.Direction = c.direction(n, caller)
}

// noExtension is where a channel runs that nobody has dialled an extension for: it was originated, or is in a Gosub.
const noExtension = "s"

// direction is in, out or internal, by whether the leg that the account's talks to has an account; "" where there is none,
// or nobody has an account.
func (c *Call) direction(n *Notice, caller *Leg) string {
	leg := c.known(n.Channel)
	if leg == nil || n.Account == "" || leg.Owner.Account != n.Account {
		return ""
	}
	other, way := caller, "in"
	if leg == caller {
		other, way = c.known(n.OtherChannel), "out"
	}
	switch {
	case other == nil:
		return ""
	case !other.Outsider():
		return "internal"
	}
	return way
}

// known is the leg of a channel that is or was on the call.
func (c *Call) known(channel string) *Leg {
	if i := slices.IndexFunc(c.all, func(l *Leg) bool { return l.ID == channel }); i >= 0 {
		return c.all[i]
	}
	return nil
}

// caller is the leg with which the call began; nil where it had gone before this process came. One that is rung back was
// dialled.
func (c *Call) caller() *Leg {
	if i := slices.IndexFunc(c.all, func(l *Leg) bool { return l.Role == RoleCaller && l.Dialled == "" }); i >= 0 {
		return c.all[i]
	}
	return nil
}

// farHalf ends the id of a Local channel's half that the dialplan has, where the other half is ours and was named by us
// (ari/ASTERISK.md, Local channels).
const farHalf = ";2"

// Beyond says of a Local channel that its far half is a leg of a call of this process.
func (c *Call) Beyond(leg *Leg) bool { return c.calls.Has(leg.ID + farHalf) }

// Announce tells the call that has the near half of the caller's Local channel, if there is one in this process, who has
// answered here: callee, or whoever has answered beyond that, where it is a Local channel itself; nil for nobody who has a
// name.
func (t *Task) Announce(caller, callee *Leg) {
	near, far := strings.CutSuffix(caller.ID, farHalf)
	if !far || !t.Call.calls.Has(near) {
		return
	}
	who := Reached{Channel: near, Call: t.Call.ID}
	switch {
	case callee == nil:
	case callee.Reached != nil:
		who.By, who.Endpoint, who.Account = callee.Reached.By, callee.Reached.Endpoint, callee.Reached.Account
	case callee.Phone():
		who.By, who.Endpoint, who.Account = callee.ID, callee.Endpoint(), callee.Owner.Account
	}
	t.Call.calls.Deliver(near, who)
}

// TellReached says in a notice who has answered for a leg, as the notice's account may know it.
func (l *Leg) TellReached(n *Notice) {
	r := l.Reached
	if r == nil {
		return
	}
	n.TargetCall, n.TargetChannel = r.Call, r.By
	if r.Account == "" || r.Account == n.Account {
		n.TargetEndpoint = r.Endpoint
	}
}
