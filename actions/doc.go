// Package actions is what a call can do: the dialling with which it begins, and the modules that codes run. It asks for
// everything through the port, PBX, and so runs without Asterisk; what Asterisk is like belongs to package ari.
//
// # A new module
//
// A module says all about itself in its file. Who stores documents, answers programs or simulates reads it there
// (calls.Module), so nobody else has a list of modules to be kept up.
//
//  1. Its file, as hangup.go: a method of Set that gives calls.Define its name, its data with the defaults, and what it does,
//     told straight on. The data's json tags are the keys that it obeys. It checks and claims what it needs
//     (Task.Pair; the whole call by Task.Claim; of a leg its music, its voice, its place or how it sounds by Task.Take, its keys by
//     Task.AwaitKeys, ExpectKeys or TakeKeys), says by Task.Accept that it begins, and asks Asterisk by Task.Do; a failure is one
//     word (calls.Fail, calls.Broken). In the same place stands what else is to be known of it: its Reasons and of which kind
//     each is, its Lacks, the URL that it calls, the channel actions that it Serves, whether it is Owned or Early. What it leaves
//     running behind its node it begins by Task.Keep and ends by Task.End (what another may be beginning or ending it asks by
//     Task.Lasts), and its Keep runs that: what it takes of its
//     leg tells a restart of it (mute.go), or it is noted by Kept.Begin before the request that begins it (recording.go). What
//     it needs of every leg that comes and goes meanwhile it has by Call.Attend (beside.go).
//     What a restart goes on with inside a node is its Resume (see below).
//  2. Its line in Set.Modules (actions.go), in place of the one in later, where it has one.
//  3. Its schema, app/schema/schemas/metaflows.<module>.json, with every key that Kazoo's has.
//  4. Its scenarios: in testdata a call that runs it, and one for each of its reasons; in testdata/restart, in files named after
//     it or the beginning of its name, the calls in which a restart may find it. A verb that the port (port.go) does not have
//     yet gets a trial in pbxtest.Contract, which a real Asterisk passes before the in-memory one copies it.
//  5. Its row in actions/README.md, Modules, and in the project's README.md, Modules.
//
// TestNewModule, TestReasons and TestContractIsWhole fail where one of these is missing. Events need nothing: action.* are
// told of every module. A type of event that is new has a schema in app/events/schemas.
//
// # One run, also after a restart
//
// A module that does something for a while inside its node is one run with a note of how things are to stand. It changes the
// note, tells it (Task.Checkpoint on a leg, which the leg's state then has: save, telling), and only then makes it so, by steps
// that look first what is so already: who is in the bridge is not added again (Leg.Bridged), who was dialled is not dialled again
// (Leg.Called), who is not there any more has ended (Leg.Gone). Its Resume finds the legs by their roles and begins with the note
// instead of the first one: there is nothing else to be told for a restart. What was pressed is never in a note: what it was
// needed for, the making of a channel, comes before the note.
//
//   - What it wants of legs it claims in the name of its action (Flow.Action): that holds over a restart, and ends with the node.
//   - What a request brings about may be there before the answer, and may be gone after it: it looks again.
//   - An event may be told again after a restart, by the same id; within one run it is told once.
//   - Who is let go, or waits, ends nobody by that: its METAFLOWS_PARTNER is emptied before.
//   - ErrGone of somebody who has hung up is no failure: what comes of it is seen where the run waits (Task.Until).
//
// transfer_blind.go is one. Two modules that are no product show it, too: a hold that ends by a key (hold_test.go), and an attended
// transfer (attended_module_test.go). pbxtest.Rehearse plays a call with such a module; pbxtest.Restarts kills the application before
// each of its requests, and pbxtest.Hangups lets a phone hang up then.
package actions
