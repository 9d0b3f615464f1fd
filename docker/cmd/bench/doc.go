// Command bench measures metaflows on a real Asterisk with real phones, from outside.
//
//	bench latency   from the last digit of a code to its effect, beside features.conf of the same Asterisk
//	bench load      many calls in which everybody presses keys: what gets lost, how long a code takes, what it costs
//	bench setup     from a caller's INVITE to its callee's, and from the answer to both hearing each other, beside plain Dial()
//
// metaflows runs as the program that users run, in a process of its own and without the race detector. The phones, and
// whoever measures, share the machine's processors with it.
package main
