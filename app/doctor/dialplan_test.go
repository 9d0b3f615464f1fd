package doctor

import (
	"strings"
	"testing"
)

func TestDialplanLines(t *testing.T) {
	for _, tt := range []struct{ line, wants, mended string }{
		{"1,1,Stasis(metaflows,dial,PJSIP/alice,30)", "", ""},
		{"1,1,Stasis(metaflows)", "", ""},
		{"1,1,Stasis(metaflows,dial,PJSIP/alice&PJSIP/${CUT(X,-,2)},${T},tTgm(default))", "", ""},
		{"1,1,Stasis(metaflows,dial,${WANTED},30^5,L(${MAX}:${WARN})${MORE}g)", "", ""},
		{`1,1,ExecIf($["${X}"="1"]?Stasis(metaflows,dial,PJSIP/alice,30,gD(1w2)))`, "", ""},
		{"1,1,Stasis(metaflows,dial,${PJSIP_DIAL_CONTACTS(erin)}&,30)", "", ""},
		{"1,1,Stasis(${APP},dial,PJSIP/alice,30,Z)", "", ""},
		{"1,1,Stasis(voicebot,en,PJSIP/alice)", "", ""},
		{"1,1,Stasis(pilot,dial,PJSIP/alice)", "", ""}, // is connected, too
		{"1,1,StasisBroadcast(500,^metaflows$,dial:PJSIP/alice:30:g)", "", ""},
		{"1,1,StasisBroadcast(500,,dial:PJSIP/alice)", "", ""},
		{"1,1,StasisBroadcast(500,^voicebot$,en)", "", ""},

		{"1,1,Stasis(metaflow,dial,PJSIP/alice,30)", "Stasis(metaflow,dial,PJSIP/alice,30) gives calls to metaflow, but the application's name is metaflows",
			"exten => 1,1,Stasis(metaflows,dial,PJSIP/alice,30)"},
		{"1,1,Stasis(Metaflows)", "gives calls to Metaflows,", "exten => 1,1,Stasis(metaflows)"},
		{"1,1,StasisBroadcast(500,^metaflow$,dial:PJSIP/alice)", "gives calls to ^metaflow$,", "exten => 1,1,StasisBroadcast(500,^metaflows$,dial:PJSIP/alice)"},
		{`1,1,ExecIf($["${X}"="1"]?Stasis(metaflows,dial,PJSIP/alice,30,tZT(x)g${MORE}))`, `option "Z" is not known: accepted are `,
			`exten => 1,1,ExecIf($["${X}"="1"]?Stasis(metaflows,dial,PJSIP/alice,30,tT(x)g${MORE}))`},
		{"1,1,Stasis(metaflows,dial,PJSIP/alice,${T},Z(${X},2))", `option "Z" is not known`, "exten => 1,1,Stasis(metaflows,dial,PJSIP/alice,${T})"},
		{"1,1,Stasis(metaflows,dial,PJSIP/alice,30,gQ(nonsense))", `option "Q" `, "exten => 1,1,Stasis(metaflows,dial,PJSIP/alice,30,g)"},
		{"1,1,StasisBroadcast(500,^metaflows$,dial:PJSIP/alice:30:gZ)", `option "Z" is not known`, "exten => 1,1,StasisBroadcast(500,^metaflows$,dial:PJSIP/alice:30:g)"},
		{"1,1,Stasis(metaflows,dial,alice,30)", `dialstring "alice" is not of the form TECHNOLOGY/resource`, "accepted is dial,<dialstring>"},
		{"1,1,Stasis(metaflows,dial,PJSIP/alice,soon)", `"soon" is no dial time`, "accepted is dial,<dialstring>"},
		{"1,1,Stasis(metaflows,dail,PJSIP/alice)", `"dail" is not known`, "accepted is dial,<dialstring>"},
		{"1,1,Stasis(metaflows,dial,PJSIP/alice,30,g,m)", "dial takes at most three arguments, it got 4", "accepted is dial,<dialstring>"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			healthy, text := says(t, map[string]string{
				"extensions.conf": "[general]\nstatic=yes\n\n#include more.conf\n",
				"more.conf":       "[acme]\nexten => 1,n,Stasis(metaflows)\nexten => " + tt.line + " ; as before\n",
			}, "pilot", "voicebot")
			if tt.wants == "" {
				if !healthy || !strings.Contains(text, "of the dialplan that give calls to metaflows have a form that it knows") {
					t.Error(text)
				}
				return
			}
			if healthy || !strings.Contains(text, "MISSING more.conf:3: ") || !strings.Contains(text, tt.wants) || !strings.Contains(text, "\n          "+tt.mended) {
				t.Error(text)
			}
		})
	}
}

func TestDialplanWithoutUs(t *testing.T) {
	healthy, text := says(t, map[string]string{"extensions.conf": "[acme]\nexten => 1,1,Dial(PJSIP/alice,30)\n"})
	if !healthy || !strings.Contains(text, "NOTE    no line of extensions.conf gives calls to metaflows") || !strings.Contains(text, "Stasis(metaflows,dial,PJSIP/alice,30)") {
		t.Error(text)
	}
}
