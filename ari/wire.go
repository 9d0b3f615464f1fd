package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// wire carries requests over the events' websocket, as Asterisk takes them there too (ari/ASTERISK.md, "When ARI refuses").
// It is for what HTTP refuses: Asterisk executes them one after the other, so that one that waits holds up all others.
type wire struct {
	conn *websocket.Conn
	base string // path of ARI, with a slash behind it

	mu      sync.Mutex
	count   int
	waiting map[string]chan<- *http.Response // by the request's id
}

func newWire(conn *websocket.Conn, base string) *wire {
	return &wire{conn: conn, base: base + "/", waiting: map[string]chan<- *http.Response{}}
}

// asked and answered are the frames. Both bodies are JSON in a string.
type (
	asked struct {
		Type        string `json:"type"`
		Transaction string `json:"transaction_id"`
		Request     string `json:"request_id"`
		Method      string `json:"method"`
		URI         string `json:"uri"`
		ContentType string `json:"content_type,omitempty"`
		Body        string `json:"message_body,omitempty"`
	}
	answered struct {
		Request string `json:"request_id"`
		Status  int    `json:"status_code"`
		Body    string `json:"message_body"`
	}
)

var errNotOurs = errors.New("not a request to ARI")

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	uri, ours := strings.CutPrefix(req.URL.RequestURI(), w.base)
	if !ours {
		return nil, errNotOurs
	}
	ask := asked{Type: "RESTRequest", Method: req.Method, URI: uri}
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		ask.ContentType, ask.Body = "application/json", string(raw)
	}
	answers := make(chan *http.Response, 1)
	w.mu.Lock()
	w.count++
	ask.Request = strconv.Itoa(w.count)
	ask.Transaction = ask.Request
	w.waiting[ask.Request] = answers
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.waiting, ask.Request)
		w.mu.Unlock()
	}()
	frame, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	// Not the request's context: coder/websocket answers its end by breaking the connection.
	if err := w.conn.Write(context.WithoutCancel(req.Context()), websocket.MessageText, frame); err != nil {
		return nil, err
	}
	select {
	case resp := <-answers:
		resp.Request = req
		return resp, nil
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// take is an answer that has come.
func (w *wire) take(frame []byte) {
	var a answered
	if json.Unmarshal(frame, &a) != nil {
		return
	}
	w.mu.Lock()
	answers := w.waiting[a.Request]
	delete(w.waiting, a.Request)
	w.mu.Unlock()
	if answers == nil {
		return
	}
	header := http.Header{}
	if a.Body != "" {
		header.Set("Content-Type", "application/json")
	}
	answers <- &http.Response{
		StatusCode: a.Status, Status: strconv.Itoa(a.Status), Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader([]byte(a.Body))), ContentLength: int64(len(a.Body)),
	}
}
