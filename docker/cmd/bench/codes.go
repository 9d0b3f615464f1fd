package main

import (
	"context"
	"strings"
	"time"

	"metaflows/docker/phone"
	"metaflows/docker/rig"
)

// side is who handles the code.
type side struct{ name, extension string }

// Both sides are called by alice, ring bob, and let both press codes. Runs alternate between them.
var sides = []side{{"metaflows", "1002"}, {"features.conf", "features"}}

// code is one that is measured, the same keys on both sides. What is pressed last decides it on both.
type code struct {
	name, keys, effect string
	goal               float64 // the most that the median may be, in that of features.conf; 0: there is none
	quiet              bool    // the peer is silent from then on: the presser is to hear the code's tone alone
	seen               func(*latencyBench, context.Context, parties) (time.Time, error)
}

// parties are both sides of a call. The caller presses.
type parties struct{ caller, callee *phone.Call }

// The tone of a code comes in a packet of 20 ms, as it does on both sides.
var codes = []code{
	{"hangup", "*0", "BYE at the peer", 2.0, false, (*latencyBench).hungUp},
	{"transfer", "*23003", "INVITE at the target", 1.7, false, (*latencyBench).invited},
	{"record", "*9", "the file exists", 8, false, (*latencyBench).recorded},
	{"mute", "*8", "the presser's tone", 0, true, (*latencyBench).toned},
	{"failure", "*7", "the presser's tone", 0, true, (*latencyBench).toned},
}

// The target of the transfers is a phone that Dial() rings, on both sides. The context of Asterisk's own has no other
// extension, so that its last digit decides. Its recordings get names of their own, also within one second.
const latencyDialplan = `
[acme](+)
exten => features,1,Set(__TRANSFER_CONTEXT=targets)
 same => n,Set(__DYNAMIC_FEATURES=mute#failure)
 same => n,Set(__TOUCH_MIXMONITOR=${UNIQUEID})
 same => n,Dial(PJSIP/bob,30,tThHxX)
exten => 3003,1,Dial(PJSIP/carol,30)

[targets]
exten => 3003,1,Dial(PJSIP/carol,30)

[muted]
exten => s,1,Set(MUTEAUDIO(in)=on)
 same => n,Playtones(1000)
 same => n,Return()
`

const latencyFeatures = `
disconnect => *0
blindxfer => *2
automixmon => *9

[applicationmap]
mute => *8,self,Gosub,"muted,s,1"
failure => *7,self,Playtones,400
`

const latencyDocument = `{"data":{"numbers":{"0":{"module":"hangup"},"7":{"module":"record_call","data":{"action":"unmask"}},` +
	`"8":{"module":"mute"},"9":{"module":"record_call"}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}}`

func (b *latencyBench) hungUp(ctx context.Context, p parties) (time.Time, error) {
	if err := p.callee.WaitEnded(ctx); err != nil {
		return time.Time{}, err
	}
	end, _ := p.callee.HowEnded()
	return end.Time, nil
}

func (b *latencyBench) toned(ctx context.Context, p parties) (time.Time, error) {
	return p.caller.WaitSound(ctx, time.Now())
}

func (b *latencyBench) invited(ctx context.Context, p parties) (time.Time, error) {
	target, err := b.carol.Incoming(ctx)
	at := time.Now()
	if err != nil {
		return at, err
	}
	// Who is transferred hears the target: it was the transfer that was measured.
	return at, p.callee.WaitTone(ctx, rig.Tones[target.Phone().Name()])
}

func (b *latencyBench) recorded(ctx context.Context, _ parties) (time.Time, error) {
	b.files.forget()
	for {
		select {
		case file := <-b.files.seen:
			if strings.HasSuffix(file.path, ".wav") {
				return file.at, nil
			}
		case <-ctx.Done():
			return time.Time{}, context.Cause(ctx)
		}
	}
}
