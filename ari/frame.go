package ari

import "bytes"

// kind is what becomes of a frame, by its type.
type kind uint8

const (
	kindNone     kind = iota // no type was found: not an event
	kindUnknown              // a type that nobody has told us of
	kindSkipped              // a type that we do not use
	kindAnswer               // to a request over the websocket, which the filter of events lets through or not as all else
	kindStarted              // decoded by a struct of our own
	kindEnded                // decoded by a struct of our own
	kindDigit                // decoded by a struct of our own
	kindOffered              // a call that is anybody's who claims it
	kindV5                   // decoded by ari/v5
	kindReplaced             // the application was taken over
)

// kinds has every type of event in Asterisk 22.
// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/Asterisk_REST_Data_Models/
var kinds = map[string]kind{
	"StasisStart":          kindStarted,
	"ChannelDestroyed":     kindEnded,
	"ApplicationReplaced":  kindReplaced,
	"RESTResponse":         kindAnswer,
	"ChannelDtmfReceived":  kindDigit,
	"CallBroadcast":        kindOffered,
	"ChannelEnteredBridge": kindV5,
	"ChannelLeftBridge":    kindV5,
	"ChannelStateChange":   kindV5,
	"ChannelUnhold":        kindV5,
	"Dial":                 kindV5,
	"PlaybackFinished":     kindV5,
	"PlaybackStarted":      kindV5,
	"RecordingFailed":      kindV5,
	"RecordingFinished":    kindV5,
	"RecordingStarted":     kindV5,
	"StasisEnd":            kindV5,

	"ApplicationMoveFailed":    kindSkipped,
	"ApplicationRegistered":    kindSkipped,
	"ApplicationUnregistered":  kindSkipped,
	"BridgeAttendedTransfer":   kindSkipped,
	"BridgeBlindTransfer":      kindSkipped,
	"BridgeCreated":            kindSkipped,
	"BridgeDestroyed":          kindSkipped,
	"BridgeMerged":             kindSkipped,
	"BridgeVideoSourceChanged": kindSkipped,
	"CallClaimed":              kindSkipped,
	"ChannelCallerId":          kindSkipped,
	"ChannelConnectedLine":     kindSkipped,
	"ChannelCreated":           kindSkipped,
	"ChannelDialplan":          kindSkipped,
	"ChannelHangupRequest":     kindSkipped,
	"ChannelHold":              kindSkipped,
	"ChannelTalkingFinished":   kindSkipped,
	"ChannelTalkingStarted":    kindSkipped,
	"ChannelToneDetected":      kindSkipped,
	"ChannelTransfer":          kindSkipped,
	"ChannelUserevent":         kindSkipped,
	"ChannelVarset":            kindSkipped,
	"ContactStatusChange":      kindSkipped,
	"DeviceStateChanged":       kindSkipped,
	"EndpointStateChange":      kindSkipped,
	"PeerStatusChange":         kindSkipped,
	"PlaybackContinuing":       kindSkipped,
	"TextMessageReceived":      kindSkipped,
}

// usedTypes are the types that Asterisk shall send; the rest it filters out. A filter without StasisStart would leave
// callers in silence.
func usedTypes() []string {
	var used []string
	for name, k := range kinds {
		if k > kindSkipped {
			used = append(used, name)
		}
	}
	return used
}

// classify says what becomes of a frame, and its type, which points into the frame. It neither decodes nor allocates.
func classify(frame []byte) (kind, []byte) {
	name := frameType(frame)
	if len(name) == 0 {
		return kindNone, nil
	}
	if k, ok := kinds[string(name)]; ok {
		return k, name
	}
	return kindUnknown, name
}

var typeKey = []byte("type")

// frameType finds the value of the key "type" at the top level of a JSON object; nil when there is none. Asterisk mostly
// writes it first, in a ChannelVarset after the variable. What follows it is not looked at.
func frameType(frame []byte) []byte {
	depth, key := 0, false // key: the next string at depth 1 is a key
	for i := 0; i < len(frame); i++ {
		switch frame[i] {
		case '{', '[':
			depth++
			key = frame[i] == '{'
		case '}', ']':
			depth--
		case ',':
			key = true
		case '"':
			end := stringEnd(frame, i+1)
			if end < 0 {
				return nil
			}
			if depth == 1 && key {
				key = false
				if bytes.Equal(frame[i+1:end], typeKey) {
					return stringAfterColon(frame, end+1)
				}
			}
			i = end
		}
	}
	return nil
}

// stringEnd finds the quote that ends the string whose first byte is at i; -1 when there is none.
func stringEnd(frame []byte, i int) int {
	for {
		n := bytes.IndexByte(frame[i:], '"')
		if n < 0 {
			return -1
		}
		end := i + n
		escapes := 0
		for end-1-escapes >= i && frame[end-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return end
		}
		// The quote is escaped. i moves behind it, past its backslashes: they belong to it.
		i = end + 1
	}
}

// stringAfterColon returns the string after a key that ended before i; nil when the value is something else.
func stringAfterColon(frame []byte, i int) []byte {
	for colon := false; i < len(frame); i++ {
		switch c := frame[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == ':' && !colon:
			colon = true
		case c == '"' && colon:
			if end := stringEnd(frame, i+1); end >= 0 {
				return frame[i+1 : end]
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}
