// Package rest is the HTTP API: the metaflows URIs as Kazoo has them
// (app/rest/README.md), live calls, and /healthz, /readyz, /metrics and /openapi.json.
//
// # The pipeline
//
// Every request to the API goes through the same steps; each answers and ends it where it cannot go on:
//
//  1. A path that is not clean (empty parts but at its end, dots): 404. /v1: 410. No route of that pattern: 404.
//  2. CORS headers; OPTIONS is answered, without a token. A method that Kazoo's web server does not know: 501.
//  3. Authentication, before anything that tells whether an account or a document exists: 401. The token is taken from
//     X-Auth-Token, Authorization: Bearer, auth_token in the query; only where it is in none of them the body is read,
//     which may have it in data or beside it, and for that the client pays as one without a token, until it turns out to have
//     one. X-Auth-Account-ID, if given, must be the token's account. Routes that are open to anybody skip this and the next step.
//  4. The rate limit, that of strangers or of who has a token: 429. A request with a wrong token costs as much as a login, and
//     so does a login beside. The account of the path must be the token's own: 403. /v2/account is the token's
//     own account.
//  5. A POST whose verb (query, envelope) names another method is that method. No such method here: 405.
//  6. Authorisation for the route: 403.
//  7. Ids that are not well formed, or that a strict directory does not have: 404.
//  8. The body of POST, PUT and PATCH: more than 256 KiB is a 413 and not read further; JSON whatever the content type, an
//     object with data, which is an object or an array; an empty body is empty data. Private keys are dropped. Of other
//     methods a body may have parameters, and is not looked at otherwise.
//
// Then the route's handler has the exchange and answers, once. The answer of a feed of events goes on until its listener
// goes, its token holds no longer or EndFeeds is called; it takes a goroutine and a consumer of the event stream, of which
// there is a limited number, and a listener that does not read is cut.
//
// # Adding routes
//
// A part of the API is a file: a method of API that returns its routes, one line each, named in API.routes; and the
// handlers, func(*exchange). Each method of it has a line in operations, which /openapi.json tells; answers of the tests are
// held against that, and clienttest is generated of it. What the line has as id is the name of a method in the clients of
// others: it stays. The generator reads no true or false in place of a property's schema, and no list of types but with null.
// What a handler needs from outside is a small interface in this package and a field of Config.
// A handler takes ids from PathValue and account, the body from data, other parameters from param, who asks from who; it
// answers by succeed (201 for PUT), fail, or an answer of errors.go. answer holds the envelope's other keys.
//
// What is stored is what was sent, after Kazoo's repair of types: key order and unknown keys stay. Defaults are written
// on the way out only (package schema).
package rest
