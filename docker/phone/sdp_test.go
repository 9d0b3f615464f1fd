package phone

import (
	"net/netip"
	"strings"
	"testing"
)

func TestSession(t *testing.T) {
	want := session{addr: netip.MustParseAddrPort("127.0.0.1:4000"), dir: sendOnly, event: 101}
	got, err := parseSession(want.marshal(7, 1))
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestParseSession(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\n"
	addr := netip.MustParseAddrPort("10.0.0.1:4000")
	for name, tt := range map[string]struct {
		body string
		want session
		fail string
	}{
		"session's address": {body: "c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0\r\n", want: session{addr, sendRecv, 0}},
		"media's address":   {body: "c=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 10.0.0.1\r\na=recvonly\r\n", want: session{addr, recvOnly, 0}},
		"direction above":   {body: "c=IN IP4 10.0.0.1\r\nt=0 0\r\na=inactive\r\nm=audio 4000 RTP/AVP 0\r\n", want: session{addr, inactive, 0}},
		"events at 96": {body: "c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n",
			want: session{addr, sendRecv, 96}},
		"second stream": {body: "c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 0\r\n", want: session{addr, sendRecv, 0}},
		"other codec":   {body: "c=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n", fail: "no PCMU"},
		"no audio":      {body: "t=0 0\r\nm=audio 0 RTP/AVP 0\r\n", fail: "no audio"},
		"no address":    {body: "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", fail: "address"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseSession([]byte(head + tt.body))
			if tt.fail != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fail) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestCauseOf(t *testing.T) {
	for reason, want := range map[string]int{
		`Q.850;cause=16`:                   16,
		`Q.850 ;text="x";cause=17`:         17,
		`SIP;cause=200;text="elsewhere"`:   0,
		`SIP;cause=487, Q.850;cause=26`:    26,
		`q.850;cause=19;text="No answer"`:  19,
		`Q.850;cause=99999999999999999999`: 0,
		``:                                 0,
	} {
		if got := causeOf(reason); got != want {
			t.Errorf("%q: cause %d, want %d", reason, got, want)
		}
	}
}
