// Package client is what the program does on the command line beside a metaflows that runs: it shows its calls, tells what
// happens, runs something on a call, and asks whether it is ready. It speaks the REST API and nothing else.
package client
