// Package server wires the parts of metaflows together, and starts and stops them in order: documents, NATS,
// HTTP, ARI last. It is package main without the command line, so that tests can run the real thing in their process.
package server
