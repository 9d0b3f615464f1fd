package rest

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"metaflows/app/schema"
	"metaflows/app/store"
)

// The answers that say no (app/rest/README.md, Errors). because is the data of those that only say it again.
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

// tooLarge: what should be stored is more than NATS takes, which can be less than what is accepted here; err is for the log.
func (x *exchange) tooLarge(err error) {
	x.api.cfg.Log.Warn("NATS takes smaller messages only", "path", x.URL.Path, "request", x.answer.RequestID, "error", err)
	x.fail(http.StatusRequestEntityTooLarge, "validation error", schema.One("file", "maxSize", schema.Detail{"message": "The data is larger than can be stored"}))
}

// beyondLimit answers when an error says that the account would have more than it may.
func (x *exchange) beyondLimit(err error) bool {
	limit, ok := errors.AsType[*store.LimitError](err)
	if ok {
		x.api.cfg.Log.Info("an account is at a limit", "account", x.account, "of", limit.Kind.String(), "use", limit.Use, "limit", limit.Limit, "request", x.answer.RequestID)
		message := limit.Error()
		x.invalid(schema.One(limit.Kind.String(), "maximum", schema.Detail{
			"message": strings.ToUpper(message[:1]) + message[1:], "target": limit.Limit, "value": limit.Use,
		}))
	}
	return ok
}

// tooManyRequests says after what time there may be more.
func (x *exchange) tooManyRequests(wait time.Duration, message string) {
	seconds := max(1, int64(math.Ceil(wait.Seconds())))
	x.w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	x.fail(http.StatusTooManyRequests, "too_many_requests", because(message))
}

// unavailable: what is stored cannot be asked or changed now; err says why, to the log.
func (x *exchange) unavailable(err error) {
	x.api.cfg.Log.Warn("a request needs what is stored", "path", x.URL.Path, "request", x.answer.RequestID, "error", err)
	x.w.Header().Set("Retry-After", "2")
	message := "datastore timeout"
	if errors.Is(err, store.ErrLoading) {
		message = "loading"
	}
	x.fail(http.StatusServiceUnavailable, "datastore_unreachable", because(message))
}
