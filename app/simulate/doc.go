// Package simulate plays keys through without a phone: what they run, what the other party hears, and what is published
// and asked of Asterisk meanwhile (app/rest/README.md, Simulation). It is the production call that plays, in a time of its own
// (calls.Rehearsal): merge, keypads, collectors, matcher and flow runner. Two things are not: Asterisk, of which asterisk.go
// keeps what counts for digits, and the modules, which do nothing and end as the request says.
//
// A simulation touches no call and no document. It takes no longer than its keys allow: at most MaxKeys of them, in
// documents of at most MaxDocument bytes.
package simulate
