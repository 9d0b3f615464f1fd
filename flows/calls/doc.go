// Package calls is the live call on which codes run: legs, tasks, flows, commands, and how a call is taken up again. It
// never speaks to Asterisk, NATS or HTTP: package ari brings events and carries commands, package actions says what a code
// does. It needs package flows and the standard library only.
//
// # From a key to an action
//
//	ari reads a frame      -> Registry.Deliver: one map lookup, append to the call's mailbox (never blocks)
//	the call's goroutine   -> echo: is it a key, or Asterisk's second report of one?
//	                       -> a Task that awaits it, else the leg's flows.Keypad
//	a match                -> Flow: a Task that runs the node's Module, then its children
//
// A program takes the same way from the middle: Registry.Execute puts a Command into the mailbox of the call that has the
// channel, which makes a Flow of it at once, and Reports what comes of it. How a call stands is told to the outside as a
// View, whenever that has changed.
//
// # Goroutines, and what they own
//
// A Call is one goroutine. It owns its legs, keypads, tasks, timers and recordings; nobody else touches them, so there is
// nothing to lock. Everything reaches it through its mailbox: what Asterisk says, timers, answers to asynchronous
// commands, the end of the process. Events of one call are handled in the order in which they were delivered.
//
// A Task is a coroutine of its call (iter.Pull): at any moment either the call or exactly one of its tasks runs. A task
// that is in a command blocks its call, and only its call. Await is for the task's own coroutine; work beside it is begun
// with Task.Go, never with a go statement.
//
// A courier is a goroutine while it has something to do: commands for one leg that may take long, the relay of digits and
// the switching of absorb, leave the call's goroutine that way, in order for each leg; their answers come back as events.
//
// A Rehearsal is a call without any of these: it has a time of its own and plays on the goroutine that runs it.
//
// Locks: a mailbox's, a courier's, the Registry's. None is held while calling out.
//
// # Endings
//
// When a call is over its tasks' waits return ErrCallEnded and their defers still work. When the process stops the PBX
// refuses every command first; then waits return ErrDetached, and nothing is undone that a restart takes up. The same when
// another process takes the application over: its calls are that one's, and found anew when it is taken back.
package calls
