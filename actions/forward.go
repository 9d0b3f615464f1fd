package actions

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// A callee that answers 302 is called where it points to, as with Dial() (app_dial.c, do_forward).

// maxForwards is how many callees may point on, one after another.
const maxForwards = 5

// varForwarded is the variable of a channel that a redirection has made, and of what is behind it: the dialstrings of those
// that have pointed on, which are not dialled from there.
const varForwarded = "METAFLOWS_FORWARDED"

// What is asked of a channel: it answers, if with nothing.
const (
	forwardedBy = "EVAL(${" + varForwarded + "})" // of the caller
	forwardTo   = "EVAL(${FORWARD_CONTEXT})"
)

// toldWait is how long it may take after the end of a callee's channel until it is told where the callee points, and maxAsked
// how often a callee is dialled again of which it was never told (ari/ASTERISK.md, A phone that redirects).
const (
	toldWait = 200 * time.Millisecond
	maxAsked = 3
)

// uriForm is what a phone may point to where redirect_method=uri_core lets it give a whole URI.
var uriForm = regexp.MustCompile(`^sips?:[0-9A-Za-z*#+_.-]{1,64}@[0-9A-Za-z.:\[\]-]{1,255}(;[0-9A-Za-z._=-]{1,64}){0,8}$`)

// nobodys takes from a channel what its endpoint says of whose it is.
var nobodys = map[string]string{
	"METAFLOWS_ACCOUNT": "", "METAFLOWS_USER": "", "METAFLOWS_DEVICE": "", "METAFLOWS_CONTEXT": "",
}

// forwards is what a dialling knows of redirections.
type forwards struct {
	sent    []string            // dialstrings that have pointed on, also before the caller came here
	pointed map[*calls.Leg]bool // callees that have: true where somebody is called in their place
	nowhere map[*calls.Leg]bool // those that have pointed to an extension that does not exist

	asked int // callees that were dialled again, since it was not told where they point
}

// came notes what has pointed on before the caller came here.
func (f *forwards) came(list string) {
	if list != "" {
		f.sent = strings.Split(list, "&")
	}
}

// pointsOn says of a callee that it redirects, and that nobody has looked where to.
func (f *forwards) pointsOn(callee *calls.Leg) bool {
	_, seen := f.pointed[callee]
	return callee.Gone && redirected(callee) && !seen
}

// followed says of a callee that somebody else is called in its place.
func (f *forwards) followed(callee *calls.Leg) bool { return f.pointed[callee] }

// follow makes the callee to whom another points, which takes its place; nil where that is not followed, or cannot be
// dialled. An error is only the call's end.
func (d *dialling) follow(from *calls.Leg) (*calls.Leg, error) {
	d.awaitCause(from)
	if !redirected(from) {
		return nil, d.t.Ending()
	}
	_ = d.t.Until(toldWait, func() bool { return from.Forward != "" })
	if err := d.t.Ending(); err != nil {
		return nil, err
	}
	if d.pointed == nil {
		d.pointed, d.nowhere = map[*calls.Leg]bool{}, map[*calls.Leg]bool{}
	}
	d.pointed[from] = false
	target, variables, why := d.forward(from)
	if why != "" {
		d.call.Log.Info("a callee that redirects is not followed", "dialstring", from.Dialled, "why", why)
		return nil, d.t.Ending()
	}
	again := from.Forward == ""
	if again {
		d.asked++
	} else {
		d.sent = append(d.sent, firstOf(from.Dialled, from.Endpoint()))
	}
	if len(d.sent) > 0 {
		variables[varForwarded] = strings.Join(d.sent, "&")
	}
	maps.Copy(variables, d.calleeVars())
	next, err := d.outbound(d.t, target, d.caller, calls.RoleCallee, dialledNumber(d.caller.Extension, firstOf(from.Dialled, target)), variables)
	if err != nil {
		d.call.Log.Info("where a callee redirects to cannot be dialled", "dialstring", from.Dialled, "error", err)
		return nil, d.t.Ending()
	}
	d.pointed[from] = true
	if !again {
		d.tellForwarded(from)
	}
	return next, nil
}

// forward is the dialstring that a callee points to, with the variables of its channel, or why it is not followed.
func (d *dialling) forward(from *calls.Leg) (target string, variables map[string]string, why string) {
	uri, own := strings.CutPrefix(from.Forward, from.Endpoint()+"/")
	switch {
	case d.args.ignoreForwards:
		return "", nil, "option i"
	case from.Forward == "" && from.Dialled != "" && d.asked < maxAsked:
		if variables = map[string]string{}; from.Outsider() { // it may be whom another has pointed to
			variables = maps.Clone(nobodys)
		}
		return from.Dialled, variables, ""
	case from.Forward == "":
		return "", nil, "it is not told where to"
	case len(d.sent) >= maxForwards:
		return "", nil, "too many have pointed on"
	case from.Forward == from.Dialled || slices.Contains(d.sent, from.Forward):
		return "", nil, "it has been there"
	case own && from.Phone() && uriForm.MatchString(uri):
		return from.Forward, maps.Clone(nobodys), ""
	case !targetForm.MatchString(from.Forward):
		return "", nil, "accepted are 1 to 64 of 0-9 A-Z a-z * # + _ . -"
	}
	context := d.forwardContext(from)
	if !contextForm.MatchString(context) {
		return "", nil, "there is no context to dial it in"
	}
	if !d.answers(extensionExists(context, from.Forward)) {
		d.nowhere[from] = true
		return "", nil, "its context has no such extension"
	}
	return "Local/" + from.Forward + "@" + context + "/n", map[string]string{}, ""
}

// forwardContext is the dialplan context in which a callee's forward is dialled: FORWARD_CONTEXT of its endpoint, else of the
// caller, else the endpoint's own.
func (d *dialling) forwardContext(from *calls.Leg) string {
	context := ""
	look := func(channel *calls.Channel) error {
		own, err := d.variablesOf(d.t, channel.ID, forwardTo)
		context = own[forwardTo]
		return err
	}
	_, err := d.sampleOf(d.t, from, firstOf(from.Dialled, from.Endpoint()), look)
	if err != nil && !errors.Is(err, errAnotherTechnology) && d.t.Ending() == nil {
		d.call.Log.Warn("the endpoint of a callee that redirects cannot be asked for its FORWARD_CONTEXT", "dialstring", from.Dialled, "error", err)
	}
	if context == "" {
		_ = look(&d.caller.Channel)
	}
	return firstOf(context, from.Channel.Context)
}

// answers says whether a function of the dialplan is true; also where nobody tells.
func (d *dialling) answers(function string) bool {
	answer, err := d.variables(d.t, d.caller, function)
	return err != nil || answer[function] == "1"
}

// divert lets the phone that is called next be told who has pointed there (Diversion): Asterisk does it by itself where
// callee and caller are in one bridge.
func (d *dialling) divert(from *calls.Leg) {
	d.quietly(func() error {
		return d.set(d.t, d.caller, map[string]string{
			"REDIRECTING(from-num,i)":  firstOf(from.CallerNum, resource(from.Dialled)),
			"REDIRECTING(from-name,i)": from.CallerNam,
			"REDIRECTING(count,i)":     strconv.Itoa(len(d.sent)),
		})
	}, "saying who has redirected")
}

// tellForwarded tells the log, and the accounts of callee and caller, that the callee has pointed on. For the accounts, where to is the business of the
// callee's account alone, and of the caller's if it has none.
func (d *dialling) tellForwarded(from *calls.Leg) {
	to := from.Forward
	if strings.Contains(to, "/") {
		to = resource(to)
	}
	d.call.Log.Info("a callee that redirects is followed", "dialstring", firstOf(from.Dialled, from.Endpoint()), "to", to)
	about := d.call.NoticeAbout(from, "call.forwarded")
	about.Target = to
	other := d.call.NoticeAbout(d.caller, "call.forwarded")
	other.ID, other.OtherChannel = about.ID+":caller", from.ID
	if from.Outsider() {
		other.Target = to
	}
	switch {
	case d.caller.Outsider() || d.caller.Owner.Account == from.Owner.Account:
		d.t.Publish(about)
	case from.Outsider():
		d.t.Publish(other)
	default:
		d.t.Publish(about)
		d.t.Publish(other)
	}
}

// unfollowed are the callees that have ended, without those in whose place somebody else was called.
func (d *dialling) unfollowed() []*calls.Leg {
	return slices.DeleteFunc(slices.Clone(d.call.Left()), d.followed)
}

// hangupCause is what Dial() leaves in HANGUPCAUSE: nothing of those that redirect with option i, or to nowhere.
func (d *dialling) hangupCause() int {
	overdue, left := d.overdue(), slices.DeleteFunc(d.unfollowed(), func(leg *calls.Leg) bool { return d.nowhere[leg] })
	if d.args.ignoreForwards {
		overdue = overdue || slices.ContainsFunc(left, redirected)
		left = slices.DeleteFunc(left, redirected)
	}
	if len(left) == 0 && (len(d.nowhere) > 0 || slices.ContainsFunc(d.call.Peers(d.caller), (*calls.Leg).Failed)) {
		return 0 // who says that it is busy and stays has no cause
	}
	return hangupCause(left, overdue)
}

// statusOf is how a callee ended that was not reached; with option i one that redirects is busy, and one that points to nowhere
// cannot be reached (app_dial.c, do_forward).
func (d *dialling) statusOf(callee *calls.Leg) string {
	switch {
	case d.args.ignoreForwards && redirected(callee):
		return statusBusy
	case d.nowhere[callee]:
		return statusUnavailable
	}
	return statusOf(callee)
}
