// Package recordings keeps account of what was recorded, and brings the sound from Asterisk's folder to where it is to be:
// to a URL, or into the object store (app/recordings/README.md).
//
// It hears of recordings as a calls.Publisher that stands before the one of events. What it hears it notes in a file, and from
// there, as soon as NATS takes it, in the index, a KV bucket. A recording that is over becomes a job of a JetStream work queue;
// each node has the jobs whose files its Asterisk has. A job ends when the sound has arrived and that is noted; until then it
// comes again, also after a kill of this process, of NATS or of Asterisk.
//
//	Publish -> pending (file) -> index (KV) -> queue (work queue) -> send (URL) or store (object store) -> index, event
//
// What has arrived is told to the account's webhook, found and heard by the API, and removed when it is older than its account
// keeps it.
//
// Nothing of it is in a call's way: Publish takes a lock for a moment, all else is in goroutines of Start.
package recordings
