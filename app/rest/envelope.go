package rest

import (
	"bytes"
	"crypto/md5" // Kazoo's hash of the node's name; it protects nothing
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"

	"metaflows/app/live"
	"metaflows/app/schema"
)

// envelope is what every answer of the API is wrapped in (app/rest/README.md, Answers; Errors).
type envelope struct {
	ActionID     string           `json:"action_id,omitempty"` // of what runs on a live call
	AuthToken    string           `json:"auth_token,omitempty"`
	CallID       string           `json:"call_id,omitempty"` // likewise: the call
	Data         any              `json:"data"`
	Error        string           `json:"error,omitempty"` // the HTTP status
	Message      string           `json:"message,omitempty"`
	NextStartKey string           `json:"next_start_key,omitempty"`
	Node         string           `json:"node"`
	Outcome      *live.Outcome    `json:"outcome,omitempty"`   // of what has run on a live call
	PageSize     *int             `json:"page_size,omitempty"` // of a listing: how many it has
	RequestID    string           `json:"request_id"`
	Revision     string           `json:"revision,omitempty"`
	StartKey     string           `json:"start_key,omitempty"`
	Status       string           `json:"status"`
	Timestamp    string           `json:"timestamp"`
	Version      string           `json:"version,omitempty"` // for those who are logged in
	Warnings     []schema.Warning `json:"warnings,omitempty"`
}

// succeed sends data: 201 for a PUT, else 200 (app/rest/README.md, Answers).
func (x *exchange) succeed(data any) {
	x.answer.Status, x.answer.Data = "success", data
	if x.method == http.MethodPut {
		x.send(http.StatusCreated)
		return
	}
	x.send(http.StatusOK)
}

// accept sends data of something that has begun.
func (x *exchange) accept(status int, data any) {
	x.answer.Status, x.answer.Data = "success", data
	x.send(status)
}

// fail sends an error in Kazoo's shape.
func (x *exchange) fail(status int, message string, data any) {
	x.answer.Status, x.answer.Error, x.answer.Message, x.answer.Data = "error", strconv.Itoa(status), message, data
	x.allowOrigin() // Kazoo says so on every error
	x.send(status)
}

func (x *exchange) send(status int) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if x.pretty() {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(x.answer); err != nil {
		x.api.cfg.Log.Error("an answer cannot be written", "path", x.URL.Path, "request", x.answer.RequestID, "error", err, "do", "report it, with the lines around it")
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"status":"error","error":"500","message":"unspecified_fault","data":{}}`)
	}
	x.header("application/json")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(b.Bytes()) // a client that is gone needs no answer
}

// empty sends a status without a body.
func (x *exchange) empty(status int) {
	x.header("")
	x.w.WriteHeader(status)
}

func (x *exchange) header(contentType string) {
	h := x.w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Request-ID", x.answer.RequestID)
}

// pretty says whether the client wants to read the answer itself: header X-Pretty-Print, or pretty_print.
func (x *exchange) pretty() bool {
	wish := x.Header.Get("X-Pretty-Print")
	if wish == "" {
		wish = x.param("pretty_print")
	}
	yes, _ := strconv.ParseBool(wish)
	return yes
}

// nodeHash is how Kazoo writes its node: 22 characters.
func nodeHash(node string) string {
	sum := md5.Sum([]byte(node))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
