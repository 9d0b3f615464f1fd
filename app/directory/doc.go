// Package directory is accounts, their users and devices: small JSON objects, kept as records of the bucket
// metaflows_documents below the prefix directory. They are what a client sent, with their ids: key order and unknown keys
// stay. A device's default endpoint is written on the way out only.
//
// # Keys
//
//	<account>.account           an account
//	<account>.user.<user>       a user
//	<account>.device.<device>   a device
//	<account>.username.<hash>   who has a username: {"user":"<user>","since":<Unix milliseconds>}
//
// The last makes a username unique also between instances: NATS stores one of two. It is stored before the user and
// deleted after the user; so it may outlive a crash, and holds then no longer than a minute, while its user may still be on
// the way. <hash> is the SHA-256 of the name in lower case, in hex.
//
// An account's entry has its settings, too (settings.go); one of them is a secret, which Entry.Shown leaves out.
//
// # What hangs together
//
// The owner of a device or an API key must be in the directory when it is strict, and in an open one as soon as the account
// has users there: before that, ids are free, after it one that is missing is a slip. It is looked at when an
// owner is set or changed.
//
// Deleting keeps nothing dangling. What depends goes first, so that after a crash in the middle the rest is there to be
// deleted again: of a user the document, the API keys and the owner_id of his devices; of an account API keys, documents,
// devices and users. What another instance stores meanwhile is looked for when the entry is gone; and who stores a device
// looks again, when it is stored, whether its owner and account are still there. One of the two sees the other's.
package directory
