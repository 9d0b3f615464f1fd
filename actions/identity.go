package actions

import (
	"errors"
	"maps"
	"strings"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// askable begins the names of the channels whose endpoint can be asked whose it is.
const askable = "PJSIP/"

// What is asked of a caller's channel: all of it answers, if with nothing, so that it is one request.
const (
	// invited is not empty where an INVITE of its phone has made it (ari/ASTERISK.md, Whose a channel is).
	invited = "CHANNEL(pjsip,request_uri)"
	// broughtBy is not empty where it was dialled by Dial(), has picked up what was, or was transferred.
	broughtBy       = "EVAL(${DIALEDPEERNUMBER}${BLINDTRANSFER}${ATTENDEDTRANSFER})"
	transferContext = "EVAL(${TRANSFER_CONTEXT})"
	// presentation begins with prohib where the caller withholds who it is (ari/ASTERISK.md, Who calls).
	presentation = "CALLERID(pres)"
)

// meet reads what the caller brings, and makes its leg. Who has called by itself is who its endpoint and its dialplan say.
// One that was brought here by somebody else can have that from another channel: it is who its own endpoint says, and dials
// where that dials.
func (d *dialling) meet() error {
	names := []string{transferContext, broughtBy, "CHANNEL(callgroup)", "CHANNEL(namedcallgroup)", "TIMEOUT(absolute)", "CHANNEL(linkedid)", presentation, earlierCall}
	calls := strings.HasPrefix(d.caller.Name, askable)
	if calls {
		names = append(names, invited)
	}
	if !d.caller.Phone() {
		names = append(names, forwardedBy)
	}
	channel := d.caller.ID
	d.caller.Owner, d.caller.Context, d.caller.Asked = flows.Owner{}, "", true // nobody's until that is known
	d.call.Add(d.caller)
	own, err := d.variables(d.t, d.caller, names...)
	d.caller.Asked = false
	brought := err == nil && (own[broughtBy] != "" || calls && own[invited] == "")
	if !brought && d.caller.ID == channel {
		d.call.Identify(d.caller, d.caller.Channel)
	}
	if err != nil {
		return err
	}
	d.own, d.caller.LinkedID = own, own["CHANNEL(linkedid)"]
	d.came(own[forwardedBy])
	d.caller.Withheld = strings.HasPrefix(own[presentation], "prohib")
	context := firstOf(own[transferContext], d.caller.Channel.Context)
	if brought {
		made, err := d.askOwner(d.t, d.caller)
		if err != nil {
			return err
		}
		context = made.Context
	}
	if d.caller.Context == "" && !d.caller.Outsider() {
		d.caller.Context = context
	}
	return nil
}

// askOwner asks whose a leg is that has taken another's place, that somebody has brought into the application, or that was
// found without a state, and lets its codes work. What is on its channel does not say it: that may be inherited from who
// dialled it, and after a pickup it is of the channel whose place it has (ari/ASTERISK.md, Whose a channel is). A new channel
// of the same endpoint, which is never dialled, has what the endpoint gives and nothing else. It is returned. A leg whose
// channel claims nothing is not asked about; one whose endpoint cannot be asked, or whose technology is another, stays an
// outsider. An error is only the process's or the call's end.
func (s *Set) askOwner(t *calls.Task, leg *calls.Leg) (made calls.Channel, err error) {
	if !leg.Phone() || leg.Vars["METAFLOWS_ACCOUNT"] == "" {
		return made, nil
	}
	leg.Asked = true
	defer func() { leg.Asked = false }()
	channel := leg.ID
	made, err = s.sample(t, leg)
	if errors.Is(err, calls.ErrDetached) || errors.Is(err, calls.ErrCallEnded) {
		return made, err
	}
	if errors.Is(err, errAnotherTechnology) {
		t.Call.Log.Info("whose a leg is cannot be asked: it has no codes", "leg", leg.Name, "error", err)
		return made, nil
	}
	if err != nil {
		t.Call.Log.Error("whose a leg is cannot be asked: it has no codes", "leg", leg.Name, "error", err,
			"do", "see what Asterisk's own log says at this time")
		return made, nil
	}
	if leg.ID == channel && !leg.Gone {
		t.Call.Identify(leg, made)
	}
	return made, nil
}

// errAnotherTechnology: to make a channel of any other may take a line, and need not say whose it is.
var errAnotherTechnology = errors.New("only a PJSIP endpoint can be asked")

// sample makes a channel of a leg's endpoint, and ends it when it has said what its endpoint gives it.
func (s *Set) sample(t *calls.Task, leg *calls.Leg) (made calls.Channel, err error) {
	return s.sampleOf(t, leg, leg.Endpoint(), func(made *calls.Channel) error {
		if made.Vars["METAFLOWS_ACCOUNT"] == "" || made.Vars["METAFLOWS_CONTEXT"] != "" {
			return nil
		}
		own, err := s.variablesOf(t, made.ID, "TRANSFER_CONTEXT")
		made.Vars = maps.Clone(made.Vars)
		made.Vars["METAFLOWS_CONTEXT"] = own["TRANSFER_CONTEXT"]
		return err
	})
}

// sampleOf is sample by the dialstring that leads to the endpoint; ask asks the channel what is wanted.
func (s *Set) sampleOf(t *calls.Task, leg *calls.Leg, dialstring string, ask func(made *calls.Channel) error) (made calls.Channel, err error) {
	if !strings.HasPrefix(leg.Name, askable) {
		return made, errAnotherTechnology
	}
	return s.borrow(t, calls.ChannelSpec{ID: t.Call.Name(calls.ArgLeg), Endpoint: dialstring}, ask)
}

// borrow makes a channel that is never dialled and is no leg, and ends it when use has returned.
func (s *Set) borrow(t *calls.Task, spec calls.ChannelSpec, use func(made *calls.Channel) error) (made calls.Channel, err error) {
	spec.Args = []string{t.Call.ID}
	if made, err = s.create(t, spec); err != nil {
		return made, err
	}
	defer s.quietly(s.ending(t, spec.ID), "ending a channel that is never dialled")
	err = use(&made)
	return made, err
}
