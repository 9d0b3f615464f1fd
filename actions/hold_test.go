package actions_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"metaflows/actions"
	"metaflows/actions/pbxtest"
	"metaflows/flows/calls"
)

// holding is what the rehearsed hold keeps of who is held.
type holding struct {
	Key   string `json:"k"`
	Class string `json:"c"`
	Apart bool   `json:"a"`
}

type holdData struct {
	Class string `json:"moh_aleg"`
	Key   string `json:"unhold_key"`
	Apart bool   `json:"apart"` // out of the bridge, instead of muted in it
}

// rehearsedHold is no product: a hold that ends by a key, made of what modules have.
func rehearsedHold(*actions.Set) calls.Module {
	m := calls.Define("hold", holdData{Class: "default", Key: "1"}, func(t *calls.Task, data holdData) (calls.Next, error) {
		_, peer, err := t.Pair()
		if err != nil {
			return calls.Stop, err
		}
		t.Accept("")
		_, err = t.Keep(peer, &holding{data.Key, data.Class, data.Apart})
		return calls.Continue, err
	})
	m.Keep = calls.Keeps(func(t *calls.Task, k *calls.Kept, h *holding) error {
		held, holder := k.Leg, t.Call.Peer(k.Leg)
		if holder == nil {
			return calls.ErrGone
		}
		silence := calls.Muted
		if h.Apart {
			silence = calls.Apart
		}
		if err := errors.Join(t.Take(held, calls.Music, k.Name, h.Class), t.Take(held, silence, k.Name, "")); err != nil {
			return err
		}
		k.Began()
		err := t.AwaitKeys(holder, h.Key, k.Ending)
		if errors.Is(err, calls.ErrPast) {
			return nil
		}
		return err
	})
	return m
}

// rehearse plays a call with a module that is no product, and again and again with a restart at each request. Nothing is to be
// logged as an error.
func rehearse(t *testing.T, file *txtar.Archive, module pbxtest.Module) {
	t.Helper()
	story := pbxtest.Rehearse(t, file, module)
	if strings.Contains(story, "  error  ") {
		t.Errorf("an error is logged")
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("it went so:\n%s", story)
	}
	pbxtest.Restarts(t, file, 300*time.Millisecond, module)
}

// TestHoldRehearsal: claims, what lasts and awaited keys carry a hold that ends by a key, over a restart at any request, too.
// What others want of the held leg stays.
func TestHoldRehearsal(t *testing.T) {
	const documents = `-- account acme --
{"numbers":{"7":{"module":"hold"},"8":{"module":"hold","data":{"apart":true}},"61":{"module":"mute","data":{"action":"mute"}},"62":{"module":"mute","data":{"action":"unmute"}}}}
-- call --
`
	for name, call := range map[string]string{
		"muted": `alice calls bob
bob presses *7
wait 2s
from Mute on alice hears music
from Mute on alice is muted
bob presses 1
wait 2s
from StopMOH on alice hears no music
from StopMOH on alice talks to bob
bob presses 1
wait 1s
alice hangs up
wait 1s
bob is gone
`,
		"apart": `alice calls bob
bob presses *8
wait 2s
from RemoveFromBridge on alice hears music
from RemoveFromBridge on alice does not talk to bob
bob presses 1
wait 2s
from StopMOH on alice talks to bob
alice hangs up
wait 1s
bob is gone
`,
		"by itself muted": `alice calls bob
alice presses *61
wait 1s
bob presses *7
wait 2s
bob presses 1
wait 2s
from StopMOH on alice hears no music
from StartMOH on alice is muted
bob hangs up
wait 1s
alice is gone
`,
		"muted while it is held": `alice calls bob
bob presses *7
wait 2s
alice presses *61
wait 1s
bob presses 1
wait 2s
from StopMOH on alice hears no music
from StopMOH on alice is muted
alice presses *62
wait 2s
from Unmute on alice talks to bob
bob hangs up
wait 1s
alice is gone
`,
		"goes on in the dialplan": `alice dials PJSIP/bob,30,g
wait 2s
bob presses *7
wait 2s
bob hangs up
wait 2s
alice goes on
`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rehearse(t, txtar.Parse([]byte(documents+call)), rehearsedHold)
		})
	}
}
