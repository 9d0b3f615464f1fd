// Package live lets programs see and act on live calls, whichever instance holds them.
//
// # Who holds what
//
// The instance that handles a call holds it. For each account on the call it subscribes to
// metaflows.v1.command.<account>.<call>, and keeps an entry in the KV bucket metaflows_calls: the legs that the account may
// see, the actions and the recordings that run. The bucket is in memory and forgets what has not been written for 60 s; a
// holder writes each entry anew after 20 s, and soon after a change. Every instance watches the bucket, so that lists are
// answered from memory, and a command is a NATS request that is answered by the holder or by nobody.
//
// What this process holds it knows without NATS: its own calls are listed, and commands to them run, while NATS is away.
//
// # Goroutines
//
// Changed and Over come from the calls' goroutines; they note what is new under a lock and wake the keeper, one goroutine
// that subscribes and publishes, in the order of the changes. Another watches the bucket. A command that came by NATS has
// a goroutine until it is answered. Nothing that is done for one call looks at the others.
package live
