// Package broker gives the process its NATS: the embedded server with JetStream in the data folder, or connections to
// an external one (app/README.md, An external NATS).
//
// The embedded server keeps two NATS accounts. EVENTS holds the stream METAFLOWS_EVENTS and the user audit; DOCUMENTS
// holds the rest and has no login from outside. What the process itself does goes over connections inside the process,
// by users that the server accepts from nowhere else. An external server has one account as far as we know; both
// connections are then one.
//
// Who keeps in memory what a KV bucket holds does it by a Watch, which begins anew whenever it is lost.
//
// A Broker is safe for use by many goroutines. Nothing here waits for an external server: connections are retried for
// ever, and a request made meanwhile fails.
package broker
