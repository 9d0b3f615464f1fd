// Package events publishes what happens to calls into the JetStream stream METAFLOWS_EVENTS (app/events/README.md).
//
// Publisher.Publish takes a lock for a moment and never waits for NATS. One goroutine encodes and publishes; what becomes of
// a message it learns from one channel. Each call is a lane: its notices arrive in the order in which they were given, each
// once, since at most one of a lane is under way at a time, it is sent again until the stream has it, and its id lets the
// stream drop the repeat. Lanes do not wait for one another. Accounts take turns, and none has more notices under way than
// there is room left in the window.
//
// A notice that is not taken while others are makes its lane rest, from 100 ms up to 30 s, and nothing else: of the same
// call, what is under another account goes on. The log tells it, Publisher.Err does not. When none is taken, or the stream or
// the connection is gone, all wait, and a few are tried until one passes.
//
// While NATS is away notices wait in memory, up to a limit; an account that is refused alone has at most as much of it as
// there is room left. What exceeds that is lost: counted, logged, and published as events.lost when there is room again.
package events
