// Package auth says who makes a request and how often he may: API keys, the tokens that they are exchanged for, the admin
// token, and a rate limit.
//
// An API key belongs to an account, or to one user of it. It is shown once, when it is made; the store has its SHA-256
// hash. A key is no token: PUT /v2/api_auth exchanges it for one, as in Kazoo
// (app/rest/README.md, Logging in). A token is a JWT (RFC 7519)
// signed with HS256, and no other way, with a key that the first instance makes and that all share through the store. It
// holds for an hour at most, not longer than its API key, and not after a log-out.
//
// Records are asked in memory only, so a request never waits for NATS to be authenticated. An instance that is cut off
// from NATS goes on with the keys and log-outs that it knows.
//
// Keys, tokens and the signing key stand in no log line and in no error.
package auth
