package recordings

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

// State is how far a recording has come.
type State string

const (
	Recording State = "recording" // Asterisk writes it
	Waiting   State = "waiting"   // it is over, and is on its way
	Delivered State = "delivered" // the URL has it
	Kept      State = "kept"      // the object store has it
	Failed    State = "failed"    // it will not be delivered; Reason says why
)

// final says that nothing more is tried.
func (s State) final() bool { return s == Delivered || s == Kept || s == Failed }

// Entry is what the index has of a recording.
type Entry struct {
	ID       string         `json:"id"`
	State    State          `json:"state"`
	Reason   string         `json:"reason,omitempty"` // of Failed: one word
	Format   string         `json:"format"`           // what ends the file's name
	Began    time.Time      `json:"began"`
	Over     time.Time      `json:"over,omitzero"`
	Duration int64          `json:"duration_ms,omitempty"`
	Delivery calls.Delivery `json:"delivery"`
	// Told is what was told of it first: whose it is, of which call and leg. Its Recording is the name of
	// the file in Asterisk's folder.
	Told calls.Notice `json:"told"`

	Attempts           // to deliver it
	Size     int64     `json:"size,omitempty"` // bytes, once it was read
	Done     time.Time `json:"done,omitzero"`  // when the state has become final
	Hook     Attempts  `json:"hook,omitzero"`  // to tell its account's webhook
}

// Attempts are those to bring something to a server.
type Attempts struct {
	Tries   int       `json:"tries,omitempty"`
	Next    time.Time `json:"next,omitzero"`     // not tried before
	Problem string    `json:"problem,omitempty"` // of the last try, for people
}

// idOf is the id of a recording: 32 hex digits, as Kazoo's, that the same recording always has. The file's name has characters
// that are none of a URL's.
func idOf(node, name string) string {
	sum := sha256.Sum256([]byte(node + "\x00" + name))
	return hex.EncodeToString(sum[:16])
}

// key is where the index has a recording.
func key(account, id string) string { return broker.Token(account) + "." + id }

// keyOf is the key of the recording that a notice is about.
func keyOf(n calls.Notice) string { return key(n.Account, idOf(n.Node, n.Recording)) }

// event is what is to be told of a recording now: about whom it is, it has from what was told first.
func (e *Entry) event(kind, result, reason string) calls.Notice {
	n := calls.Notice{
		Type: kind, ID: calls.RecordingEventID(e.Told.Recording, kind), Time: e.Done,
		Account: e.Told.Account, Call: e.Told.Call, Recording: e.Told.Recording, Result: result, Reason: reason, Duration: e.Duration,
		Channel: e.Told.Channel, Endpoint: e.Told.Endpoint, User: e.Told.User, Device: e.Told.Device,
		OtherChannel: e.Told.OtherChannel, OtherEndpoint: e.Told.OtherEndpoint, OtherUser: e.Told.OtherUser, OtherDevice: e.Told.OtherDevice,
		UniqueID: e.Told.UniqueID, LinkedID: e.Told.LinkedID, SIPCallID: e.Told.SIPCallID,
	}
	return n
}
