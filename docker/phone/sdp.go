package phone

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// RTP payload types: PCMU is static (RFC 3551), the one for telephone-event is
// what most phones use and what we offer.
const (
	payloadPCMU  = 0
	payloadEvent = 101
)

// direction says who sends media (RFC 3264 section 5.1), seen by the writer of
// the session description.
type direction string

const (
	sendRecv direction = "sendrecv"
	sendOnly direction = "sendonly"
	recvOnly direction = "recvonly"
	inactive direction = "inactive"
)

func (d direction) sends() bool    { return d == sendRecv || d == sendOnly }
func (d direction) receives() bool { return d == sendRecv || d == recvOnly }

// directionOf is the direction of one who does, or does not, send and receive.
func directionOf(sends, receives bool) direction {
	switch {
	case sends && receives:
		return sendRecv
	case sends:
		return sendOnly
	case receives:
		return recvOnly
	}
	return inactive
}

// session is what the phone needs of a session description.
type session struct {
	addr  netip.AddrPort // where its writer wants RTP
	dir   direction      // the writer's
	event uint8          // payload type of telephone-event; 0 for none
}

// marshal writes the session description; version counts up with every change
// (RFC 3264 section 8).
func (s session) marshal(id, version uint64) []byte {
	formats := []string{strconv.Itoa(payloadPCMU)}
	attributes := []sdp.Attribute{sdp.NewAttribute("rtpmap", "0 PCMU/8000")}
	if s.event != 0 {
		pt := strconv.Itoa(int(s.event))
		formats = append(formats, pt)
		attributes = append(attributes,
			sdp.NewAttribute("rtpmap", pt+" telephone-event/8000"),
			sdp.NewAttribute("fmtp", pt+" 0-15"))
	}
	attributes = append(attributes, sdp.NewAttribute("ptime", "20"), sdp.NewPropertyAttribute(string(s.dir)))
	ip := s.addr.Addr().String()
	d := sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "-", SessionID: id, SessionVersion: version,
			NetworkType: "IN", AddressType: "IP4", UnicastAddress: ip,
		},
		SessionName:           "-",
		ConnectionInformation: &sdp.ConnectionInformation{NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: ip}},
		TimeDescriptions:      []sdp.TimeDescription{{}},
		MediaDescriptions: []*sdp.MediaDescription{{
			MediaName: sdp.MediaName{
				Media: "audio", Port: sdp.RangedPort{Value: int(s.addr.Port())},
				Protos: []string{"RTP", "AVP"}, Formats: formats,
			},
			Attributes: attributes,
		}},
	}
	body, err := d.Marshal()
	if err != nil { // only for values that cannot be written, which we do not have
		panic("phone: session description: " + err.Error())
	}
	return body
}

// parseSession reads the audio stream of a session description. A description
// without a PCMU stream is an error.
func parseSession(body []byte) (session, error) {
	var d sdp.SessionDescription
	if err := d.Unmarshal(body); err != nil {
		return session{}, fmt.Errorf("session description: %w", err)
	}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media != "audio" || m.MediaName.Port.Value == 0 {
			continue
		}
		return parseAudio(&d, m)
	}
	return session{}, fmt.Errorf("session description: no audio stream")
}

// parseAudio reads one media section; what it does not say itself is said by
// the session part.
func parseAudio(d *sdp.SessionDescription, m *sdp.MediaDescription) (session, error) {
	s := session{dir: sendRecv}
	at := cmpInfo(m.ConnectionInformation, d.ConnectionInformation)
	if at == nil || at.Address == nil {
		return s, fmt.Errorf("session description: no connection address")
	}
	ip, err := netip.ParseAddr(at.Address.Address)
	if err != nil {
		return s, fmt.Errorf("session description: %w", err)
	}
	s.addr = netip.AddrPortFrom(ip.Unmap(), uint16(m.MediaName.Port.Value))
	if ip.IsUnspecified() { // the way of RFC 2543 to put somebody on hold
		s.dir = inactive
	}
	pcmu := false
	for _, format := range m.MediaName.Formats {
		pcmu = pcmu || format == strconv.Itoa(payloadPCMU)
	}
	if !pcmu {
		return s, fmt.Errorf("session description: no PCMU among formats %s", strings.Join(m.MediaName.Formats, " "))
	}
	for _, a := range append(d.Attributes, m.Attributes...) {
		switch direction(a.Key) {
		case sendRecv, sendOnly, recvOnly, inactive:
			s.dir = direction(a.Key)
		}
		if pt, codec, ok := strings.Cut(a.Value, " "); ok && a.Key == "rtpmap" && strings.EqualFold(codec, "telephone-event/8000") {
			if n, err := strconv.ParseUint(pt, 10, 7); err == nil {
				s.event = uint8(n)
			}
		}
	}
	return s, nil
}

// cmpInfo returns the first that is there.
func cmpInfo(first, second *sdp.ConnectionInformation) *sdp.ConnectionInformation {
	if first != nil {
		return first
	}
	return second
}
