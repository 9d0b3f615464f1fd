package calls

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"metaflows/flows"
)

// The channel variables in which Asterisk keeps for us what a restart must know (flows/README.md, State).
const (
	VarCall    = "METAFLOWS_CALL"
	VarRole    = "METAFLOWS_ROLE"
	VarState   = "METAFLOWS_STATE"
	VarPartner = "METAFLOWS_PARTNER"
	// VarDialled is set on who dials, with an underscore before it, and inherited by whom it dials: there and only there it
	// says that the dial was sent.
	VarDialled = "METAFLOWS_DIALLED"
	// VarReturning is Asterisk's own: Stasis() empties it when a channel enters, and fills it when that leaves. It is set to
	// Returning when a caller is given back to the dialplan, in the same request that empties the others, and says so until
	// the channel enters again: that is another call, also where nobody has seen the entry.
	// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Dialplan_Applications/Stasis/
	VarReturning = "STASISSTATUS"
	Returning    = "SUCCESS"
)

const (
	// stateVersion 1 had recordings in a field of their own: a process of that version leaves a call of this one talking, and
	// the other way round (actions/README.md, Restart).
	stateVersion = 2
	// StateLimit is the longest METAFLOWS_STATE, in bytes. Asterisk keeps twice as much (ari/ASTERISK.md, What a created channel
	// has).
	StateLimit = 8 << 10
)

var (
	// ErrState: a METAFLOWS_STATE that this version does not understand.
	ErrState = errors.New("METAFLOWS_STATE is not understood")
	// ErrStateTooLong: what a restart must know does not fit. What was to be told there must not begin: a restart would lose it
	// without a word.
	ErrStateTooLong = errors.New("what a restart must know is too long for METAFLOWS_STATE")
)

// State is METAFLOWS_STATE: what is known of a leg and of what runs on its call, in JSON of at most StateLimit bytes. It
// names its own channel, since Asterisk copies variables to others. It never holds digits.
type State struct {
	Version  int             `json:"v"`
	Channel  string          `json:"id"`
	Owner    *[3]string      `json:"o,omitempty"` // account, user, device; nil: what the channel's variables say, with Context
	Context  string          `json:"c,omitempty"`
	Dialled  string          `json:"d,omitempty"`
	LinkedID string          `json:"l,omitempty"`
	Answered int64           `json:"up,omitempty"` // unix ms
	Goes     bool            `json:"g,omitempty"`
	Kept     []savedKept     `json:"k,omitempty"` // what lasts
	Notes    map[string]Note `json:"n,omitempty"`
	Claims   []claim         `json:"h,omitempty"`
}

// Note is a checkpoint: Data is its writer's own, Flow the flow that the writer runs a node of, if any.
type Note struct {
	Flow *FlowNote       `json:"f,omitempty"`
	Data json.RawMessage `json:"x,omitempty"`
}

// ParseState reads a channel's METAFLOWS_STATE. ok is false where there is none, or one that another channel's was copied
// to this one. The error is ErrState.
func ParseState(raw, channel string) (s State, ok bool, err error) {
	if raw == "" {
		return State{}, false, nil
	}
	var head struct {
		Version int    `json:"v"`
		Channel string `json:"id"`
	}
	if err := json.Unmarshal([]byte(raw), &head); err != nil {
		return State{}, false, fmt.Errorf("%w: it is no JSON", ErrState)
	}
	if head.Channel != channel {
		return State{}, false, nil
	}
	if head.Version != stateVersion {
		return State{}, false, fmt.Errorf("%w: it has version %d, %d is known", ErrState, head.Version, stateVersion)
	}
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return State{}, false, fmt.Errorf("%w: a value has the wrong type", ErrState)
	}
	return s, true, nil
}

// State is what a leg's METAFLOWS_STATE has to say now, or ErrStateTooLong.
func (c *Call) State(leg *Leg) (string, error) {
	return c.state(leg, &[3]string{leg.Owner.Account, leg.Owner.User, leg.Owner.Device})
}

// FirstState is what a channel is made with, whose endpoint is to say whose it is.
func (c *Call) FirstState(channel, dialstring, linkedID string) (string, error) {
	return c.state(&Leg{Channel: Channel{ID: channel}, Dialled: dialstring, LinkedID: linkedID}, nil)
}

func (c *Call) state(leg *Leg, owner *[3]string) (string, error) {
	s := State{
		Version: stateVersion, Channel: leg.ID, Owner: owner,
		Context: leg.Context, Dialled: leg.Dialled, Goes: leg.Goes, Answered: unixMilli(leg.Answered), Notes: leg.notes, Claims: leg.claims,
	}
	if leg.LinkedID != leg.ID {
		s.LinkedID = leg.LinkedID
	}
	account := nobody
	if owner != nil {
		account = owner[0]
	}
	s.Kept = c.saved(leg, account)
	raw, err := json.Marshal(s)
	if err == nil && len(raw) > StateLimit {
		err = fmt.Errorf("%w: of %s that is %d bytes, %d have room: its ids, its names or its dialstring are too long", ErrStateTooLong, leg.Label(), len(raw), StateLimit)
	}
	if err != nil {
		return "", err
	}
	return string(raw), nil
}

// Leg makes the leg of a channel as its state describes it.
func (s State) Leg(ch Channel, role string) *Leg {
	leg := NewLeg(ch, role)
	if s.Owner != nil {
		leg.Owner, leg.Context = flows.Owner{Account: s.Owner[0], User: s.Owner[1], Device: s.Owner[2]}, s.Context
	}
	leg.Dialled, leg.LinkedID, leg.Goes, leg.Answered, leg.notes, leg.kept = s.Dialled, s.LinkedID, s.Goes, fromUnixMilli(s.Answered), s.Notes, s.Kept
	if leg.LinkedID == "" {
		leg.LinkedID = leg.ID
	}
	for _, c := range s.Claims {
		c.found = true
		leg.claims = append(leg.claims, c)
	}
	return leg
}

// SetNote makes a note on the leg, which its next State holds.
func (l *Leg) SetNote(name string, data any) { l.note(name, nil, data) }

func (l *Leg) note(name string, flow *FlowNote, data any) {
	raw, err := json.Marshal(data)
	if err != nil {
		panic("a note that is no JSON: " + err.Error())
	}
	notes := map[string]Note{name: {Flow: flow, Data: raw}}
	for other, note := range l.notes {
		if other != name {
			notes[other] = note
		}
	}
	l.notes = notes
}

// DropNote takes a note off the leg, and says whether there was one.
func (l *Leg) DropNote(name string) bool {
	_, had := l.notes[name]
	delete(l.notes, name)
	return had
}

// Note reads a note of the leg into data, and says whether there is one.
func (l *Leg) Note(name string, data any) bool {
	note, ok := l.notes[name]
	return ok && json.Unmarshal(note.Data, data) == nil
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromUnixMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
