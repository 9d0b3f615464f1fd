package rest

import (
	"bytes"
	"crypto/md5" // Kazoo's hash of the node's name; it protects nothing
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// envelope is what every answer of the API is wrapped in (kazoo-facts 1.4 and 1.6).
type envelope struct {
	AuthToken string    `json:"auth_token,omitempty"`
	Data      any       `json:"data"`
	Error     string    `json:"error,omitempty"` // the HTTP status
	Message   string    `json:"message,omitempty"`
	Node      string    `json:"node"`
	RequestID string    `json:"request_id"`
	Revision  string    `json:"revision,omitempty"`
	Status    string    `json:"status"`
	Timestamp string    `json:"timestamp"`
	Version   string    `json:"version,omitempty"` // for those who are logged in
	Warnings  []warning `json:"warnings,omitempty"`
}

// answer is one answer on its way.
type answer struct {
	w    http.ResponseWriter
	body envelope
}

var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// begin prepares the answer to a request: its id is the client's if that is fit for a header and a log.
func (a *API) begin(w http.ResponseWriter, r *http.Request) *answer {
	id := r.Header.Get("X-Request-ID")
	if !saneRequestID.MatchString(id) {
		var random [16]byte
		_, _ = rand.Read(random[:]) // never fails
		id = hex.EncodeToString(random[:])
	}
	return &answer{w: w, body: envelope{
		Node: a.node, RequestID: id, Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05Z"),
	}}
}

// succeed sends data with 200.
func (s *answer) succeed(data *value) {
	s.body.Status, s.body.Data = "success", json.RawMessage(data.encode())
	s.send(http.StatusOK)
}

// fail sends an error in Kazoo's shape.
func (s *answer) fail(status int, message string, data any) {
	s.body.Status, s.body.Error, s.body.Message, s.body.Data = "error", strconv.Itoa(status), message, data
	s.send(status)
}

// invalid sends what is wrong with a request.
func (s *answer) invalid(status int, p *problems) { s.fail(status, "validation error", p.byPath) }

func (s *answer) send(status int) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s.body); err != nil { // all of it comes from JSON
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"status":"error","error":"500","message":"unspecified_fault","data":{}}`)
	}
	h := s.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Request-ID", s.body.RequestID)
	s.w.WriteHeader(status)
	_, _ = s.w.Write(b.Bytes()) // a client that is gone needs no answer
}

// nodeHash is how Kazoo writes its node: 22 characters.
func nodeHash(node string) string {
	sum := md5.Sum([]byte(node))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
