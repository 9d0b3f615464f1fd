package e2e

import (
	"regexp"
	"strings"

	"metaflows/docker/phone"
)

// callerLines set the caller's identity as a dialplan may, and go on as one of the sides; quietPhones send and believe
// P-Asserted-Identity, and share named groups only.
const (
	callerLines = `
exten => _cid-.,1,Set(CALLERID(name)=Somebody Else)
 same => n,Set(CALLERID(num)=4711)
 same => n,Goto(${EXTEN:4},1)
exten => _[n]um-.,1,Set(CALLERID(num-pres)=prohib)
 same => n,Goto(${EXTEN:4},1)
exten => _[n]ame-.,1,Set(CALLERID(name-pres)=prohib)
 same => n,Goto(${EXTEN:5},1)
exten => _pres-.,1,Set(CALLERID(pres)=prohib)
 same => n,Goto(${EXTEN:5},1)
`
	quietPhones = `
[quiet](!,phone)
context = acme
send_pai = yes
trust_id_outbound = yes
named_call_group = quiet
named_pickup_group = quiet
set_var = METAFLOWS_ACCOUNT=acme
set_var = METAFLOWS_CONTEXT=acme

[aor-of-one](!)
type = aor
max_contacts = 1
remove_existing = yes

[erin](quiet)
callerid = "Erin" <1007>
aors = erin

[erin](aor-of-one)

[frank](quiet)
callerid = "Frank" <1008>
aors = frank

[frank](aor-of-one)

[gina](quiet)
callerid = "Gina" <1009>
aors = gina

[gina](aor-of-one)
`
)

// identities compare who the callee is told that calls, and whom the caller is told that it has reached.
func identities() (cases []diallingCase) {
	for _, pair := range []struct{ from, to, says string }{
		{"alice", "bob", "From alone"}, {"erin", "frank", "with P-Asserted-Identity"},
	} {
		for _, set := range []struct{ prefix, says string }{
			{"", "as it is"}, {"cid-", "set by the dialplan"}, {"num-", "number withheld"}, {"name-", "name withheld"}, {"pres-", "withheld"},
			{"cid-pres-", "set and withheld"},
		} {
			cases = append(cases, diallingCase{
				name: "caller id " + set.says + ", " + pair.says, from: pair.from, set: set.prefix, dial: "PJSIP/" + pair.to + ",30",
				phones: behaviours{pair.to: phone.Answer()}, play: func(s *scene) { s.introduce(pair.to) },
			})
		}
		cases = append(cases, diallingCase{
			name: "a callee without caller id, " + pair.says, from: pair.from, dial: "PJSIP/trunk,30",
			phones: behaviours{"trunk": phone.Answer()}, play: func(s *scene) { s.introduce("trunk") },
		}, diallingCase{
			name: "connected line of the first of two, " + pair.says, from: pair.from, dial: "PJSIP/" + pair.to + "&PJSIP/nobody,30",
			phones: behaviours{pair.to: phone.Answer()}, play: func(s *scene) { s.introduce(pair.to) },
		})
	}
	return cases
}

var address = regexp.MustCompile(`@[^>;]*|;.*`)

// introduce notes who is told what.
func (s *scene) introduce(callee string) {
	s.Helper()
	a := s.call()
	b := s.answered(callee)
	s.talk(a, b)
	s.hangUp(b)
	s.over(a)
	told := func(header string) string { // the extension that was dialled has the side's name in it
		return strings.ReplaceAll(address.ReplaceAllString(header, ""), s.side+"-", "")
	}
	s.outcome.note("From", address.ReplaceAllString(b.Header("From"), ""))
	s.outcome.note("P-Asserted-Identity", address.ReplaceAllString(b.Header("P-Asserted-Identity"), ""))
	s.outcome.note("Privacy", b.Header("Privacy"))
	s.outcome.note("the caller is told", told(a.ConnectedIdentity()))
	s.outcome.note("the callee is told", told(b.ConnectedIdentity()))
}
