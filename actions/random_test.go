package actions_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"metaflows/actions/pbxtest"
)

// randomDocument has a code for everything that there is.
const randomDocument = `{"listen_on":"both","numbers":{"9":{"module":"record_call"},"7":{"module":"record_call","data":{"action":"mask"}},
"0":{"module":"hangup"},"5":{"module":"transfer","data":{"target":"1999","timeout":3},"children":{"failed":{"module":"record_call"}}}},
"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":3,"allow_peer":true}},"3(\\d*)":{"module":"none"}}}`

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
				"refuses Record: unavailable", "refuses SendDigits: unavailable", "refuses Snoop: unavailable", "refuses Play: gone",
				"refuses Variables: unavailable", "loses the answer of AddToBridge", "loses the answer of Record", "is slow with Record: 3s",
				"is slow with AddToBridge: 2s", "is slow with CreateChannel: 2s", "is slow with Snoop: 1s", "refuses CreateBridge: unavailable"))
		case 3:
			if r.IntN(2) == 0 {
				say("wait %s", pick("1ms", "30ms", "120ms", "333ms", "1200ms"))
				say("the application is killed for %s", pick("1ms", "200ms", "3s", "20s"))
				continue
			}
			fallthrough
		case 4:
			say("wait %s", pick("1ms", "50ms", "300ms", "1s", "5s"))
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

// TestRandomCalls plays made-up calls.
func TestRandomCalls(t *testing.T) {
	const calls = 500
	for seed := range uint64(calls) {
		r := rand.New(rand.NewPCG(seed, 1))
		call := randomCall(r)
		failed := !t.Run(fmt.Sprint(seed), func(t *testing.T) {
			pbxtest.Play(t, &txtar.Archive{Files: []txtar.File{
				{Name: "account acme", Data: []byte(randomDocument)}, {Name: "account evil", Data: []byte(randomDocument)},
				{Name: "call", Data: []byte(call)},
			}}, publishable)
		})
		if failed {
			t.Fatalf("the call was\n%s", call)
		}
	}
}
