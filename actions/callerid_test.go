package actions

import "testing"

func TestDialledNumber(t *testing.T) {
	for _, tt := range []struct{ extension, dialstring, want string }{
		{"901712345", "PJSIP/01712345@trunk", "901712345"},
		{"s", "PJSIP/01712345@trunk", "01712345"},
		{"", "PJSIP/01712345@trunk", "01712345"},
		{"s", "PJSIP/trunk/sip:+491712345@192.0.2.1:5060;transport=tcp", "+491712345"},
		{"s", "PJSIP/trunk/sip:192.0.2.1", "trunk"},
		{"s", "Local/1234@from-internal/n", "1234"},
		{"s", "PJSIP/alice", "alice"},
		{"alice", "PJSIP/alice", "alice"},
		{"reception", "PJSIP/1001", "1001"},
		{"reception", "PJSIP/alice", "reception"},
		{"*97", "PJSIP/alice", "*97"},
	} {
		if got := dialledNumber(tt.extension, tt.dialstring); got != tt.want {
			t.Errorf("dialledNumber(%q, %q) = %q, want %q", tt.extension, tt.dialstring, got, tt.want)
		}
	}
}
