package actions_test

import (
	"errors"
	"testing"

	"golang.org/x/tools/txtar"

	"metaflows/actions"
	"metaflows/actions/pbxtest"
	"metaflows/flows/calls"
)

// sounding is the data of a rehearsed sound, and what it keeps.
type sounding struct {
	Facet calls.Facet `json:"facet"`
	Value string      `json:"value"`
	Key   string      `json:"key"` // by which the presser ends it
}

// rehearsedSound is no product: how its presser sounds, until that presses a key.
func rehearsedSound(*actions.Set) calls.Module {
	m := calls.Define("sound", sounding{}, func(t *calls.Task, data sounding) (calls.Next, error) {
		t.Accept("")
		_, err := t.Keep(t.Leg, &data)
		return calls.Continue, err
	})
	m.Keep = calls.Keeps(func(t *calls.Task, k *calls.Kept, s *sounding) error {
		if err := t.Take(k.Leg, s.Facet, k.Name, s.Value); err != nil {
			return err
		}
		k.Began()
		err := t.AwaitKeys(k.Leg, s.Key, k.Ending)
		if errors.Is(err, calls.ErrPast) {
			return nil
		}
		return err
	})
	return m
}

const soundDocuments = `-- account acme --
{"numbers":{
"6":{"module":"sound","data":{"facet":"said volume","value":"-4","key":"4"}},
"7":{"module":"sound","data":{"facet":"heard volume","value":"4","key":"1"}},
"8":{"module":"sound","data":{"facet":"heard volume","value":"-2","key":"2"}},
"91":{"module":"sound","data":{"facet":"heard pitch","value":"1.5","key":"5"}},
"92":{"module":"sound","data":{"facet":"said pitch","value":"0.5","key":"6"}}}}
-- call --
`

// TestSoundRehearsal: claims carry how a leg sounds, over a restart at any request, too: of several the last is in force, and then
// the one before.
func TestSoundRehearsal(t *testing.T) {
	for name, call := range map[string]string{
		"the last ends first": `alice calls bob
alice presses *7
wait 2s
from VOLUME(TX)=4 on alice hears louder by 4
alice presses *8
wait 2s
from VOLUME(TX)=-2 on alice hears quieter by 2
alice presses 2
wait 2s
alice presses 1
wait 2s
from VOLUME(TX)=0 on alice hears as it is
alice talks to bob
alice hangs up
wait 1s
bob is gone
`,
		"the first ends first": `alice calls bob
alice presses *7
wait 2s
alice presses *8
wait 2s
alice presses 1
wait 2s
from VOLUME(TX)=-2 on alice hears quieter by 2
alice presses 2
wait 2s
from VOLUME(TX)=0 on alice hears as it is
bob hangs up
wait 1s
alice is gone
`,
		"directions are apart": `alice calls bob
bob presses *6
wait 2s
from VOLUME(RX)=-4 on bob is heard quieter by 4
bob presses *91
wait 2s
from PITCH_SHIFT(tx)=1.5 on bob hears pitched by 1.5
bob presses *92
wait 2s
from PITCH_SHIFT(rx)=0.5 on bob is heard pitched by 0.5
bob presses 4
wait 2s
bob presses 5
wait 2s
from PITCH_SHIFT(tx)=1.0 on bob hears as it is
from PITCH_SHIFT(tx)=1.0 on bob is heard pitched by 0.5
bob presses 6
wait 2s
from PITCH_SHIFT(rx)=1.0 on bob is heard as it is
alice hears as it is
bob hangs up
wait 1s
alice is gone
`,
		"goes on in the dialplan": `alice dials PJSIP/bob,30,g
wait 2s
alice presses *7
wait 2s
alice presses *92
wait 2s
bob hangs up
wait 2s
alice goes on
`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rehearse(t, txtar.Parse([]byte(soundDocuments+call)), rehearsedSound)
		})
	}
}

// TestSoundRefused: who is refused changes nothing for who has claimed it before, and what is not undone is asked for again.
func TestSoundRefused(t *testing.T) {
	pbxtest.Rehearse(t, txtar.Parse([]byte(soundDocuments+`alice calls bob
alice presses *7
wait 2s
asterisk refuses VOLUME(TX)=-2: unavailable
alice presses *8
wait 2s
at least once action.failed
alice hears louder by 4
asterisk refuses VOLUME(TX)=0: unavailable
alice presses 1
wait 2s
alice hears as it is
alice hangs up
wait 1s
bob is gone
`)), rehearsedSound)
}
