package actions

import "metaflows/flows/calls"

// PBX is what actions ask of the telephone system. Every method blocks until the request is answered or its deadline is
// over, and returns an error that wraps one of calls.ErrGone, ErrConflict, ErrInvalid, ErrUnavailable or ErrDetached.
// An answer often only means "queued": what has really happened is told by an event. Events may come before the answer,
// so every id is chosen and registered by the caller first.
type PBX interface {
	calls.Line
	calls.Acts

	// In are the requests for one turn of a step. One that says by which way it went is carried out before the one that follows
	// it, also if the process has ended meanwhile.
	In(turn *calls.Turn) calls.Acts
	Answer(channel string) error
	// Ring indicates ringing to a channel that is not answered, StopRinging ends it.
	Ring(channel string) error
	StopRinging(channel string) error
	// Progress sends early media (183).
	Progress(channel string) error
	// Continue gives a channel back to the dialplan, to the next priority.
	Continue(channel string) error
	// Variables reads channel variables and functions; what is not set is "".
	Variables(channel string, names ...string) (map[string]string, error)
	// Exists says whether there is such a channel; when in doubt it does.
	Exists(channel string) bool
	StartMOH(channel, class string) error
	StopMOH(channel string) error
	// StartSilence lets a channel hear nobody, and be sent silence, until StopSilence.
	StartSilence(channel string) error
	StopSilence(channel string) error
	// Mute lets nobody hear what a channel sends, but for its digits, until Unmute. It lasts when the channel leaves its bridge or
	// the application.
	Mute(channel string) error
	Unmute(channel string) error
	// Snoop makes a channel that whispers to another: what is played on it only that other hears. calls.Started follows.
	Snoop(channel, snoop string) error
	// Overhear makes an ear: a channel that hears what another sends, wherever that is, and nothing of what it is sent. It ends
	// with that one, a moment later. calls.Started follows, with the arguments behind calls.ArgEar.
	Overhear(channel, ear string, args ...string) error
	// Play plays media (sound:x, tone:x, several with & between) on a channel that is in no bridge.
	Play(channel, playback, media string) error
	StopPlayback(playback string) error

	// CreateBridge makes a bridge that reports digits (mixing,dtmf_events).
	CreateBridge(bridge string) error
	DeleteBridge(bridge string) error
	// Record starts a recording of a bridge. name may have folders.
	Record(bridge, name, format string) error
	StopRecording(name string) error
	// Recording says whether one of that name is being written now, and else whether one is kept.
	Recording(name string) (live, stored bool, err error)
	// MaskRecording writes silence until UnmaskRecording.
	MaskRecording(name string) error
	UnmaskRecording(name string) error
}
