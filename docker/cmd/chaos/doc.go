// Command chaos kills metaflows at random instants of random calls on a real Asterisk, starts it again, and looks whether
// anybody was lost, left over, or served twice.
//
// A run is one kill with several calls at the time, each between phones of its own. Phones answer, are busy or silent, and
// press codes or halves of them; then metaflows ends with SIGKILL, is started again within five seconds, and when it is
// ready every call is judged by what its phones hear. Then everybody hangs up, and nothing may be left. What is random
// comes from a seed, so that a run is repeated as far as two machines agree on time.
package main
