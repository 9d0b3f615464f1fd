package main

import (
	"math/rand/v2"
	"time"

	"metaflows/docker/phone"
)

// loadDocument has two codes whose action is short, and a recording. The short one ends a mask where nothing is recorded:
// it fails, the presser hears that by a tone, and an event says so.
const loadDocument = `{"data":{"numbers":{"5":{"module":"record_call","data":{"action":"unmask"}},"9":{"module":"record_call"}},` +
	`"patterns":{"6(\\d{2})":{"module":"record_call","data":{"action":"unmask"}}}}}`

// plainKeys are pressed outside of codes. No code has one after its binding digit, so that a key of a code that the other
// party hears is told from the rest.
const plainKeys = "0123478#"

// token is one key that the other party is expected to hear.
type token struct {
	key  byte
	kind kind
}

type kind int

const (
	must kind = iota // it was no part of a code that ran
	may              // a binding digit that may have been kept back: digits before it were being relayed
	leak             // of a code that ran: it should not be heard
)

// turn is what somebody presses at a stretch.
type turn struct {
	presses []string // with a second between two
	how     phone.Press
	pause   time.Duration // after it
	heard   []token
	runs    bool // it is a short code
	records bool // the first press starts a recording, the second ends it
}

// presser is somebody who presses keys, with the same ones for the same seed.
type presser struct {
	*rand.Rand
	records bool // also the codes that record
	// relaying is when what was held back has arrived at the latest; until then a binding digit may be held back too.
	relaying time.Time
}

// next thinks up what to press now.
func (p *presser) next(now time.Time) turn {
	t := turn{
		how:   phone.Press{Digit: p.between(90, 160), Gap: p.between(90, 200)},
		pause: p.between(300, 1500),
	}
	star := token{'*', must}
	if now.Before(p.relaying) {
		star.kind = may
	}
	switch n := p.IntN(100); {
	case n < 55:
		t.plain(p.plain(1 + p.IntN(6)))
		if now.Before(p.relaying) {
			p.relays(p.relaying, len(t.heard))
		}
	case n < 75:
		t.code("*5", star)
		t.runs = true
	case n < 79:
		t.code("*6"+string(p.digit())+string(p.digit()), star)
		t.runs = true
	case n < 82 && p.records:
		t.code("*9", star)
		t.code("*9", star)
		t.records = true
	case n < 90: // a code that cannot be one after its first digit
		t.plain("*" + p.plain(1+p.IntN(3)))
		p.relays(now, len(t.heard))
	case n < 95: // half a code
		t.plain("*6" + string(p.digit()))
		t.pause += 1200 * time.Millisecond
		p.relays(now.Add(time.Second), len(t.heard))
	default: // the binding digit twice: what follows is plain
		t.presses = []string{"**" + p.plain(2)}
		t.heard = append(t.heard, star)
		for _, key := range []byte(t.presses[0][2:]) {
			t.heard = append(t.heard, token{key, must})
		}
		if star.kind == may {
			p.relays(p.relaying, 3)
		}
	}
	return t
}

// plain presses keys that the other party must hear.
func (t *turn) plain(keys string) {
	t.presses = append(t.presses, keys)
	for _, key := range []byte(keys) {
		t.heard = append(t.heard, token{key, must})
	}
}

// code presses one that runs.
func (t *turn) code(keys string, star token) {
	t.presses = append(t.presses, keys)
	t.heard = append(t.heard, star)
	for _, key := range []byte(keys[1:]) {
		t.heard = append(t.heard, token{key, leak})
	}
}

// plainly is for a call without codes: everything is heard.
func (t *turn) plainly() {
	t.heard = nil
	for _, keys := range t.presses {
		for _, key := range []byte(keys) {
			t.heard = append(t.heard, token{key, must})
		}
	}
}

// relays notes that keys are relayed from a time on: 200 ms each, 100 ms before every four, and time to spare.
func (p *presser) relays(from time.Time, keys int) {
	p.relaying = from.Add(time.Duration(keys)*400*time.Millisecond + time.Second)
}

func (p *presser) between(least, most int) time.Duration {
	return time.Duration(least+p.IntN(most-least)) * time.Millisecond
}

func (p *presser) digit() byte { return plainKeys[p.IntN(len(plainKeys)-1)] } // without #

func (p *presser) plain(n int) string {
	keys := make([]byte, n)
	for i := range keys {
		keys[i] = plainKeys[p.IntN(len(plainKeys))]
	}
	return string(keys)
}
