package e2e

import (
	"sync"
	"time"

	"metaflows/docker/phone"
)

// way is one in which somebody comes into a call by what phones, codes and dialplans do. begin takes it to where somebody
// rings, or where two calls are about to be joined; what it returns does the rest, and says who stays and who has come.
type way struct {
	name  string
	begin func(i *intrusion) (rest func() (stays, in *phone.Call))
	heard string // by who stays, meanwhile
	away  bool   // the rest can be done while metaflows is not there
}

var ways = []way{
	{name: "refer by the caller", begin: func(i *intrusion) func() (*phone.Call, *phone.Call) { return referred(i, true) }},
	{name: "refer by the callee", begin: func(i *intrusion) func() (*phone.Call, *phone.Call) { return referred(i, false) }},
	{name: "refer with replaces", begin: attended},
	{name: "pickup", begin: func(i *intrusion) func() (*phone.Call, *phone.Call) { return pickedUp(i, "pick-b"+i.nn) }, away: true},
	{name: "group pickup", begin: func(i *intrusion) func() (*phone.Call, *phone.Call) { return pickedUp(i, "*8") }, away: true},
	{name: "transfer by code", begin: transferred, heard: "*"},
	{name: "redirected to (302)", begin: pointedTo},
	{name: "by a Local channel", begin: byLocal},
	{name: "dialled, then transferred", begin: heir},
	{name: "dialled, then sent on", begin: sentOn},
	{name: "picked up outside of metaflows, then transferred", begin: pickedUpThenTransferred},
}

func referred(i *intrusion, caller bool) func() (stays, in *phone.Call) {
	i.Helper()
	target := i.phone(i.who, phone.RingForever())
	a, b := i.call(i.phone("a"), "b"+i.nn, i.phone("b"))
	stays, goes := a, b
	if caller {
		stays, goes = b, a
	}
	i.must(goes.Refer(i.soon(5*time.Second), i.who+i.nn))
	in := i.ringing(target)
	i.hangUp(goes)
	return func() (*phone.Call, *phone.Call) { return stays, i.taken(in) }
}

// attended: the phone itself comes into the bridge, since plain Dial() has called it.
func attended(i *intrusion) func() (stays, in *phone.Call) {
	i.Helper()
	a, b := i.call(i.phone("a"), "b"+i.nn, i.phone("b"))
	second, c := i.call(a.Phone(), "heir-"+i.who+i.nn, i.phone(i.who))
	return func() (*phone.Call, *phone.Call) {
		i.Helper()
		i.must(a.ReferTo(i.soon(5*time.Second), second))
		return b, c
	}
}

func pickedUp(i *intrusion, code string) func() (stays, in *phone.Call) {
	i.Helper()
	picker := i.phone(i.who)
	a, rings := i.own.ringing(i.phone("a"), "b"+i.nn, i.phone("b", phone.RingForever()))
	return func() (*phone.Call, *phone.Call) {
		i.Helper()
		return a, i.picksUp(picker, code, rings)
	}
}

// pickup is held by who picks up: two at the same moment can lock an Asterisk up (ari/ASTERISK.md, Pickup).
var pickup sync.Mutex

// picksUp takes the call that rings.
func (i *intrusion) picksUp(picker *phone.Phone, code string, rings *phone.Call) *phone.Call {
	i.Helper()
	pickup.Lock()
	defer pickup.Unlock()
	in, err := picker.Call(i.soon(5*time.Second), code)
	i.must(err)
	i.ended(rings)
	return in
}

func transferred(i *intrusion) func() (stays, in *phone.Call) {
	i.Helper()
	target := i.phone(i.who, phone.RingForever())
	a, b := i.call(i.phone("a"), "b"+i.nn, i.phone("b"))
	i.press(b, "*2"+i.number())
	in := i.ringing(target)
	i.ended(b)
	return func() (*phone.Call, *phone.Call) { return a, i.taken(in) }
}

// pointedTo: the callee redirects, and is followed.
func pointedTo(i *intrusion) func() (stays, in *phone.Call) {
	i.Helper()
	i.phone("b", phone.Redirect("sip:"+i.number()+"@"+i.SIPAddr))
	a, in := i.own.ringing(i.phone("a"), "b"+i.nn, i.phone(i.who, phone.RingForever()))
	return func() (*phone.Call, *phone.Call) { return a, i.taken(in) }
}

// byLocal: the caller in the application is a Local channel, which has inherited everything.
func byLocal(i *intrusion) func() (stays, in *phone.Call) {
	i.Helper()
	in, b := i.own.ringing(i.phone(i.who), "local-b"+i.nn, i.phone("b", phone.RingForever()))
	return func() (*phone.Call, *phone.Call) { return i.taken(b), in }
}

// heir: plain Dial() has called it, and it has inherited the caller's identity; by the caller's REFER it comes to be a caller
// in the application.
func heir(i *intrusion) func() (stays, in *phone.Call) {
	i.Helper()
	b := i.phone("b", phone.RingForever())
	a, in := i.call(i.phone("a"), "heir-"+i.who+i.nn, i.phone(i.who))
	return i.sentTo(b, a, in)
}

// sentTo: a REFER of a call without metaflows sends the other party to b.
func (i *intrusion) sentTo(b *phone.Phone, a, in *phone.Call) func() (*phone.Call, *phone.Call) {
	i.Helper()
	i.must(a.Refer(i.soon(5*time.Second), "b"+i.nn))
	stays := i.ringing(b)
	i.hangUp(a)
	return func() (*phone.Call, *phone.Call) { return i.taken(stays), in }
}

// sentOn: the same without a REFER.
func sentOn(i *intrusion) func() (stays, in *phone.Call) {
	i.Helper()
	b := i.phone("b", phone.RingForever())
	a, in := i.call(i.phone("a"), "passed-"+i.who+i.nn, i.phone(i.who))
	i.hangUp(a)
	stays := i.ringing(b)
	return func() (*phone.Call, *phone.Call) { return i.taken(stays), in }
}

// pickedUpThenTransferred: its channel has the variables of the phone that rang.
func pickedUpThenTransferred(i *intrusion) func() (stays, in *phone.Call) {
	i.Helper()
	b := i.phone("b", phone.RingForever())
	picker := i.phone(i.who)
	a, rings := i.own.ringing(i.phone("a"), "d-b"+i.nn, b)
	in := i.picksUp(picker, "pick-b"+i.nn, rings)
	i.talk(a, in)
	return i.sentTo(b, a, in)
}
