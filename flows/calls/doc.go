// Package calls is the live call on which codes run: legs, tasks, flows, commands, and how a call is taken up again. It
// never speaks to Asterisk, NATS or HTTP: package ari brings events and carries commands, package actions says what a code
// does. It needs package flows and the standard library only.
//
// # From a key to an action
//
//	ari reads a frame      -> Registry.Deliver: one map lookup, append to the call's mailbox (never blocks)
//	the call's goroutine   -> timeline: is it a key, or Asterisk's second report of one?
//	                       -> the leg's flows.Keypad: is it part of a code, or awaited by a Task?
//	a match                -> Flow: a Task that runs the node's Module, then its children
//
// A program takes the same way from the middle: Registry.Execute puts a Command into the mailbox of the call that has the
// channel, which makes a Flow of it at once, and Reports what comes of it. How a call stands is told to the outside as a
// View, whenever that has changed.
//
// # Goroutines, and what they own
//
// A Call is one goroutine. It owns its legs, keypads, tasks, timers and what lasts (Kept); nobody else touches them, so there
// is nothing to lock. Everything reaches it through its mailbox: what Asterisk says, timers, answers to asynchronous
// commands, the end of the process. Events of one call are handled in the order in which they were delivered.
//
// A Task is a coroutine of its call (iter.Pull): at any moment either the call or exactly one of its tasks runs. Await is for
// the task's own coroutine; work beside it is begun with Task.Go, never with a go statement. One that has nothing to
// do until the call is over rests (Task.Rest): it has no coroutine meanwhile, so that a call that talks has one goroutine.
//
// A Lane is a goroutine while it has something to do. By it requests leave the call's goroutine, one after another for each
// leg, bridge and recording, and their answers come back as events: the relay of digits, the switching of absorb, and what
// tasks ask by Task.Do, which wait for the answer while the call goes on. A request about a recording is in the recording's
// lane alone, so that nothing else on the call waits behind it. What is no request to the telephone system, and may take long,
// is Task.Off. A task that asks without either would block its call: none does.
//
// A Rehearsal is a call without any of these: it has a time of its own and plays on the goroutine that runs it.
//
// Locks: a mailbox's, a lane's, the Registry's. None is held while calling out.
//
// # Endings
//
// When a call is over its tasks' waits return ErrCallEnded, also those for an answer, and their defers still work: what they
// ask goes behind what is under way in its lane, and the call's end waits for it. When the process stops the PBX
// refuses every command first; then waits return ErrDetached, and nothing is undone that a restart takes up. The same when
// another process takes the application over: its calls are that one's, and found anew when it is taken back.
package calls
