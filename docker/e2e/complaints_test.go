package e2e

import (
	"regexp"
	"slices"

	"metaflows/docker/pbx"
)

// tolerated are warnings and errors of Asterisk that say what a test has done, and nothing that we should do otherwise.
var tolerated = []*regexp.Regexp{
	// The tests dial who is not registered, who does not exist, and a technology that does not.
	regexp.MustCompile(`res_pjsip\.c: Endpoint '\w+': Could not create dialog to invalid URI '\w+'`),
	regexp.MustCompile(`chan_pjsip\.c: Failed to create outgoing session to endpoint '\w+'`),
	regexp.MustCompile(`chan_pjsip\.c: Unable to create PJSIP channel - endpoint 'nobody' was not found`),
	regexp.MustCompile(`channel\.c: No channel type registered for 'NONE'`),
	// Dial() itself, with the option that does not exist, and with times that it takes for none.
	regexp.MustCompile(`app\.c: Unrecognized option: 'Z'`),
	regexp.MustCompile(`app_dial\.c: Invalid (answer|progress) timeout specified: `),
	// The tests' dialplan hangs up with whatever cause it was told; 0 where nobody has answered.
	regexp.MustCompile(`pbx_builtins\.c: Invalid cause given to Hangup\(\): "0"`),
	// Subroutines of options b and B that do not exist, do not return, or hang up: Dial() is told so, too.
	regexp.MustCompile(`app_stack\.c: Gosub attempted to reach non-existent destination 'nowhere,s,1'`),
	regexp.MustCompile(`app_stack\.c: \S+ Abnormal 'Gosub\((metaflows-)?predial,\w+,1\)' exit`),
	// A caller that hangs up in the moment in which it is answered, by Asterisk or by us.
	regexp.MustCompile(`chan_pjsip\.c: Session already DISCONNECTED \[reason=487`),
	regexp.MustCompile(`res_stasis_answer\.c: \S+: Failed to answer channel`),
	// What the shipped line of the dialplan says by Log() where it takes over from options that are not known.
	regexp.MustCompile(`Ext\. bad-bob: metaflows refuses the arguments of this line and Dial takes over`),
	// Fifty calls that begin in the same moment, on a machine that they share with their phones.
	regexp.MustCompile(`taskprocessor\.c: Taskprocessor '\S+' queue reached \d+ scheduled tasks`),
	// Asterisk's own account of who listens to a channel, where many begin and end at once on a machine with much else to do:
	// it unsubscribes somebody twice. Nothing is missed by that.
	regexp.MustCompile(`stasis\.c: Internal error: subscription has invalid topic`),
	// The half of a Local channel that plays music, the moment that the other has been hung up.
	regexp.MustCompile(`res_musiconhold\.c: Failed to write frame to 'Local/\S+;2': Broken pipe`),
	// A party that hangs up while it is being told by a tone what has become of its code, and a call whose time is over while
	// a warning of that is played.
	regexp.MustCompile(`res_stasis_playback\.c: \S+: Playback failed for (tone:|sound:\S+/recording/warning\b)`),
}

// cut are those of a metaflows that is killed, or whose connection is cut, which no test does to the shared one.
var cut = []*regexp.Regexp{
	// Asterisk says so, and that there is no application to enter.
	regexp.MustCompile(`res_http_websocket\.c: (Web socket closed abruptly|Error reading from web socket: Connection reset by peer)`),
	regexp.MustCompile(`ari/ari_websockets\.c: WebSocket read error: (Success|Connection reset by peer|Software caused connection abort)`),
	regexp.MustCompile(`res_stasis\.c: (Stasis app 'metaflows' not active|Could not move to Stasis app 'metaflows' - not active)`),
	// Events of the moment in which a process takes the application over from another: they are sent when its connection stands.
	regexp.MustCompile(`ari/ari_websockets\.c: \S+: Queued '\w+' message for Stasis app 'metaflows'; websocket is not ready`),
	regexp.MustCompile(`app_stasis_broadcast\.c: Channel \S+: not claimed within`),
}

// complaints are the warnings and errors in a piece of the system's log of Asterisk, without those that are tolerated.
func (s *system) complaints(from int) []string {
	known := tolerated
	if s != shared {
		known = slices.Concat(tolerated, cut)
	}
	return slices.DeleteFunc(pbx.Complaints(s.asteriskLog()[from:]), func(line string) bool {
		return slices.ContainsFunc(known, func(of *regexp.Regexp) bool { return of.MatchString(line) })
	})
}
