package rest

import (
	"net/http"
	"slices"
	"strings"
)

// The headers that scripts of other origins may send and read: Kazoo's
// (app/rest/README.md, Headers), and those that it takes and
// forgets to allow. Every origin is allowed; a token is never sent by a browser on its own.
const (
	corsAllowed = "content-type, depth, user-agent, x-http-method-override, x-file-size, x-requested-with, if-modified-since, x-file-name, " +
		"cache-control, x-auth-token, x-kazoo-cluster-id, if-match, if-none-match, authorization, x-request-id, x-pretty-print, idempotency-key, last-event-id"
	corsExposed = "content-type, x-auth-token, x-request-id, x-kazoo-cluster-id, location, etag, retry-after"
)

// beyondPreflight answers OPTIONS, which needs no token, and methods that are none; it says whether there is more to do.
func (x *exchange) beyondPreflight() bool {
	for key := range x.Header {
		if key == "Origin" || strings.HasPrefix(key, "Access-Control-Request-") {
			x.allowOrigin()
			break
		}
	}
	switch {
	case x.Method == http.MethodOptions:
		x.w.Header().Set("Allow", "OPTIONS, "+strings.Join(x.methods, ", "))
		x.empty(http.StatusOK)
		return false
	case !slices.Contains(knownMethods, x.Method):
		x.fail(http.StatusNotImplemented, "not_implemented", because("not implemented"))
		return false
	}
	return true
}

func (x *exchange) allowOrigin() {
	h := x.w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "OPTIONS, "+strings.Join(x.methods, ", "))
	h.Set("Access-Control-Allow-Headers", corsAllowed)
	h.Set("Access-Control-Expose-Headers", corsExposed)
	h.Set("Access-Control-Max-Age", "86400")
}
