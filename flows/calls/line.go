package calls

// Line is what a call itself asks of the telephone system, beside its actions: to keep a leg's digits from the others,
// and to pass on those that were no code. Each method blocks until it has taken effect or failed; the call runs it
// outside of its own goroutine. Errors as in package actions' PBX.
type Line interface {
	Adder
	// SendDigits plays digits to a channel (100 ms each, 100 ms between) and returns when the channel has played them: it
	// blocks for as long. The digits travel in the request's body. An error that is not ErrUnsent leaves open whether any of
	// them was played.
	SendDigits(channel, digits string) error
}

// Adder puts channels into bridges: a Line, and the Acts of a turn.
type Adder interface {
	// AddToBridge puts a channel into a bridge, or adds it again when it is there, with or without absorbing its digits
	// (ARI addChannel, absorbDTMF). Entered follows each time.
	AddToBridge(bridge, channel string, absorb bool) error
	// AddAllToBridge is AddToBridge of several channels by one request, without absorbing. After an error nobody knows which
	// of them are there.
	AddAllToBridge(bridge string, channels ...string) error
}

// ChannelSpec describes a channel to be created.
type ChannelSpec struct {
	ID         string
	Endpoint   string            // dialstring: PJSIP/bob, PJSIP/1234@trunk, Local/1234@acme/n
	Originator string            // channel whose formats and linkedid it takes; "" for none
	Args       []string          // of its StasisStart, behind ArgLeg
	Variables  map[string]string // variables and functions set before it is dialled
}

// CauseAnsweredElsewhere is Q.850's "answered elsewhere" (RFC 3326: Reason: SIP;cause=200).
const CauseAnsweredElsewhere = 26
