package main

import (
	"context"
	"math/rand/v2"
	"time"

	"metaflows/docker/phone"
	"metaflows/docker/program"
)

// store stores the document of the account that all phones are of.
func store(ctx context.Context, p *program.Program, document string) error {
	_, err := p.Request(ctx, "POST", "/v2/accounts/acme/metaflows", document)
	return err
}

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
	may              // the binding digit of a code that ran: at most that may be heard
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
}

// next thinks up what to press now.
func (p *presser) next() turn {
	t := turn{
		how:   phone.Press{Digit: p.between(90, 160), Gap: p.between(90, 200)},
		pause: p.between(300, 1500),
	}
	switch n := p.IntN(100); {
	case n < 55:
		t.plain(p.plain(1 + p.IntN(6)))
	case n < 75:
		t.code("*5")
		t.runs = true
	case n < 79:
		t.code("*6" + string(p.digit()) + string(p.digit()))
		t.runs = true
	case n < 82 && p.records:
		t.code("*9")
		t.code("*9")
		t.records = true
	case n < 90: // a code that cannot be one after its first digit
		t.plain("*" + p.plain(1+p.IntN(3)))
	case n < 95: // half a code
		t.plain("*6" + string(p.digit()))
		t.pause += 1200 * time.Millisecond
	default: // the binding digit twice: what follows is plain
		t.presses = []string{"**" + p.plain(2)}
		for _, key := range []byte(t.presses[0][1:]) {
			t.heard = append(t.heard, token{key, must})
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
func (t *turn) code(keys string) {
	t.presses = append(t.presses, keys)
	t.heard = append(t.heard, token{keys[0], may})
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
