package pbxtest

import (
	"strings"
	"time"

	"metaflows/flows/calls"
)

// subroutines tries that one runs on a channel that was created, on one that the dialplan has handed over, and comes to an
// end in whatever way.
func subroutines(tr *trial) {
	const standing = "EVAL(${CONNECTED_LINE_SEND_SUB}|${CONTEXT},${EXTEN},${PRIORITY})"
	where := func(c calls.Channel) string {
		got, err := tr.Variables(c.ID, standing)
		if err != nil {
			return "gone"
		}
		return got[standing]
	}
	a, b, c := tr.enter("alice"), tr.create("PJSIP/bob", nil), tr.create("PJSIP/carol", nil)
	for _, tt := range []struct {
		on            calls.Channel
		routine, runs string
	}{{a, "routine,s,1(one)", "|routine,s,"}, {b, "routine,s,1(two)", "|routine,s,"}, {b, "nowhere,s,1", ""}, {c, "routine,end,1", "|routine,end,"}} {
		before := where(tt.on)
		if !strings.HasPrefix(before, "|") {
			tr.Errorf("it stands at %q", before)
		}
		other := tr.create("Local/s@metaflows-predial/n", nil)
		tr.must(tr.SetVariables(tt.on.ID, map[string]string{sendSub: predialStarts, "METAFLOWS_PREDIAL": tt.routine}))
		if got, want := where(tt.on), predialStarts+before; got != want {
			tr.Errorf("it stands at %q before, want %q", got, want)
		}
		bridge := tr.bridge(other, tt.on)
		if tt.runs != "" {
			tr.eventually(tt.routine+" runs", func() bool { return strings.HasPrefix(where(tt.on), tt.runs) })
		}
		if strings.HasPrefix(tt.routine, "routine,s") { // to move it waits for the end
			tr.must(tr.AddToBridge(bridge, tt.on.ID, false))
			if got := where(tt.on); got != before {
				tr.Errorf("it was moved while it stood at %q", got)
			}
		}
		after := before
		if tt.on.ID == c.ID {
			after = "gone"
		}
		tr.eventually(tt.routine+" has ended", func() bool { return where(tt.on) == after })
		if _, argument, has := strings.Cut(tt.routine, "("); has {
			ran, err := tr.Variables(tt.on.ID, "RAN")
			tr.must(err)
			if ran["RAN"] != strings.TrimSuffix(argument, ")") {
				tr.Errorf("it ran with %q", ran["RAN"])
			}
		}
		tr.must(tr.DeleteBridge(bridge))
		tr.must(tr.Hangup(other.ID, 0))
	}
	tr.bridge(a, b) // it does not run again
	tr.must(tr.DialChannel(b.ID, a.ID, 20*time.Second))
	await(tr, "bob is up", func(ev calls.StateChanged) bool { return ev.Channel == b.ID && ev.State == "Up" })
}
