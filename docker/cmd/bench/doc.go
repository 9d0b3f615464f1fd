// Command bench measures metaflows on a real Asterisk with real phones, from outside.
//
//	bench latency   from the last digit of a code to its effect, beside features.conf of the same Asterisk
//	bench load      many calls in which everybody presses keys: what gets lost, how long a code takes, what it costs
//	bench setup     from a caller's INVITE to its callee's, and from the answer to both hearing each other, beside plain Dial()
//	bench rate      how many calls can be made in a second, beside plain Dial(), and how many codes pressed
//	bench cost      what a call that goes on takes of the processors and of memory, beside plain Dial()
//	bench restart   how long many calls are without codes when metaflows is killed
//	bench documents a start with many documents, and a change beside them
//	bench rest      what the REST API answers in a second
//	bench card      all of these and some benchmarks of go test, written as one page
//
// A command is a file, and returns what it has measured as figures; the card is made of these by page.tmpl, and names over
// each table the command that was run for it (card.go has the list).
//
// metaflows runs as the program that users run, in a process of its own and without the race detector. The phones, and
// whoever measures, share the machine's processors with it.
package main
