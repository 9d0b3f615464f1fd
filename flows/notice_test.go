package flows

import (
	"fmt"
	"log/slog"
	"testing"
)

// lastNotice keeps what was published last.
type lastNotice struct{ n Notice }

func (p *lastNotice) Publish(n Notice) { p.n = n }

// An event names the people of its account's own legs, and outsiders; of another account's leg it has the channel alone, and
// of a Local leg no extension.
func TestWhoANoticeNames(t *testing.T) {
	published := &lastNotice{}
	c := NewCalls(CallsConfig{Publisher: published, Log: slog.New(slog.DiscardHandler)}).newCall("c")
	leg := func(id, name, account string) {
		c.Add(NewLeg(Channel{ID: id, Name: name + "-00000001", Vars: map[string]string{
			"METAFLOWS_ACCOUNT": account, "METAFLOWS_USER": "user-" + id, "METAFLOWS_DEVICE": "device-" + id,
		}}, RoleCaller))
	}
	leg("a", "PJSIP/alice", "acme")
	leg("b", "PJSIP/bob", "acme")
	leg("m", "PJSIP/mallory", "evil")
	leg("o", "PJSIP/outside", "")
	leg("l", "Local/1003@acme", "acme")
	for _, tt := range []struct{ account, channel, other, want string }{
		{"acme", "a", "b", "user-a device-a | PJSIP/bob user-b device-b"},
		{"acme", "a", "m", "user-a device-a |   "},
		{"evil", "m", "a", "user-m device-m |   "},
		{"acme", "m", "a", "  | PJSIP/alice user-a device-a"},
		{"acme", "o", "a", "  | PJSIP/alice user-a device-a"},
		{"acme", "a", "o", "user-a device-a | PJSIP/outside  "},
		{"", "o", "a", "  |   "},
		{"acme", "a", "l", "user-a device-a |   "},
		{"acme", "a", "gone", "user-a device-a |   "},
		{"acme", "", "", "  |   "},
	} {
		c.publish(Notice{Account: tt.account, Channel: tt.channel, OtherChannel: tt.other})
		n := published.n
		if got := fmt.Sprintf("%s %s | %s %s %s", n.User, n.Device, n.OtherEndpoint, n.OtherUser, n.OtherDevice); got != tt.want {
			t.Errorf("%s of %q, other leg %q: %q, want %q", tt.channel, tt.account, tt.other, got, tt.want)
		}
	}
}
