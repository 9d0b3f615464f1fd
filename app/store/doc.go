// Package store keeps metaflows documents in the NATS KV bucket metaflows_documents (design 3.4) and has them in memory,
// merged, before the first key is pressed.
//
// What is stored is the truth: the bytes that Put was given. One goroutine watches the bucket; each change replaces a
// small immutable value by an atomic store, so readers take no lock. A document in the bucket that does not pass
// flows.ParseDocument (written by somebody else, or by another version) is logged and has no effect; it can still be
// replaced and deleted.
//
// While an external NATS is away, everything is read from memory as it was known last, and changes fail. For a start
// without NATS the documents are also kept in a file: every change is written to it, and a new Store begins with what it
// holds, until the bucket has been loaded. From then on the bucket is the truth, also about what it does not hold.
package store
