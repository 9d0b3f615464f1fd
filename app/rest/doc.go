// Package rest is the HTTP API: the metaflows URIs as Kazoo has them (kazoo-facts 1 to 3, design 3.3), and /healthz and
// /readyz.
//
// What is stored is what was sent, after Kazoo's repair of types: key order and unknown keys stay. Defaults are written
// on the way out only. Authentication comes before anything that depends on which accounts there are, and before the
// body is read.
package rest
