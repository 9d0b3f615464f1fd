// Package pbxtest is the test kit of package actions: a telephone system in memory (PBX) with phones that behave as they
// are told and a dialplan, a reader of calls that are told in lines (RunScenario), and the suite that says what a PBX is
// (Contract), which runs against this one and against a real Asterisk, so that this one cannot drift from it.
//
// Everything happens by plain time, so it runs in a testing/synctest bubble with exact times. What the telephone system
// does, it does one after another on one goroutine at a time; things of the same moment happen in the order of their
// names. A scenario therefore tells the same story every time.
package pbxtest
