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
//     (Task.Pair; the whole call by Task.Claim; of a leg its music, its voice or its place by Task.Take), says by Task.Accept
//     that it begins, and asks Asterisk by Task.Do; a failure is one word (calls.Fail, calls.Broken). In the same place stands
//     what else is to be known of it: its Reasons and of which kind each is, its Lacks, the URL that it calls, the channel
//     actions that it Serves, whether it is Owned or Early. What it leaves running behind its node it begins by Task.Keep and
//     ends by Task.End, and its Keep runs that, as mute.go and recording.go do it; what a restart goes on with inside a node is
//     its Resume.
//  2. Its line in Set.Modules (actions.go), in place of the one in later, where it has one.
//  3. Its schema, app/schema/schemas/metaflows.<module>.json, with every key that Kazoo's has.
//  4. Its scenarios: in testdata a call that runs it, and one for each of its reasons; in testdata/restart, in files named after
//     it or the beginning of its name, the calls in which a restart may find it. A verb that the port (port.go) does not have
//     yet gets a trial in pbxtest.Contract, which a real Asterisk passes before the in-memory one copies it.
//  5. Its row in actions/README.md, Modules, and in the project's README.md, Modules.
//
// TestNewModule, TestReasons and TestContractIsWhole fail where one of these is missing. Events need nothing: action.* are
// told of every module. A type of event that is new has a schema in app/events/schemas.
package actions
