// Command demo shows metaflows on a real Asterisk with real SIP phones.
//
//	demo call   one call, told line by line: a recording and a transfer by codes
//	demo lab    the same Asterisk to try with phones of one's own, until Ctrl-C
//
// Both run the program itself as a user does, with METAFLOWS_* variables in its environment, beside an Asterisk of package
// pbx. What they print is seen from outside: at the phones, by a second ARI application that watches Asterisk, and by a
// subscriber with the NATS login audit.
package main
