package actions_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"metaflows/actions"
	"metaflows/actions/pbxtest"
)

// TestAttendedAway: what happens while the application is dead is seen to when it is back.
func TestAttendedAway(t *testing.T) {
	for stage, begin := range attendedStages {
		for what, then := range attendedAway {
			t.Run(stage+", and "+what, func(t *testing.T) {
				t.Parallel()
				pbxtest.Rehearse(t, attendedCall("alice calls bob\n"+begin+"the application is killed for 1s\nwait 200ms\n"+then+
					"alice hangs up\nbob hangs up\nwait 2s\ncarol hangs up\nwait 5s\nalice is gone\nbob is gone\ncarol is gone\n"), (*actions.Set).RehearsedAttended)
			})
		}
	}
}

// TestAttendedKeys: no document's code runs for the keys of the transferor while the transfer has them, and the target hears them;
// the peer's codes do, and those that listen to the target.
func TestAttendedKeys(t *testing.T) {
	file := txtar.Parse([]byte(`-- account acme --
{"listen_on":"both","numbers":{"5":{"module":"mute"}},"patterns":{"7(\\d{4})":{"module":"attended"}}}
-- call --
alice calls bob
bob presses *71003
wait 3s
bob presses *5
wait 2s
at least once carol hears 5
alice presses *5
wait 2s
carol presses *5
wait 2s
bob presses *1
wait 2s
bob presses *5
wait 2s
alice hangs up
`))
	story := pbxtest.Rehearse(t, file, (*actions.Set).RehearsedAttended)
	var ran []string
	for line := range strings.Lines(story) {
		if _, by, ok := strings.Cut(line, "event    action.finished acme "); ok && strings.Contains(by, "module=mute") {
			who, _, _ := strings.Cut(by, " ")
			ran = append(ran, who)
		}
	}
	if got := strings.Join(ran, ", "); got != "alice, 1003@acme, bob/alice" {
		t.Errorf("codes have run of %s; it went so:\n%s", got, story)
	}
}

// TestAttendedHangups: whoever hangs up before whatever request, whether the application dies by it or not, nobody waits for ever.
func TestAttendedHangups(t *testing.T) {
	for name, call := range attendedAll {
		file := attendedCall(call + `wait 20s
nobody is alone
alice hangs up
bob hangs up
carol hangs up
wait 5s
`)
		for _, phone := range []string{"alice", "bob", "carol"} {
			for _, down := range []time.Duration{0, 300 * time.Millisecond} {
				t.Run(name+", "+phone+" "+down.String(), func(t *testing.T) {
					t.Parallel()
					pbxtest.Hangups(t, file, phone, down, (*actions.Set).RehearsedAttended)
				})
			}
		}
	}
}

// longIDs gives account, users and devices ids as long as Kazoo's.
func longIDs(call string) string {
	var b strings.Builder
	for _, who := range []string{"alice", "bob", "carol"} {
		for _, what := range []string{"ACCOUNT=acme", "USER=" + who, "DEVICE=" + who + "-desk"} {
			name, id, _ := strings.Cut(what, "=")
			b.WriteString(who + " has METAFLOWS_" + name + "=" + longID(id) + "\n")
		}
	}
	return b.String() + call
}

func longID(id string) string { return id + strings.Repeat("f", 32-len(id)) }

const attendedDocument = `{"numbers":{"61":{"module":"mute","data":{"action":"mute"}},"9":{"module":"record_call","data":{"action":"start"}}},` +
	`"patterns":{"7(\\d{4})":{"module":"attended","data":{"timeout":6}}}}`

func attendedCall(call string) *txtar.Archive {
	return txtar.Parse([]byte("-- account acme --\n" + attendedDocument + "\n-- account " + longID("acme") + " --\n" + attendedDocument + "\n-- call --\n" + call))
}

// TestAttendedRehearsal: what modules have carries an attended transfer, over a restart at any request, too.
func TestAttendedRehearsal(t *testing.T) {
	for name, call := range attendedCalls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "recorded" {
				call = longIDs(call)
			}
			rehearse(t, attendedCall(call), (*actions.Set).RehearsedAttended)
		})
	}
}
