// Package ari speaks to one Asterisk, 22 or newer: it turns what Asterisk says into calls.Event and the verbs of
// actions.PBX into requests. It is the only package that knows ARI, JSON frames and statuses.
//
// # Commands
//
// Every method blocks until Asterisk has answered or the deadline is over (5 s; 15 s for those which can wait behind
// digits being played to the same channel) and returns nil or an *Error, which wraps one of calls.ErrGone, ErrConflict,
// ErrInvalid, ErrUnavailable and ErrDetached; of digits none of which was played that is a calls.ErrUnsent, too. Nothing that
// Asterisk may have begun with is tried twice, and a deadline that is over does not mean that Asterisk will not do it later.
// Methods may be called by any number of goroutines; who needs an order gives one command after the other, or makes a step of
// them (Client.In), of which each has its deadline from when the one ahead is answered. Commands work without Run, and while it
// is reconnecting.
//
// Most come from github.com/CyCoreSystems/ari/v5, by native.New without Connect; rest.go says how they get our transport,
// deadlines and Asterisk's own error texts. Ours are those that v5 lacks (event filter, stored file, progress, variables
// in create, several variables, hanging up with a cause) or makes otherwise than we need them: its Dial cuts the timeout
// to whole seconds, its AddChannel leaves out absorbDTMF=false, its GetVariable does not escape the name, its SetVariable
// leaves out an empty value, its lists have ids only, its Data hides Asterisk's error text.
//
// What 22.10 answers and does not mean, and how it is told here:
//   - One variable of several that is not set: 404, as if the channel were gone. So each is read by a function.
//   - An older Asterisk does not know the requests for several variables: 404, too. One by one until the next connect.
//   - channels/create of an endpoint that is not registered, after another create on the same connection had an id in
//     use: 409, id in use. The channel is looked up; when it does not exist, that is ErrUnavailable.
//   - A recording that is just being stopped: 409, "Recording not in session". ErrGone.
//   - A second playback of the same id: 201. There is no ErrConflict.
//
// # Events
//
// The websocket is read here and not by v5, whose reader crashes the process on an event type that it does not know and
// whose bus drops events without a word. Asterisk filters out the types that we do not use (eventFilter, set at each
// connect); what comes all the same is skipped by its type's name before it is decoded. Decoded are
//
//	by v5.DecodeEvent     ChannelEnteredBridge, ChannelLeftBridge, ChannelStateChange, Dial, StasisEnd,
//	                      PlaybackStarted, PlaybackFinished, RecordingStarted, RecordingFinished, RecordingFailed
//	by structs of ours    StasisStart (v5 lacks protocol_id and dialplan.app_data), ChannelDestroyed (it lacks tech_cause),
//	                      ChannelDtmfReceived (there are most of them, and v5 decodes the whole channel each time)
//
// Types that nobody has told us of are counted and logged once; frames that cannot be understood are counted and logged
// without their content, which may be a digit. Neither is fatal.
//
// # Connection
//
// Run connects for ever, with back-off and jitter. Asterisk's version is asked first, so that an application that cannot
// work with it is never registered and calls go on as if it were away. Then the websocket is opened, the filter set and
// Config.OnConnect run, which lists what there is and tells the calls what they have missed (calls.Resumed, calls.Lost).
// From the opening on, frames are read and their events kept; they are delivered when OnConnect has returned. So nothing
// is missed, and what happened between opening and listing is both in the list and an event: what
// OnConnect tells the calls must bear being told twice.
//
// A ping every second that gets no answer for 3 s ends the connection: a dead wire is noticed within 5 s.
//
// # When ARI refuses
//
// A login that was changed, or ARI switched off, leaves the websocket open and refuses all requests (401, 403, or a 404 that is
// not ARI's own): calls would enter and hear nothing. The sign of life, every 5 s, is a real request; any request that is
// refused lets the next one be given at once. When that is refused too, Config.OnRefused may let calls go on in the dialplan,
// if Asterisk still obeys over the websocket (a command that HTTP refuses is tried there), and the connection is ended. It is
// made again when ARI answers; a login that may not write is refused before the application is registered.
//
// # Calls that are offered
//
// A call that the dialplan offers (StasisBroadcast) is claimed, and enters as any other. Who hangs or is refused claims none,
// so that such a call goes on in the dialplan after its time.
//
// # Another process with the same application
//
// When another process connects with the application, Asterisk gives it all events and tells us (ApplicationReplaced): the
// calls are its from then on. Commands fail with calls.ErrDetached, Config.OnReplaced lets the calls go, and we wait. Who has
// the application writes its name and the time into the global variable METAFLOWS_HOLDER_<application> every 5 s; when what
// is there has not changed for 15 s, or says that its writer has left, as an orderly end of Run does, we connect again, and
// OnConnect finds what there is. An old value is told by that it does not change while we look, not by the time in it: clocks
// of two machines may differ. An empty one is as any other, since a reload of the dialplan can clear it. A connection that
// was cut and is mended does not take the application from a process that has come meanwhile; one that starts does take it.
//
// Who has lost the application three times within 90 s, to processes whose signs of life it does not see or that come and
// go, does not come back: Run returns ErrReplaced. What to do is told as an ERROR before, when it is taken back a second time.
//
// # Goroutines
//
// Run uses the caller's, which runs OnConnect and then delivers the events that were kept, and for each connection a
// reader, which delivers all the others, one that pings and one that gives signs of life. Never two of them deliver at the
// same time. No lock is held while a handler runs.
package ari
