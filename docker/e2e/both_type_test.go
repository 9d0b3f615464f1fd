package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// Both parties type all the time, keys and codes, and what looks like them, beside a bridge of Dial()'s that looks at keys, too: what one
// presses the other hears, in order. Plain Asterisk loses nothing and doubles nothing. With metaflows nothing is lost either; a
// key is heard twice where it is down just as its hearer is added to the bridge again (ari/ASTERISK.md, Two who press at once).
func TestBothTypeAllTheTime(t *testing.T) {
	l := newLab(t)
	l.document("acme", `{"binding_digit":"#","numbers":{"7":{"module":"record_call","data":{"action":"unmask"}}}}`)
	phones := map[string]*phone.Phone{}
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		phones[name] = l.phone(name)
	}
	l.steadily("both type", func() error {
		sides := map[string]*typing{"Dial()": l.typing(phones["carol"], "hooked-dave", phones["dave"]), "metaflows": l.typing(phones["alice"], "1002", phones["bob"])}
		var all sync.WaitGroup
		for _, p := range sides {
			all.Go(p.type25)
		}
		all.Wait()
		var wrong error
		for side, p := range sides {
			wrong = errors.Join(wrong, p.judge(side, side == "Dial()"))
		}
		return wrong
	})
}

// typing is a call of which both parties type all the time.
type typing struct {
	*lab
	call [2]*phone.Call
	keys [2]string // what each has pressed
}

func (l *lab) typing(from *phone.Phone, number string, to *phone.Phone) *typing {
	a, b := l.call(from, number, to)
	return &typing{lab: l, call: [2]*phone.Call{a, b}}
}

// type25 lets both type, 25 times a key, some or a code; the same on each call.
func (p *typing) type25() {
	var both sync.WaitGroup
	for n := range 2 {
		both.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for range 25 {
				keys := []string{"#5", "1", "23", "409", "#61", "#7", "#7"}[random.IntN(7)]
				how := phone.Press{Digit: time.Duration(90+random.IntN(70)) * time.Millisecond, Gap: time.Duration(90+random.IntN(110)) * time.Millisecond}
				if _, err := p.call[n].Press(p.ctx, keys, how); err != nil {
					p.Error(err)
					return
				}
				p.keys[n] += keys
				time.Sleep(time.Duration(100+random.IntN(500)) * time.Millisecond)
			}
		})
	}
	both.Wait()
}

// judge ends the call, and says what each party has not heard of the other, or twice.
func (p *typing) judge(side string, exact bool) (wrong error) {
	for n := range 2 {
		hearer := p.call[1-n]
		p.press(p.call[n], "8") // whatever is on its way is there before this
		p.getsLast(hearer, "8")
		ends := 0
		for _, d := range hearer.DigitEvents() {
			if d.End.Sub(d.Begin) < 10*time.Millisecond {
				ends++
			}
		}
		ofCodes := strings.NewReplacer("#", "", "7", "") // which metaflows keeps
		want, heard := ofCodes.Replace(p.keys[n]+"8"), ofCodes.Replace(hearer.Digits())
		both := common(want, heard)
		lost, doubled := len(want)-both, len(heard)-both
		p.Logf("%s: of %d keys %d were lost and %d doubled; of %d the end was heard alone", side, len(want), lost, doubled, ends)
		if lost > 0 || doubled > ends || exact && doubled > 0 {
			wrong = errors.Join(wrong, fmt.Errorf("%s: heard %s, want %s", side, heard, want))
		}
	}
	p.hangUp(p.call[0])
	p.ended(p.call[1])
	return wrong
}

// Bob holds its first key, which nobody knows of yet, and alice presses the binding digit: as it is added to the bridge again
// Asterisk ends the key for alice, and sends its end once more at the release. No more than that is doubled, and nothing lost.
func TestKeyIsDownAsItsHearerPressesACode(t *testing.T) {
	l := newLab(t)
	l.document("acme", twoCodes)
	a, b := l.call(l.phone("alice"), "1002", l.phone("bob"))
	var held sync.WaitGroup
	held.Go(func() {
		if _, err := b.Press(l.ctx, "4", phone.Press{Digit: 2 * time.Second}); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(200 * time.Millisecond) // it is down
	l.press(a, "*5", phone.Press{Gap: 300 * time.Millisecond})
	l.gets(b, "*5")
	held.Wait()
	l.event("code.unmatched", 1)
	l.press(b, "1") // whatever is on its way is there before this
	l.getsLast(a, "1")
	heard := a.DigitEvents()
	heard = heard[:len(heard)-1]
	for n, d := range heard {
		t.Logf("alice hears %s, in packets of %s", d, d.End.Sub(d.Begin).Round(time.Millisecond))
		if d.Key != '4' || n == 1 && d.End.Sub(d.Begin) > 100*time.Millisecond {
			t.Errorf("alice hears %v, want 4 and its end", heard)
		}
	}
	if len(heard) < 1 || len(heard) > 2 {
		t.Errorf("alice hears %v, want 4 and its end", heard)
	}
	l.hangUp(b)
	l.ended(a)
}

// getsLast waits until a key is the last that a phone has heard.
func (l *lab) getsLast(c *phone.Call, key string) {
	l.Helper()
	for deadline := l.soon(15 * time.Second); !strings.HasSuffix(c.Digits(), key); {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline.Done():
			l.Fatalf("%s has heard %q, and no %s at its end", c, c.Digits(), key)
		}
	}
}

// common is the length of the longest sequence that is in both.
func common(a, b string) int {
	row := make([]int, len(b)+1)
	for i := range a {
		left := 0
		for j := range b {
			above := row[j+1]
			if a[i] == b[j] {
				row[j+1] = left + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			left = above
		}
	}
	return row[len(b)]
}
