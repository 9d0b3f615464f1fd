// Package flows has the documents of accounts, users and devices, how they are merged and matched, and what the keys of a
// leg are for whoever listens to them. It is pure: no goroutine, no clock, no log, and nothing of a call, which is
// package calls'. It needs the standard library only.
//
// # From a key to a match
//
//	Keypad.Press           -> the leg's keys, in order, with the time at which each was released
//	Collectors             -> Effective.Start, Run.Press: decided, open or dead
//	KeypadReport           -> armed, matched, unmatched, awaited (by what runs on the call)
//	Keypad.Absorb, Relay   -> whether keys are to be kept from the others, and which were no code
//
// How Asterisk reads a phone's keys before all that is a Reading, for who has no Asterisk: simulations and tests.
//
// # Sources
//
// Comments give the source of a rule, a section of a document in the repository: flows/README.md has what codes mean,
// actions/README.md what a call does, ari/ASTERISK.md what was seen of a running Asterisk, app/rest/README.md what Kazoo
// does; Asterisk's and Kazoo's own files are named.
package flows
