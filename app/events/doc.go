// Package events publishes what happens to calls into the JetStream stream METAFLOWS_EVENTS (design 3.4).
//
// Publisher.Publish takes a lock for a moment and never waits for NATS. One goroutine encodes and publishes. Notices of
// one call arrive in the order in which they were given, each once: at most one of a call is under way at a time, it is
// sent again until the stream has it, and its id lets the stream drop the repeat. Notices of different calls are under
// way together, so an outage or a slow server costs one round trip for all of them.
//
// While NATS is away notices wait in memory, up to a limit. What exceeds it is lost: counted, logged, and published as
// events.lost when there is room again.
package events
