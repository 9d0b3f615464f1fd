package e2e

import (
	"fmt"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// forwardingPhones point on with the whole URI (swen), or into a context of their own (ida).
const (
	forwardingPhones = `
[swen](phone)
context = acme
callerid = "Swen" <1011>
aors = swen
redirect_method = uri_core
set_var = METAFLOWS_ACCOUNT=acme
set_var = METAFLOWS_USER=swen
set_var = METAFLOWS_DEVICE=swen-desk
set_var = METAFLOWS_CONTEXT=acme

[swen](aor-of-one)

[ida](phone)
context = acme
callerid = "Ida" <1012>
aors = ida
set_var = METAFLOWS_ACCOUNT=acme
set_var = FORWARD_CONTEXT=forwards

[ida](aor-of-one)
`
	forwardingLines = `
[acme](+)
exten => swen,1,Stasis(metaflows,dial,PJSIP/swen,30)
exten => ida,1,Stasis(metaflows,dial,PJSIP/ida,30)

[forwards]
exten => 1003,1,Goto(acme,1996,1)
`
)

// redirections are callees that answer 302.
func redirections() (cases []diallingCase) {
	follows := func(s *scene) {
		a := s.call()
		select {
		case <-a.Answered():
			s.told(a)
			s.hangUp(a)
		case <-a.Ended():
		}
		s.over(a)
	}
	to := func(extension string) phone.Behaviour { return phone.Redirect("sip:" + extension + "@127.0.0.1") }
	for _, tt := range []struct {
		name, dial, extension string
	}{
		{name: "redirected (302)", dial: "PJSIP/bob,30", extension: "1996"},
		{name: "redirected to who is busy", dial: "PJSIP/bob,30", extension: "1995"},
		{name: "redirected to nowhere", dial: "PJSIP/bob,30", extension: "2777"},
		{name: "redirected to who does not answer", dial: "PJSIP/bob,1", extension: "1998"},
		{name: "redirected, option i", dial: "PJSIP/bob,30,i", extension: "1996"},
		{name: "redirected, one of two", dial: "PJSIP/bob&PJSIP/carol,30", extension: "1996"},
	} {
		cases = append(cases, diallingCase{
			name: tt.name, dial: tt.dial, phones: behaviours{"bob": to(tt.extension), "carol": phone.RingForever()}, play: follows,
		})
	}
	for _, dial := range []string{"PJSIP/bob,30", "PJSIP/bob&PJSIP/dave,30"} {
		cases = append(cases, diallingCase{
			name: "redirected to a phone, " + dial, dial: dial,
			phones: behaviours{"bob": to("d-carol"), "carol": phone.AnswerAfter(100 * time.Millisecond), "dave": phone.RingForever()},
			play: func(s *scene) {
				a := s.call()
				c := s.answered("carol")
				s.talk(a, c)
				s.outcome.note("From", address.ReplaceAllString(c.Header("From"), ""))
				s.outcome.note("Diversion", address.ReplaceAllString(c.Header("Diversion"), ""))
				s.hangUp(c)
				s.over(a)
			},
		})
	}
	return cases
}

// TestForwardBringsNobodysCodes: who is called where a callee points to has none of its codes, and none of its identity, by
// whichever way it points; its own codes it has.
func TestForwardBringsNobodysCodes(t *testing.T) {
	for _, tt := range []struct {
		name, dials string
		to          func(carol *phone.Phone) string
	}{
		{"by the dialplan", "1002", func(*phone.Phone) string { return "sip:d-carol@127.0.0.1" }},
		{"by a whole URI", "swen", func(carol *phone.Phone) string { return carol.URI() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			l.document("acme/users/bob", twoCodes)
			l.document("acme/users/swen", twoCodes)
			from := map[string]string{"1002": "bob", "swen": "swen"}[tt.dials]
			carol := l.phone("carol")
			l.phone(from).Behave(phone.Redirect(tt.to(carol)))
			a, c := l.call(l.phone("alice"), tt.dials, carol)
			l.press(c, "*0")
			l.gets(a, "*0")
			l.staysUp(a)
			e := l.event("call.forwarded", 1)
			if e.Endpoint != "PJSIP/"+from || e.User != from {
				t.Errorf("call.forwarded says %+v", e)
			}
			l.hangUp(a)
			l.ended(c)
		})
	}
}

// TestForwardContext: where a callee points is dialled in FORWARD_CONTEXT of its endpoint.
func TestForwardContext(t *testing.T) {
	l := newLab(t)
	l.phone("ida").Behave(phone.Redirect("sip:1003@127.0.0.1"))
	a, err := l.phone("alice").Call(l.soon(5*time.Second), "ida")
	l.must(err)
	l.hears(a, tones["alice"]) // 1996 sends the audio back
	if e := l.event("call.forwarded", 1); e.Target != "1003" || e.Endpoint != "PJSIP/ida" {
		t.Errorf("call.forwarded says %+v", e)
	}
	l.hangUp(a)
}

// TestForwardInCircles: two phones that point to each other, and one that points to itself, end; nothing is left.
func TestForwardInCircles(t *testing.T) {
	for _, circle := range []map[string]string{{"bob": "1003", "carol": "1002"}, {"bob": "1002"}} {
		t.Run(fmt.Sprint(circle), func(t *testing.T) {
			l := newLab(t)
			phones := map[string]*phone.Phone{}
			for name, to := range circle {
				phones[name] = l.phone(name)
				phones[name].Behave(phone.Redirect("sip:" + to + "@127.0.0.1"))
			}
			a, err := l.phone("alice").Dial(l.soon(5*time.Second), "1002")
			l.must(err)
			l.ended(a)
			for name, p := range phones {
				if _, err := p.Incoming(l.soon(time.Second)); err != nil {
					t.Errorf("%s was not called: %v", name, err)
				}
				called := 1
				for { // again where Asterisk has not told where it points
					if _, err := p.Incoming(l.soon(100 * time.Millisecond)); err != nil {
						break
					}
					called++
				}
				if called > 4 {
					t.Errorf("%s was called %d times", name, called)
				}
			}
			if n := len(l.all("call.forwarded")); n != len(circle) {
				t.Errorf("%d redirections were followed, want %d", n, len(circle))
			}
		})
	}
}
