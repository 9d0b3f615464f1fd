package live

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"metaflows/actions"
	"metaflows/flows/calls"
)

// Entry is a call as one account may see it: what the bucket holds.
type Entry struct {
	Account    string      `json:"account"`
	Call       string      `json:"call"`
	Node       string      `json:"node"`
	Instance   string      `json:"instance"`
	Answered   bool        `json:"answered"`
	Legs       []Leg       `json:"legs"`
	Past       []Leg       `json:"past,omitempty"` // that have left, and for which there may be commands still
	Actions    []Action    `json:"actions"`
	Recordings []Recording `json:"recordings"`
}

// Leg is a leg with the fields that Kazoo's channels have (app/rest/README.md, Channels), and what goes beyond.
type Leg struct {
	Answered        bool   `json:"answered"`
	AuthorizingID   string `json:"authorizing_id,omitempty"`   // of the device, else the user, else the account
	AuthorizingType string `json:"authorizing_type,omitempty"` // device, user, account
	Destination     string `json:"destination,omitempty"`      // what it has dialled, or was dialled with
	Direction       string `json:"direction"`                  // as Asterisk sees it: inbound or outbound
	OtherLeg        string `json:"other_leg,omitempty"`        // of a call of two
	OwnerID         string `json:"owner_id,omitempty"`         // the user
	PresenceID      string `json:"presence_id,omitempty"`
	Timestamp       int64  `json:"timestamp"` // Gregorian seconds: when the channel was made
	Username        string `json:"username,omitempty"`
	UUID            string `json:"uuid"`

	Endpoint   string `json:"endpoint,omitempty"`
	Role       string `json:"role"`
	State      string `json:"state"` // of the channel, as Asterisk has it
	CallerName string `json:"caller_id_name,omitempty"`
	CallerNum  string `json:"caller_id_number,omitempty"`
	Outsider   bool   `json:"outsider,omitempty"` // it has no account
	AnsweredAt int64  `json:"answered_at,omitempty"`
	LinkedID   string `json:"linkedid,omitempty"`
	SIPCallID  string `json:"sip_call_id,omitempty"`
}

// Action is an action that runs.
type Action struct {
	ID      string    `json:"action_id"`
	Module  string    `json:"module"`
	Path    string    `json:"path"`
	Channel string    `json:"channel"` // the presser's
	Began   time.Time `json:"began"`
}

// Recording is a recording that runs.
type Recording struct {
	Name   string    `json:"name"` // in Asterisk's recording folder
	Masked bool      `json:"masked"`
	Began  time.Time `json:"began"`
	Until  time.Time `json:"until"` // its time limit
}

// Channel is a leg and the call that it is on.
type Channel struct {
	Leg
	Call string `json:"call"`
	Node string `json:"node"` // the Asterisk node
}

// Details are all that is known of a channel: the fields of Kazoo's detail, and the call.
type Details struct {
	Channel
	CallID       string      `json:"call_id"` // the channel's own, as Kazoo names it
	OtherCallID  string      `json:"other_leg_call_id,omitempty"`
	CallAnswered bool        `json:"call_answered"`
	Legs         []Leg       `json:"legs"`
	Actions      []Action    `json:"actions"`
	Recordings   []Recording `json:"recordings"`
}

// gregorian is the year 1970 in seconds from the year 0, as Erlang counts.
const gregorian = 62167219200

// entry is how an account sees a call: its own legs and the outsiders', its own actions and recordings. Of another
// account's leg it learns the channel's id, as by events. Once its own have left a call of others, the outsiders are theirs.
// While something of its lasts on such a call, as a recording, it learns the channels of all of them, to stop that by.
func (l *Live) entry(v calls.View, account string) *Entry {
	e := &Entry{
		Account: account, Call: v.ID, Node: l.cfg.Node, Instance: l.instance, Answered: v.Answered,
		Legs: []Leg{}, Actions: []Action{}, Recordings: []Recording{},
	}
	own := func(leg calls.LegView) bool { return leg.Owner.Account == account }
	outsider := func(leg calls.LegView) bool { return leg.Owner.Account == "" }
	concerned := slices.ContainsFunc(v.Legs, own) || !slices.ContainsFunc(v.Legs, func(leg calls.LegView) bool { return !outsider(leg) })
	sees := func(leg calls.LegView) bool { return own(leg) || concerned && outsider(leg) }
	lasting := slices.ContainsFunc(v.Kept, func(k calls.KeptView) bool { return k.Account == account })
	for i, leg := range v.Legs {
		if !sees(leg) && (concerned || !lasting) {
			continue
		}
		shown := legOf(leg)
		if !sees(leg) {
			shown = Leg{UUID: leg.Channel, Role: leg.Role, State: shown.State, Answered: shown.Answered, Direction: shown.Direction, Timestamp: shown.Timestamp}
		}
		if len(v.Legs) == 2 {
			shown.OtherLeg = v.Legs[1-i].Channel
		}
		e.Legs = append(e.Legs, shown)
	}
	for _, leg := range v.Past {
		if sees(leg) {
			e.Past = append(e.Past, legOf(leg))
		}
	}
	for _, a := range v.Actions {
		if a.Account == account {
			e.Actions = append(e.Actions, Action{ID: a.ID, Module: a.Module, Path: a.Path, Channel: a.Channel, Began: a.Began.UTC()})
		}
	}
	for _, k := range v.Kept {
		if rec, is := k.Shows.(actions.Recording); is && k.Account == account {
			e.Recordings = append(e.Recordings, Recording{Name: k.Name, Masked: rec.Masked, Began: rec.Began.UTC(), Until: rec.Until.UTC()})
		}
	}
	return e
}

func legOf(v calls.LegView) Leg {
	leg := Leg{
		Answered: v.State == "Up", Direction: "outbound", OwnerID: v.Owner.User, UUID: v.Channel, Endpoint: v.Endpoint, Role: v.Role,
		State: v.State, CallerName: v.Name, CallerNum: v.Number, Outsider: v.Owner.Account == "", LinkedID: v.LinkedID, SIPCallID: v.SIPCallID,
		Destination: cmp.Or(v.Extension, resource(v.Dialled)), Username: resource(v.Endpoint), Timestamp: seconds(v.Began), AnsweredAt: seconds(v.Answered),
	}
	if v.Role == calls.RoleCaller && v.Dialled == "" {
		leg.Direction = "inbound"
	}
	switch {
	case v.Owner.Device != "":
		leg.AuthorizingID, leg.AuthorizingType = v.Owner.Device, "device"
	case v.Owner.User != "":
		leg.AuthorizingID, leg.AuthorizingType = v.Owner.User, "user"
	case v.Owner.Account != "":
		leg.AuthorizingID, leg.AuthorizingType = v.Owner.Account, "account"
	}
	if leg.Username != "" && v.Owner.Account != "" {
		leg.PresenceID = leg.Username + "@" + v.Owner.Account
	}
	return leg
}

// seconds is a time as Kazoo tells it, 0 for none.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix() + gregorian
}

// resource is whom a dialstring names: bob of PJSIP/bob, 1234 of PJSIP/1234@trunk.
func resource(dialstring string) string {
	_, rest, _ := strings.Cut(dialstring, "/")
	rest, _, _ = strings.Cut(rest, "@")
	return rest
}

func (e *Entry) channel(leg *Leg) Channel { return Channel{Leg: *leg, Call: e.Call, Node: e.Node} }

// his says whether a user of the account may act on a leg: his own, or an outsider's on a call that he is on, whose legs of
// his account are these.
func his(leg *Leg, legs []Leg, user string) bool {
	if user == "" || !leg.Outsider {
		return user != "" && leg.OwnerID == user
	}
	return slices.ContainsFunc(legs, func(other Leg) bool { return other.OwnerID == user })
}
