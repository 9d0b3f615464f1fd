package actions_test

import (
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"metaflows/actions/pbxtest"
)

// TestApartAgain: who is to come back into the bridge, and is taken out of it again before Asterisk has done so, stays out.
func TestApartAgain(t *testing.T) {
	for name, fault := range map[string]string{
		"it does not answer": strings.Repeat("asterisk refuses AddToBridge: unavailable\n", 4),
		"it is slow":         "asterisk is slow with AddToBridge: 2s\n",
	} {
		t.Run(name, func(t *testing.T) {
			pbxtest.Rehearse(t, txtar.Parse([]byte(`-- account acme --
{"numbers":{"8":{"module":"hold","data":{"apart":true}}}}
-- call --
alice calls bob
bob presses *8
wait 2s
`+fault+`bob presses 1
bob presses *8 at 40/40
wait 6s
alice presses *
wait 2s
bob does not hear alice
alice hears music
bob presses 1
wait 2s
alice talks to bob
alice hangs up
wait 1s
bob is gone
`)), rehearsedHold)
		})
	}
}
