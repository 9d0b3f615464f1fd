package rest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"metaflows/app/schema"
)

// maxBody is the largest request body (app/rest/README.md, Requests); one byte more is a 413 and is not read.
const maxBody = 256 << 10

// requestBody is a request's body as it is when somebody has looked at it.
type requestBody struct {
	parsed   bool
	envelope *schema.Value            // an object; nil when there is none
	members  map[string]*schema.Value // of the envelope, by the keys as Kazoo reads them, without null
	twice    bool                     // data is there more than once
	status   int                      // why there is no envelope, to be answered with problems; 0 for an empty body
	problems *schema.Problems         // nil with status 0
}

// take takes the envelope apart.
func (b *requestBody) take(envelope *schema.Value) {
	b.envelope, b.members = envelope, map[string]*schema.Value{}
	for _, m := range envelope.Members {
		if m.Value.Kind == schema.Null {
			continue
		}
		key := envelopeKey.Replace(strings.ToLower(m.Key))
		if b.members[key] == nil {
			b.members[key] = m.Value
		} else if key == "data" {
			b.twice = true
		}
	}
}

// envelopeKey is how Kazoo reads the envelope's keys, once they are in lower case.
var envelopeKey = strings.NewReplacer("-", "_", " ", "_")

// parseBody reads the body, once: JSON whatever the content type says, and never more than the limit.
func (x *exchange) parseBody() {
	if x.body.parsed {
		return
	}
	x.body.parsed = true
	refuse := func(status int, p *schema.Problems) { x.body.status, x.body.problems = status, p }
	text, err := x.readBody()
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		// What is still to come is not read, not even to be thrown away as net/http would.
		x.w.Header().Set("Connection", "close")
		_ = http.NewResponseController(x.w).SetReadDeadline(time.Now())
		refuse(http.StatusRequestEntityTooLarge, schema.One("file", "maxSize", schema.Detail{
			"message": "Payload or Files must not be more than 262144 bytes", "target": maxBody,
		}))
		return
	}
	if err != nil {
		refuse(http.StatusBadRequest, notJSON("the body could not be read"))
		return
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return
	}
	body, err := schema.Parse(text)
	switch {
	case err != nil:
		refuse(http.StatusBadRequest, notJSON(err.Error()))
	case body.Kind != schema.Object:
		refuse(http.StatusBadRequest, notJSON("the body is not a JSON object"))
	default:
		x.body.take(body)
	}
}

func (x *exchange) readBody() ([]byte, error) {
	if x.ContentLength > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	return io.ReadAll(http.MaxBytesReader(x.w, x.Body, maxBody))
}

func notJSON(reason string) *schema.Problems {
	return schema.One("json", "invalid", schema.Detail{"message": reason, "target": "body"})
}

// readData looks into the body of a method that has one, as Kazoo does
// (app/rest/README.md, Requests): it must be an object and have
// data, which must be an object or an array; an empty body is empty data. It answers where it is not so. The body of another
// method is nothing but a place for parameters.
func (x *exchange) readData() bool {
	x.parseBody()
	if x.method != http.MethodPost && x.method != http.MethodPut && x.method != http.MethodPatch {
		if data := x.body.members["data"]; data != nil && data.Kind == schema.Object {
			x.data = public(data)
		}
		return true
	}
	switch {
	case x.body.status != 0:
		x.fail(x.body.status, "validation error", x.body.problems)
		return false
	case x.body.envelope == nil:
		return true
	}
	data := x.body.members["data"]
	switch {
	case x.body.twice:
		x.invalid(schema.One("data", "duplicate", schema.Detail{"message": "Key stands twice in one object"}))
		return false
	case data == nil:
		envelope := x.body.envelope
		envelope.Members = slices.DeleteFunc(envelope.Members, func(m schema.Member) bool { // a token is not told back
			return envelopeKey.Replace(strings.ToLower(m.Key)) == "auth_token"
		})
		x.invalid(schema.One("data", "required", schema.Detail{"message": "Field is required but missing", "value": envelope}))
		return false
	case data.Kind != schema.Object && data.Kind != schema.Array:
		x.invalid(schema.One("data", "type", schema.Detail{
			"message": "Value did not match type(s): object, array", "target": "object, array", "value": data,
		}))
		return false
	}
	x.data = public(data)
	return true
}

// public is data without an object's private keys, which Kazoo drops before it validates; _id comes back as id. A token
// that came in data is not kept either.
func public(data *schema.Value) *schema.Value {
	if data.Kind != schema.Object {
		return data
	}
	id := data.Get("_id")
	data.Members = slices.DeleteFunc(data.Members, func(m schema.Member) bool {
		return strings.HasPrefix(m.Key, "_") || strings.HasPrefix(m.Key, "pvt_") || m.Key == "auth_token"
	})
	if id != nil {
		data.Set("id", id)
	}
	return data
}
