// Package program runs the program metaflows as a user does, beside an Asterisk of package pbx: a process of its own with
// METAFLOWS_* variables in its environment. It can be stopped, killed, halted and started again at the same addresses with
// the same data folder, so that whoever uses it finds it there again.
//
// A process ends with the one that started it, however that ends.
package program
