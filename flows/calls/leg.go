package calls

import (
	"slices"
	"strings"
	"time"

	"metaflows/flows"
)

// The roles of a leg, as the variable METAFLOWS_ROLE says them.
const (
	RoleCaller = "caller"
	RoleCallee = "callee"
	RoleTarget = "target"
)

// Leg is one channel's side of a call. It belongs to its call: only the call's goroutine, which its tasks run on, may
// touch it. When another channel takes its place (pickup, REFER) the Leg stays and its Channel changes.
type Leg struct {
	Channel
	Role string
	// Owner is whose leg it is; without an account it is an outsider's.
	Owner flows.Owner
	// Context is the dialplan context that this party may dial into; "" for none: it cannot transfer.
	Context string
	// Dialled is the dialstring it was dialled with, "" for one that came in by the dialplan.
	Dialled  string
	LinkedID string
	// Called: the dial of this channel was sent, by a process before this one.
	Called bool
	// Goes: when the call is over this leg goes on in the dialplan (option g).
	Goes bool
	// Answered is when it was connected, zero before.
	Answered time.Time
	// Until is when its channel ends, since the time of the call is over; zero: it has no limit.
	Until time.Time
	// Ending: its channel was told to hang up, and will be gone in a moment.
	Ending bool
	// Heard: it rings, or sends early media.
	Heard bool
	// Early: it has begun to send early media.
	Early bool
	// Gone: the channel has left the application.
	Gone bool
	// Cause is the Q.850 cause it went with, where Asterisk has told it, TechCause the SIP status.
	Cause, TechCause int
	// Asked: its endpoint is being asked whose it is.
	Asked bool
	// Forward is where it was redirected to (302), if it was.
	Forward string
	// Withheld: its party does not want others to know who calls (CLIR).
	Withheld bool
	// Reached is who has answered behind it, of a Local channel, where that is known.
	Reached *Reached

	notes     map[string]Note
	kept      []savedKept // of a leg that was found: what lasts by its state, until that is taken up
	claims    []claim
	made      string           // the state that its channel was made with, until it is on the call
	brought   map[Facet]string // what Asterisk has done of them, by its last answer
	refused   bool
	keypad    *flows.Keypad
	listeners []*listener // who looks for codes in its keys
	awaited   []*Keys     // what tasks await of its keys, the last to begin first
	timeline  timeline
	released  time.Time // when its last key was reported
	passed    time.Time // when the last one that the others heard was reported
	calm      time.Time // before that Asterisk may still be at its last key
	timerAt   time.Time // when the key timer is due; zero: none
	timer     timer

	lane    Lane
	bridged bool      // in the call's bridge, as far as we asked for
	away    bool      // it has left that and not entered it again
	left    time.Time // when it did, by Asterisk's clock
	removed time.Time // when we learnt that it has, without our having asked for that; zero: it has not, see putBack
	joins   []bool    // absorb of each addChannel that was sent and not yet confirmed by Entered
	asked   bool      // absorb as it was asked for last
	unknown bool      // whether that holds is not known: it is asked for again
	turning bool      // that request is under way
	spared  bool      // absorb is not switched off: see Spare
	balked  bool      // it has failed; it is tried again after a while
	torn    bool      // it may be waiting for the end of another's digit: see tear
	since   []change
	former  string // the channel whose place this one has taken

	formerly []string // accounts whose leg it was, before others took its place
}

// change is a moment from which a leg's keys were or were not kept from the others, by Asterisk's clock.
type change struct {
	at     time.Time
	absorb bool
}

// NewLeg makes the leg of a channel that has entered the application. Its identity is what the channel variables say at
// that moment (ari/ASTERISK.md, What a created channel has): a dial copies inherited variables later. Where they name a
// device and no user, the user is its owner in the directory.
func NewLeg(ch Channel, role string) *Leg {
	l := &Leg{Channel: ch, Role: role}
	l.identify(ch)
	return l
}

func (l *Leg) identify(ch Channel) {
	l.Owner = flows.Owner{Account: ch.Vars["METAFLOWS_ACCOUNT"], User: ch.Vars["METAFLOWS_USER"], Device: ch.Vars["METAFLOWS_DEVICE"]}
	if l.Owner.User == "" && l.Owner.Device != "" {
		l.Owner.User = ch.User
	}
	l.Context = ch.Vars["METAFLOWS_CONTEXT"]
	if l.Owner.Account == "" || !l.Phone() { // identity is never a Local leg's
		l.Owner, l.Context = flows.Owner{}, ""
	}
}

// reset gives the leg another channel, which is in no bridge and has done nothing yet.
func (l *Leg) reset(ch Channel) {
	l.Channel, l.Gone, l.Ending, l.Cause, l.TechCause, l.Forward = ch, false, false, 0, 0, ""
	l.Until, l.claims, l.brought = time.Time{}, nil, nil
	l.bridged, l.asked, l.spared, l.refused, l.joins, l.since, l.timeline = false, false, false, false, nil, nil, timeline{}
	l.away, l.left, l.removed, l.unknown, l.torn, l.former = false, time.Time{}, time.Time{}, false, false, ""
	l.Withheld, l.Reached = true, nil // rather than told without having been asked
}

// dialed notes the progress of a dial. A Local channel may tell its answer only here.
func (l *Leg) dialed(ev Dialed) {
	if ev.Forward != "" {
		l.Forward = ev.Forward
	}
	switch ev.Status {
	case "RINGING":
		l.State, l.Heard = "Ringing", true
	case "PROGRESS":
		l.Heard, l.Early = true, true
	case "ANSWER":
		l.State = "Up"
	case "BUSY": // an extension that says so and stays, as Busy() does through a Local channel
		l.refused, l.Cause = true, 17
	case "CONGESTION", "CHANUNAVAIL":
		l.refused, l.Cause = true, 34
	}
}

// Failed: it was dialled and will not answer any more.
func (l *Leg) Failed() bool { return l.Gone || l.refused }

// Bridged: in the call's bridge, as far as this call has asked for.
func (l *Leg) Bridged() bool { return l.bridged }

// Lane is the leg's lane: requests about its channel go out in it, and what adds it to a bridge or takes it out.
func (l *Leg) Lane() *Lane { return &l.lane }

// Outsider: a leg without an account has no codes of its own and cannot transfer.
func (l *Leg) Outsider() bool { return l.Owner.Account == "" }

// Phone: not a Local channel. Other legs' keys are never absorbed (ari/ASTERISK.md, Absorb and relay).
func (l *Leg) Phone() bool { return !strings.HasPrefix(l.Name, "Local/") }

// Label is how the log names a leg: by its channel's name, as Asterisk's own log does, or its id where it is a Local channel,
// in whose name an extension stands that somebody may have pressed.
func (l *Leg) Label() string {
	if l.Phone() {
		return l.Name
	}
	return l.ID
}

// Up: answered.
func (l *Leg) Up() bool { return l.State == "Up" && !l.Gone }

// confirm notes that the leg has entered its bridge at stamp, with the absorb of the request that this confirms. It holds
// from when the leg has left the bridge for that: a key that is pressed in between is read when it is back.
func (l *Leg) confirm(stamp time.Time) {
	if !l.left.IsZero() {
		stamp = l.left
	}
	l.away, l.left, l.removed = false, time.Time{}, time.Time{}
	absorb := l.asked // somebody else moved it
	if len(l.joins) > 0 {
		absorb, l.joins = l.joins[0], l.joins[1:]
	}
	if len(l.since) >= 4 {
		l.since = append(l.since[:0], l.since[1:]...)
	}
	l.since = append(l.since, change{stamp, absorb})
}

// absorbed says whether a key that began at stamp was kept from the others: a digit belongs to the state in force when it
// began (ari/ASTERISK.md, Absorb and relay). Of one that ends when it is not absorbed any more they get the end alone, mostly
// with the timestamp of the digit before, which is none by RFC 4733.
func (l *Leg) absorbed(stamp time.Time) bool {
	for _, since := range slices.Backward(l.since) {
		if !since.at.After(stamp) {
			return since.absorb
		}
	}
	return false
}

// present says of a leg that it is in its bridge and stays there for now.
func (l *Leg) present() bool { return l.bridged && !l.away && !l.turning }

// entering says that the leg is on its way into the bridge, for the first time.
func (l *Leg) entering() bool { return len(l.joins) > 0 && len(l.since) == 0 }

// whole says of a leg that leaves its bridge now that this takes the end of no digit of its from the others: none is passing,
// or one that is goes on passing when it comes back, and ends by itself.
func (l *Leg) whole() bool {
	n := len(l.since)
	return len(l.joins) > 0 && !l.joins[0] || n > 0 && l.since[n-1].absorb
}

// endpointOf cuts the instance off a channel's name: PJSIP/alice-0000001e is of PJSIP/alice.
func endpointOf(name string) string {
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		return name[:i]
	}
	return name
}
