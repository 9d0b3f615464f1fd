package actions_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"metaflows/actions/pbxtest"
	"metaflows/flows/calls"
)

// randomDocument has a code for everything that there is.
const randomDocument = `{"listen_on":"both","numbers":{"9":{"module":"record_call"},"7":{"module":"record_call","data":{"action":"mask"}},
"0":{"module":"hangup"},"5":{"module":"transfer","data":{"target":"1999","timeout":3},"children":{"failed":{"module":"record_call"}}}},
"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":3,"allow_peer":true}},"3(\\d*)":{"module":"none"}}}`

// slowVerbs are what Asterisk may take its time for.
var slowVerbs = []string{
	"AddToBridge", "Answer", "Continue", "CreateBridge", "CreateChannel", "DeleteBridge", "DialChannel", "Hangup", "Overhear", "Record", "RemoveFromBridge",
	"Ring", "SetVariables", "Snoop", "StopRinging", "Variables",
}

// randomCall makes up a call: what people press, when they hang up, what goes wrong in Asterisk. Nothing of that may leave
// a channel, a bridge, a recording, a goroutine or a call behind, or put digits into events and logs.
func randomCall(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	behave := func() {
		say("%s %s", pick("alice", "bob", "carol"), pick("answers after 0s", "answers after 2s", "is busy", "is silent",
			"is unregistered", "rejects after 1s", "redirects to 1234"))
	}
	if r.IntN(4) == 0 {
		say("absorb off")
	}
	for range r.IntN(3) { // while it dials
		say("asterisk is slow with %s: %s", pick(slowVerbs...), pick("300ms", "2s"))
	}
	say("%s dials PJSIP/%s,%s%s", pick("alice", "mallory", "outside"), pick("bob", "bob", "bob&PJSIP/carol", "outside"), pick("5", "30"),
		pick("", "", ",g", ",r", ",m(x)"))
	if r.IntN(3) > 0 {
		say("wait 2s")
	}
	for range r.IntN(12) {
		switch r.IntN(10) {
		case 0:
			behave()
		case 1:
			say("%s hangs up", pick("alice", "bob", "carol", "mallory", "outside"))
		case 2:
			say("asterisk %s", pick("refuses AddToBridge: unavailable", "refuses DialChannel: unavailable", "refuses CreateChannel: unavailable",
				"refuses Record: unavailable", "refuses Overhear: unavailable", "loses the answer of Overhear", "refuses SendDigits: unavailable", "refuses Snoop: unavailable", "refuses Play: gone",
				"refuses Variables: unavailable", "loses the answer of AddToBridge", "loses the answer of Record", "refuses CreateBridge: unavailable",
				"loses the answer of CreateChannel", "is slow with "+pick(slowVerbs...)+": 2s"))
		case 3:
			if r.IntN(2) == 0 {
				say("wait %s", pick("1ms", "30ms", "120ms", "333ms", "1200ms"))
				say("the application is killed for %s", pick("1ms", "200ms", "3s", "20s"))
				continue
			}
			fallthrough
		case 4:
			say("wait %s", pick("1ms", "50ms", "300ms", "1s", "5s"))
		case 5:
			// Where it is killed, nobody may be left whose state tells of a recording; a later start tells its end from the stream.
			if r.IntN(3) == 0 && !strings.Contains(strings.Join(lines, "\n"), "is killed") {
				say("%s transfers to %s", pick("alice", "bob", "carol"), pick("carol", "dave", "mallory")) // by name: the digits of a number could have been pressed
				continue
			}
			fallthrough
		default:
			keys := pick("*9", "*9", "*7", "*0", "*5", "*21234", "*21003", "*21995", "*21998", "*27777", "*3", "*8", "**", "*", "55667788", "*66554433", "*2*9")
			say("%s presses %s at %s", pick("alice", "bob", "carol", "mallory", "outside"), keys, pick("100/100", "60/40", "40/40"))
		}
	}
	for _, name := range []string{"alice", "bob", "carol", "mallory", "outside"} {
		say("wait %s", pick("1ms", "200ms", "3s", "40s"))
		say("%s hangs up", name)
	}
	return strings.Join(lines, "\n")
}

// rightful says what is wrong with an action by somebody who has no right to it: what an owner alone may do is done by the
// phones of its account, whoever has come in their place.
func rightful(n calls.Notice) error {
	of := map[string][]string{"acme": {"PJSIP/alice", "PJSIP/bob", "PJSIP/carol", "PJSIP/dave"}, "evil": {"PJSIP/mallory"}}
	allowed := n.Path == `patterns.2(\d{4})` && !slices.Contains(slices.Concat(of["acme"], of["evil"]), n.Endpoint) // an outsider: allow_peer
	if n.Type == "action.started" && n.Module != "hangup" && n.Module != "none" && !allowed && !slices.Contains(of[n.Account], n.Endpoint) {
		return fmt.Errorf("%s has run %s with the rights of account %q", n.Endpoint, n.Module, n.Account)
	}
	return nil
}

// TestRandomCalls plays made-up calls.
func TestRandomCalls(t *testing.T) {
	const stories = 500
	for seed := range uint64(stories) {
		r := rand.New(rand.NewPCG(seed, 1))
		call := randomCall(r)
		failed := !t.Run(fmt.Sprint(seed), func(t *testing.T) {
			pbxtest.Play(t, &txtar.Archive{Files: []txtar.File{
				{Name: "account acme", Data: []byte(randomDocument)}, {Name: "account evil", Data: []byte(randomDocument)},
				{Name: "call", Data: []byte(call)},
			}}, func(n calls.Notice) error { return errors.Join(publishable(n), rightful(n)) })
		})
		if failed {
			t.Fatalf("the call was\n%s", call)
		}
	}
}

// replacedCall makes up a call in which phones send the other party elsewhere by their own means, everybody presses codes,
// and the application is killed. The caller's channel may claim to be somebody else's: it was called by Dial() and sent on,
// or has picked up another's phone and was transferred.
func replacedCall(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	caller, callee := pick("alice", "outside", "mallory"), pick("bob", "outside", "mallory")
	if caller == callee {
		callee = "bob"
	}
	var lines []string
	switch r.IntN(3) {
	case 0:
		lines = append(lines, caller+" brings __METAFLOWS_ACCOUNT=acme", caller+" brings __METAFLOWS_USER=dave", caller+" brings __METAFLOWS_CONTEXT=acme", caller+" was sent acme")
	case 1:
		lines = append(lines, caller+" brings METAFLOWS_ACCOUNT=acme", caller+" brings METAFLOWS_CONTEXT=acme", caller+" brings BLINDTRANSFER=PJSIP/dave-00000001")
	}
	lines = append(lines, fmt.Sprintf("%s dials PJSIP/%s,30%s", caller, callee, pick("", ",g")), pick("wait 2s", "wait 1005ms"))
	for range 3 + r.IntN(6) {
		switch r.IntN(6) {
		case 5:
			lines = append(lines, "asterisk is slow with "+pick(slowVerbs...)+": "+pick("300ms", "2s"))
		case 0:
			lines = append(lines, fmt.Sprintf("%s transfers to %s", pick(caller, callee), pick("carol", "mallory", "outside", "dave")), pick("wait 10ms", "wait 3s"))
		case 1:
			lines = append(lines, "wait "+pick("1ms", "300ms", "2s"))
			if r.IntN(2) == 0 {
				lines = append(lines, "the application is killed for "+pick("1ms", "200ms", "3s"), "wait 1s")
			}
		default:
			lines = append(lines, fmt.Sprintf("%s presses %s", pick("alice", "bob", "carol", "mallory", "outside", "dave"), pick("*9", "*0", "*21234", "*5")), pick("wait 1ms", "wait 1s"))
		}
	}
	for _, name := range []string{"alice", "bob", "carol", "dave", "mallory", "outside"} {
		lines = append(lines, name+" hangs up", "wait 3s")
	}
	return strings.Join(lines, "\n")
}

// TestRandomReplacements: who comes in the place of somebody else has none of the other's rights, whatever happens.
func TestRandomReplacements(t *testing.T) {
	const stories = 300
	for seed := range uint64(stories) {
		call := replacedCall(rand.New(rand.NewPCG(seed, 2)))
		failed := !t.Run(fmt.Sprint(seed), func(t *testing.T) {
			pbxtest.Play(t, &txtar.Archive{Files: []txtar.File{
				{Name: "account acme", Data: []byte(randomDocument)}, {Name: "account evil", Data: []byte(randomDocument)},
				{Name: "call", Data: []byte(call)},
			}}, rightful)
		})
		if failed {
			t.Fatalf("the call was\n%s", call)
		}
	}
}
