package rest

import (
	"net/http"
	"strings"

	"metaflows/app/schema"
)

// The answers that say no (kazoo-facts 1.6). because is the data of those that only say it again.
func because(message string) map[string]string { return map[string]string{"message": message} }

// invalid sends what is wrong with a request.
func (x *exchange) invalid(p *schema.Problems) { x.fail(http.StatusBadRequest, "validation error", p) }

func (x *exchange) forbidden() { x.fail(http.StatusForbidden, "forbidden", because("forbidden")) }

// badIdentifier: there is no such document.
func (x *exchange) badIdentifier(id string) {
	x.fail(http.StatusNotFound, "bad_identifier", map[string]string{"message": "bad identifier", "cause": id})
}

func (x *exchange) invalidMethod() {
	x.w.Header().Set("Allow", strings.Join(x.methods, ", "))
	x.fail(http.StatusMethodNotAllowed, "invalid_method", because("method not allowed"))
}

// unavailable: what is stored cannot be asked or changed now; err says why, to the log.
func (x *exchange) unavailable(err error) {
	x.api.cfg.Log.Warn("a request needs what is stored", "path", x.URL.Path, "request", x.answer.RequestID, "error", err)
	x.w.Header().Set("Retry-After", "2")
	x.fail(http.StatusServiceUnavailable, "datastore_unreachable", because("datastore timeout"))
}
