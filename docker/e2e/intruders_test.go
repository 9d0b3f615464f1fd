package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/phone"
)

// intrusions is how many intrusions there are phones for: so many may be under way at once.
const intrusions = 22

// attackDocument has codes that its own people alone may run.
const attackDocument = `{"numbers":{"9":{"module":"record_call"},"0":{"module":"hangup"}},"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":30}}}}`

// intrusionLines are the dialplan of the intrusions. Each has a number NN, an account acmeNN with phones aNN and bNN, an account
// evilNN with eNN, and oNN, which has none. 31NN is aNN, 32NN bNN, 33NN oNN and 34NN eNN. What begins a call by plain Dial()
// hands aNN's identity down, as a dialplan does that sets it with two underscores.
const intrusionLines = `
[extensions](+)
exten => _[abeo]XX,1,Stasis(metaflows,dial,PJSIP/${EXTEN},30)
 same => n,ExecIf($["${STASISSTATUS}"="FAILED"]?Dial(PJSIP/${EXTEN},30))
 same => n,Goto(after,${EXTEN},1)
exten => _31XX,1,Goto(a${EXTEN:2},1)
exten => _32XX,1,Goto(b${EXTEN:2},1)
exten => _33XX,1,Goto(o${EXTEN:2},1)
exten => _34XX,1,Goto(e${EXTEN:2},1)

exten => _heir-.,1,Gosub(hand-down,s,1(${EXTEN:-2}))
 same => n,Dial(PJSIP/${EXTEN:5},30)
; its callee goes on to bNN when the caller has hung up
exten => _passed-.,1,Gosub(hand-down,s,1(${EXTEN:-2}))
 same => n,Dial(PJSIP/${EXTEN:7},30,F(acme^b${EXTEN:-2}^1))
exten => _local-.,1,Gosub(hand-down,s,1(${EXTEN:-2}))
 same => n,Dial(Local/${EXTEN:6}@acme/n,30)

[hand-down]
exten => s,1,Set(__METAFLOWS_ACCOUNT=acme${ARG1})
 same => n,Set(__METAFLOWS_USER=a${ARG1})
 same => n,Set(__METAFLOWS_DEVICE=a${ARG1}-desk)
 same => n,Set(__METAFLOWS_CONTEXT=acme)
 same => n,Return()
`

// intruders are an Asterisk's options with the phones and the dialplan of the intrusions.
func intruders() pbx.Options {
	options := asteriskOptions()
	var phones strings.Builder
	for n := range intrusions {
		nn := fmt.Sprintf("%02d", n)
		for kind, of := range map[string]struct{ context, account, more string }{
			"a": {"acme", "acme", ""}, "b": {"acme", "acme", "named_call_group = row" + nn},
			"o": {"outside", "", "named_pickup_group = row" + nn}, "e": {"evil", "evil", "named_pickup_group = row" + nn},
		} {
			name := kind + nn
			fmt.Fprintf(&phones, "\n[%s](phone)\ncontext = %s\naors = %s\n%s\n", name, of.context, name, of.more)
			if of.account != "" {
				fmt.Fprintf(&phones, "set_var = METAFLOWS_ACCOUNT=%s%s\nset_var = METAFLOWS_USER=%s\nset_var = METAFLOWS_DEVICE=%s-desk\nset_var = METAFLOWS_CONTEXT=%s\n",
					of.account, nn, name, name, of.context)
			}
			fmt.Fprintf(&phones, "\n[%s](aor-of-one)\n", name)
		}
	}
	options.Append["extensions.conf"] += intrusionLines
	options.Append["pjsip.conf"] += phones.String()
	return options
}

// withIntruders adds the tones of the intrusions' phones.
func withIntruders(tones map[string]float64) map[string]float64 {
	for n := range intrusions {
		for kind, like := range map[string]string{"a": "alice", "b": "bob", "o": "outside", "e": "mallory"} {
			tones[fmt.Sprintf("%s%02d", kind, n)] = tones[like]
		}
	}
	return tones
}

// intrusion is one of those that are played at once.
type intrusion struct {
	*own
	nn   string
	who  string // o or e: who comes in
	way  way
	rest func() (stays, in *phone.Call)

	stays, in *phone.Call
}

// intrude gives each way to each kind of intruder, in a system of its own.
func intrude(t *testing.T, ways []way) (o *own, all []*intrusion) {
	o = ownNodeOf(t, intruders(), "lab", nil)
	for _, way := range ways {
		for _, who := range []string{"o", "e"} {
			all = append(all, &intrusion{own: o, nn: fmt.Sprintf("%02d", len(all)), who: who, way: way})
		}
	}
	return o, all
}

// atOnce plays something for each intrusion, all at the same time.
func atOnce(t *testing.T, all []*intrusion, play func(i *intrusion)) {
	t.Helper()
	var under sync.WaitGroup
	places := make(chan struct{}, 6)
	var failed sync.Map
	for _, i := range all {
		under.Go(func() {
			whole := false
			places <- struct{}{}
			defer func() {
				<-places
				if !whole {
					failed.Store(i.String(), true)
				}
			}()
			play(i)
			whole = true
		})
	}
	under.Wait()
	failed.Range(func(what, _ any) bool {
		t.Errorf("failed: %s", what)
		return true
	})
	if t.Failed() {
		t.FailNow()
	}
}

func (i *intrusion) String() string {
	return fmt.Sprintf("%s: %s, %s", i.nn, i.way.name, map[string]string{"o": "an outsider", "e": "another account's"}[i.who])
}

// phone registers one of the intrusion's phones.
func (i *intrusion) phone(kind string, behaviour ...phone.Behaviour) *phone.Phone {
	i.Helper()
	p := i.lab.phone(kind + i.nn)
	for _, b := range behaviour {
		p.Behave(b)
	}
	return p
}

// number is who comes in, as a code dials it.
func (i *intrusion) number() string { return map[string]string{"o": "33", "e": "34"}[i.who] + i.nn }

func (i *intrusion) account() string { return "acme" + i.nn }

// told waits for the n-th event of a kind under the account.
func (i *intrusion) told(kind string, n int) event {
	i.Helper()
	return i.eventOf(kind, n, func(e event) bool { return e.Account == i.account() })
}

// started are the actions under the intrusion's accounts.
func (i *intrusion) started() (events []event) {
	for _, e := range i.all("action.started") {
		if e.Account == i.account() || e.Account == "evil"+i.nn {
			events = append(events, e)
		}
	}
	return events
}

// ringing is the call that a phone gets now, and that it has told to ring.
func (i *intrusion) ringing(p *phone.Phone) *phone.Call {
	i.Helper()
	c, err := p.Incoming(i.soon(10 * time.Second))
	i.must(err)
	i.must(c.WaitRinging(i.soon(5 * time.Second)))
	return c
}

// taken answers a call that rings.
func (i *intrusion) taken(c *phone.Call) *phone.Call {
	i.Helper()
	i.must(c.Answer())
	i.must(c.WaitAnswered(i.soon(5 * time.Second)))
	return c
}
