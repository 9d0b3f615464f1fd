package e2e

import (
	"testing"

	"metaflows/docker/phone"
)

// A trunk and a phone without a callerid= of their own. What is dialled with 9 before it goes to the trunk by the application,
// with 8 by plain Dial() and features.conf, both by their own number; 7 is a Gosub's.
const (
	namelessPhones = `
[trunk](phone)
context = outside
aors = trunk
send_pai = yes
trust_id_outbound = yes

[trunk](aor-of-one)

[nameless](phone)
context = acme
aors = nameless
set_var = METAFLOWS_ACCOUNT=acme
set_var = METAFLOWS_USER=nameless
set_var = METAFLOWS_DEVICE=nameless-desk
set_var = METAFLOWS_CONTEXT=acme

[nameless](aor-of-one)

[fritz](phone)
context = acme
callerid = "Fritz" <1010>
language = de
aors = fritz
set_var = METAFLOWS_ACCOUNT=acme
set_var = METAFLOWS_CONTEXT=acme

[fritz](aor-of-one)
`
	namelessLines = `
[acme](+)
exten => _901X.,1,Stasis(metaflows,dial,PJSIP/${EXTEN:1}@trunk,30)
exten => _801X.,1,Dial(PJSIP/${EXTEN:1}@trunk,30,tT)
exten => _701X.,1,Gosub(outward,s,1(PJSIP/${EXTEN:1}@trunk))
exten => fritz,1,Stasis(metaflows,dial,PJSIP/fritz,30)
exten => 1009,1,Stasis(metaflows,dial,PJSIP/nameless,30)

[outward]
exten => s,1,Stasis(metaflows,dial,${ARG1},30)
 same => n,Return()
`
	blindByFeatures = `
[general](+)
transferdigittimeout = 1

[featuremap](+)
blindxfer = *2
`
)

// TestNamelessLegs: a leg whose endpoint gives it no caller id has the number that was dialled once it is transferred, as with
// Dial(), and its own phone is told who calls.
func TestNamelessLegs(t *testing.T) {
	for _, side := range []struct {
		name, dials, number string
		transfers           func(l *lab, c *phone.Call, target string)
	}{
		{"application", "901712345", "901712345", func(l *lab, c *phone.Call, target string) { l.press(c, "*2"+target) }},
		{"application in a Gosub", "701712345", "01712345", func(l *lab, c *phone.Call, target string) { l.press(c, "*2"+target) }},
		{"Dial()", "801712345", "801712345", func(l *lab, c *phone.Call, target string) {
			l.press(c, "*2")
			l.hears(c, 350) // dial tone
			l.press(c, target)
		}},
	} {
		start := func(t *testing.T) (l *lab, a, b *phone.Call) {
			l = newLab(t)
			l.document("acme", quickTransfer)
			trunk := l.phone("trunk")
			a, b = l.call(l.phone("alice"), side.dials, trunk)
			if _, number := b.CallerID(); number != "1001" {
				t.Errorf("the trunk is told that %q calls, want alice's 1001", number)
			}
			return l, a, b
		}
		t.Run(side.name+", to an extension", func(t *testing.T) {
			l, a, b := start(t)
			side.transfers(l, a, "1234")
			l.hears(b, music1234)
			l.ended(a)
			l.asteriskSays("1234 from=" + side.number + " ")
			l.hangUp(b)
		})
		t.Run(side.name+", to a phone", func(t *testing.T) {
			l, a, b := start(t)
			carol := l.phone("carol")
			side.transfers(l, a, "1003")
			c := l.incoming(carol)
			l.talk(b, c)
			l.ended(a)
			t.Logf("carol's phone is told %s", c.Header("From"))
			if _, number := c.CallerID(); number != side.number {
				t.Errorf("carol's phone shows %q, want %q", number, side.number)
			}
			l.hangUp(c)
			l.ended(b)
		})
	}
}

// TestNamelessIsRungBack: who is rung back after a transfer sees with whom.
func TestNamelessIsRungBack(t *testing.T) {
	l := newLab(t)
	l.document("acme", quickTransfer)
	alice := l.phone("alice")
	a, b := l.call(alice, "901712345", l.phone("trunk"))
	l.press(a, "*21999")
	l.ended(a)
	back := l.incoming(alice)
	l.talk(back, b)
	if _, number := back.CallerID(); number != "901712345" {
		t.Errorf("alice's phone shows %q (%s) when she is rung back, want 901712345", number, back.Header("From"))
	}
	l.hangUp(b)
	l.ended(back)
}

// TestNamelessAgain: a second transfer by the first one's target finds the identity, also when the call is recorded meanwhile.
func TestNamelessAgain(t *testing.T) {
	t.Parallel()
	s := ownSystem(t)
	for _, tt := range []struct{ name, from, dials, to, stays, number string }{
		{"a caller", "alice", "1002", "bob", "alice", "1001"},
		{"a caller without caller id", "nameless", "1002", "bob", "nameless", "nameless"},
		{"a callee without caller id", "alice", "1009", "nameless", "nameless", "1009"},
		{"a trunk", "alice", "901712345", "trunk", "trunk", "901712345"},
	} {
		for _, recorded := range []bool{false, true} {
			name := tt.name
			if recorded {
				name += ", recorded"
			}
			t.Run(name, func(t *testing.T) {
				l := labBeside(t, s)
				l.document("acme", againCodes)
				carol := l.phone("carol")
				a, b := l.call(l.phone(tt.from), tt.dials, l.phone(tt.to))
				stays, goes := a, b
				if tt.stays == tt.to {
					stays, goes = b, a
				}
				l.press(goes, "*21003")
				c := l.incoming(carol)
				l.talk(stays, c)
				l.ended(goes)
				if recorded {
					presser := stays
					if tt.stays == "trunk" { // it has no codes
						presser = c
					}
					l.press(presser, "*9")
					l.event("recording.started", 1)
				}
				l.press(c, "*21234")
				l.asteriskSays("1234 from=" + tt.number + " ")
				l.event("transfer.completed", 2)
				l.hangUp(stays)
				l.ended(c)
			})
		}
	}
}

const againCodes = `{"numbers":{"9":{"module":"record_call","data":{"action":"toggle"}}},"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":2}}}}`
