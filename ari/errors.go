package ari

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"metaflows/flows/calls"
)

// ErrReplaced is what Run returns when another process has taken over the application on this Asterisk for good.
var ErrReplaced = errors.New("another process has taken over the ARI application")

// errAnswer: a 2xx whose body is not what ARI promises.
var errAnswer = errors.New("the answer is not what ARI promises")

// Texts of Asterisk's that come with a 404 and do not mean that a channel is gone.
const (
	textNoVariable = "Provided variable was not found" // the variable is not set
	textNoResource = "Resource not found"              // the request is not known to this version
)

// Error is a request that failed: what was asked of which resource, and why. It wraps one of calls.ErrGone,
// ErrConflict, ErrInvalid, ErrUnavailable or ErrDetached. It never holds a request's query or body, where digits and
// passwords may be.
type Error struct {
	Verb    string // what was asked: "hang up"
	ID      string // of the channel, bridge, playback or recording
	Status  int    // HTTP's; 0 when there was no answer
	Message string // Asterisk's own, or why there was no answer
	kind    error
	refused bool // see refuses
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Verb)
	if e.ID != "" {
		b.WriteString(" " + e.ID)
	}
	b.WriteString(": " + e.kind.Error())
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d)", e.Status)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.kind }

// newStatusError makes an error of an answer that is not 2xx.
// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/ names the statuses of
// each request; the texts are those of 22.10.
func newStatusError(resp *http.Response, answer []byte) *Error {
	status := resp.StatusCode
	var said struct {
		Message string `json:"message"`
		Error   string `json:"error"` // of channels/create alone
	}
	e := &Error{Status: status, kind: calls.ErrInvalid, refused: refuses(resp)}
	if json.Unmarshal(answer, &said) == nil {
		e.Message = oneLine(said.Message + said.Error)
	}
	if e.Message == "" {
		e.Message = http.StatusText(status)
	}
	switch {
	case status >= 500, e.refused:
		e.kind = calls.ErrUnavailable
	case e.Message == textNoVariable, e.Message == textNoResource: // 404 too, but the channel may be there
	case status == http.StatusNotFound,
		strings.Contains(e.Message, "Channel not in Stasis application"), // 409, in addChannel and removeChannel 422
		e.Message == "Bridge not in Stasis application",                  // 409 of one that is gone
		e.Message == "Recording not in session",                          // 409 of one that is just being stopped
		e.Message == "Failed to execute function",                        // 400 of setting one of a channel that is just leaving; else 204, whatever is set
		status == http.StatusBadRequest && e.Message == "Channel not found":
		e.kind = calls.ErrGone
	case status == http.StatusConflict,
		strings.Contains(e.Message, "not in this bridge"): // 422 of removeChannel
		e.kind = calls.ErrConflict
	case status < 400: // ARI does not redirect: this is not ARI
		e.kind, e.Message = calls.ErrUnavailable, "this is not ARI"
	}
	return e
}

// fail turns what a request returned into an *Error that says what was asked; nil stays nil.
func fail(verb, id string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		said := *e
		said.Verb, said.ID = verb, id
		return &said
	}
	if errors.Is(err, calls.ErrDetached) {
		return &Error{Verb: verb, ID: id, kind: calls.ErrDetached}
	}
	return &Error{Verb: verb, ID: id, kind: calls.ErrUnavailable, Message: reason(err)}
}

// undone says of a request that failed that Asterisk has done nothing of it: it has said so, or was not reached. A gateway
// between speaks for itself, and what all of HTTP was refused may have been done over the events' websocket.
func undone(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status >= 400 && !e.refused && e.Status != http.StatusBadGateway && e.Status != http.StatusGatewayTimeout
	}
	dial, ok := errors.AsType[*net.OpError](err)
	return ok && dial.Op == "dial"
}

// reason says why there was no answer. It never quotes an error that may hold a URL: *url.Error prints the query.
func reason(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "host unreachable"
	case errors.As(err, &dns):
		return "unknown host"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection broken"
	case errors.Is(err, errAnswer):
		return errAnswer.Error()
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "no answer in time"
	}
	return "connection failed"
}

// oneLine makes a message of somebody else's fit for one line of our log.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return s
}
