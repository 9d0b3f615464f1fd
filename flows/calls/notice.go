package calls

import "time"

// Notice is one event for the outside: what happened to a call, for auditors and integrators (app/events/README.md). It never
// holds digits that were not a code.
type Notice struct {
	Type string    `json:"-"` // two tokens: call.started, code.matched, ...
	ID   string    `json:"-"` // deterministic: the same fact has the same id after a restart
	Time time.Time `json:"-"`

	Account      string `json:"account,omitempty"` // under which it is published; "" for no account
	Call         string `json:"call,omitempty"`
	Node         string `json:"node,omitempty"`    // the Asterisk node; set by the publisher
	Channel      string `json:"channel,omitempty"` // the leg
	Endpoint     string `json:"endpoint,omitempty"`
	User         string `json:"user,omitempty"` // whose leg it is
	Device       string `json:"device,omitempty"`
	OtherChannel string `json:"other_channel,omitempty"`
	// Whose the other leg is: only a phone's, and only where it is of no other account.
	OtherEndpoint string   `json:"other_endpoint,omitempty"`
	OtherUser     string   `json:"other_user,omitempty"`
	OtherDevice   string   `json:"other_device,omitempty"`
	UniqueID      string   `json:"uniqueid,omitempty"`
	LinkedID      string   `json:"linkedid,omitempty"`
	SIPCallID     string   `json:"sip_call_id,omitempty"`
	Action        string   `json:"action,omitempty"`    // id of one run of a module
	Recording     string   `json:"recording,omitempty"` // its name in Asterisk's recording folder
	Module        string   `json:"module,omitempty"`
	Path          string   `json:"path,omitempty"`      // of the node: numbers.9, patterns.2(\d+).children._
	Collected     string   `json:"collected,omitempty"` // only of an accepted action whose presser is the owner
	Captures      []string `json:"captures,omitempty"`
	Target        string   `json:"target,omitempty"`
	Digits        int      `json:"digits,omitempty"`   // how many
	Document      string   `json:"document,omitempty"` // where the entry comes from: account, user, device
	Result        string   `json:"result,omitempty"`
	Reason        string   `json:"reason,omitempty"`
	Duration      int64    `json:"duration_ms,omitempty"`
	Next          string   `json:"next,omitempty"`        // path of the node that runs next, of an action that has ended
	NextModule    string   `json:"next_module,omitempty"` // and its module
	Count         int64    `json:"count,omitempty"`       // of what was lost
	Warnings      []string `json:"warnings,omitempty"`    // what the dialplan asks for and does not get
	// Who called: of call.started and call.answered.
	CallerName    string `json:"caller_id_name,omitempty"`
	CallerNumber  string `json:"caller_id_number,omitempty"`
	Dialled       string `json:"dialled,omitempty"`   // the extension that the caller entered
	Direction     string `json:"direction,omitempty"` // in, out, internal
	CallerChannel string `json:"caller_channel,omitempty"`
	// Who has answered for a transfer's target, where that is a call of ours: of transfer.answered. The endpoint is a
	// phone's, and of no other account.
	TargetCall     string `json:"target_call,omitempty"`
	TargetChannel  string `json:"target_channel,omitempty"`
	TargetEndpoint string `json:"target_endpoint,omitempty"`

	// Delivery is what is to become of a recording's sound: of recording.started, and the notice's alone. No event has it, since a
	// URL may hold a login.
	Delivery *Delivery `json:"-"`
}

// Delivery is where a recording's sound goes when it is over.
type Delivery struct {
	URL    string `json:"url,omitempty"`    // "": nowhere outside
	Method string `json:"method,omitempty"` // of HTTP: PUT or POST
	// Who called, and whom, as the account may know it. Whoever publishes need not say it.
	CallerName   string `json:"caller_id_name,omitempty"`
	CallerNumber string `json:"caller_id_number,omitempty"`
	Dialled      string `json:"dialled,omitempty"`
}

// Publisher takes notices. Publish never blocks and never fails towards the call; what is lost is counted and published.
// Notices of one call are published in the order of the calls to Publish.
type Publisher interface{ Publish(Notice) }

// CallEventID is the id of an event that tells an account once of a call.
func CallEventID(call, kind, account string) string { return call + ":" + kind + ":" + account }

// RecordingEventID is the id of an event that tells once of a recording.
func RecordingEventID(recording, kind string) string { return recording + ":" + kind }
