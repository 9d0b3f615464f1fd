package calls

import "time"

// Event is something that happened to a call: a closed set of small values. Package ari makes most of them from what
// Asterisk says; timers and asynchronous commands post the others.
//
// A stamp is Asterisk's own clock, a time of arrival ours. Only times of the same kind are compared.
type Event interface{ event() }

// Channel is what Asterisk says of a channel when it enters the application.
type Channel struct {
	ID        string    // also its uniqueid
	Name      string    // PJSIP/alice-0000001e
	State     string    // Down, Ring, Ringing, Up
	SIPCallID string    // channel.protocol_id; "" for a channel that is not SIP's
	CallerNum string    // caller.number
	CallerNam string    // caller.name
	Language  string    // of its prompts: en, de
	Context   string    // dialplan.context
	Extension string    // dialplan.exten
	AppData   string    // dialplan.app_data: what the dialplan gave to Stasis()
	Created   time.Time // zero where it is not known
	Vars      map[string]string
	User      string // whose its device is, as app's directory says; METAFLOWS_USER in Vars goes first
}

// Endpoint is the dialstring of the channel's endpoint: PJSIP/alice for PJSIP/alice-0000001e.
func (c Channel) Endpoint() string { return endpointOf(c.Name) }

// The events. Channel, Bridge, Playback and Recording are ids.
type (
	// Started: a channel entered the application (StasisStart). Replaces is the channel whose place it takes in its
	// bridge (pickup, REFER), if any.
	Started struct {
		Channel  Channel
		Args     []string
		Replaces string
		Stamp    time.Time
	}
	// Left: a channel is no longer in the application: hung up or gone on in the dialplan (StasisEnd).
	Left struct{ Channel string }
	// Destroyed: a channel is gone (ChannelDestroyed). It may come without, before or after Left. Cause is Q.850's,
	// TechCause the SIP status.
	Destroyed struct {
		Channel   string
		Cause     int
		TechCause int
	}
	// StateChanged: a channel rings or is up (ChannelStateChange).
	StateChanged struct {
		Channel string
		State   string
	}
	// Dialed: progress of a dial that we started (Dial): RINGING, PROGRESS, ANSWER, BUSY and so on. Forward is where
	// the callee redirects to.
	Dialed struct {
		Channel string
		Status  string
		Forward string
	}
	// Digit: a key was released (ChannelDtmfReceived). Stamp less Duration is when it began. No task gets it: see
	// Task.AwaitKeys.
	Digit struct {
		Channel  string
		Key      byte
		Duration time.Duration
		Stamp    time.Time
		Arrived  time.Time
	}
	// Entered: a channel is in a bridge (ChannelEnteredBridge).
	Entered struct {
		Channel string
		Bridge  string
		Stamp   time.Time
	}
	// Removed: a channel is no longer in a bridge (ChannelLeftBridge).
	Removed struct {
		Channel string
		Bridge  string
		Stamp   time.Time
	}
	// PlaybackStarted and PlaybackDone: a prompt or tone (PlaybackStarted, PlaybackFinished).
	PlaybackStarted struct{ Playback string }
	PlaybackDone    struct {
		Playback string
		Failed   bool
	}
	// RecordingStarted and RecordingDone: (RecordingStarted, RecordingFinished, RecordingFailed). Recording is its name.
	RecordingStarted struct{ Recording string }
	RecordingDone    struct {
		Recording string
		Failed    bool
		Cause     string
	}
	// Lost: after a gap in the connection the channel was not there any more.
	Lost struct{ Channel string }
	// Reached: behind a Local channel of ours, in another call of this process, somebody has answered. By is its channel
	// and Endpoint its endpoint, "" where it has no name: a Local channel again, or nobody was dialled.
	Reached struct {
		Channel  string // of the near half
		Call     string // the other call
		By       string
		Endpoint string
		Account  string // whose it is, "" for an outsider
	}
	// SourceChanged: what a leg sends comes from somewhere else than before, or begins anew: a phone has taken the other off its
	// hold (ChannelUnhold), or behind a Local channel somebody has left or come. Passed is how many calls have passed it on.
	SourceChanged struct {
		Channel string
		Passed  int
	}
	// Resumed: the connection is back after a gap; events may have been missed.
	Resumed struct{}
)

func (Started) event()          {}
func (Left) event()             {}
func (Destroyed) event()        {}
func (StateChanged) event()     {}
func (Dialed) event()           {}
func (Digit) event()            {}
func (Entered) event()          {}
func (Removed) event()          {}
func (PlaybackStarted) event()  {}
func (PlaybackDone) event()     {}
func (RecordingStarted) event() {}
func (RecordingDone) event()    {}
func (Lost) event()             {}
func (Reached) event()          {}
func (SourceChanged) event()    {}
func (Resumed) event()          {}
