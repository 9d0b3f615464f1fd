// Package aritest has a small fake of Asterisk's ARI for the tests of package ari: it records what it is asked, answers
// as scripted and sends the frames that it is told to. It knows nothing of calls; for those there is the in-memory PBX.
package aritest

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// The login that a Server wants.
const (
	User     = "metaflows"
	Password = "s3cret"
)

// Request is one REST request that came in.
type Request struct {
	Method string
	Path   string // below /ari, escaped as it came: /recordings/live/acme%2Fr1/stop
	Query  string // sorted by key
	Body   string
	Wire   bool // over the websocket
}

// String is method, path, query and body on one line.
func (r Request) String() string {
	s := r.Method + " " + r.Path
	if r.Query != "" {
		s += "?" + r.Query
	}
	if r.Body != "" {
		s += " " + r.Body
	}
	return s
}

// Answer is what a request gets.
type Answer struct {
	Status int
	Body   string
	Delay  time.Duration // before the status
	HTML   bool          // it is not ARI that answers
}

// Server is a fake ARI. Its methods may be called from any goroutine.
type Server struct {
	URL string // to give to the client: http://127.0.0.1:<port>/ari

	t      testing.TB
	http   *httptest.Server
	silent atomic.Bool // pings get no answer
	deaf   atomic.Bool // new websockets are never read

	dialled atomic.Int64

	mu       sync.Mutex
	version  string
	requests []Request
	answers  map[string]Answer // by "METHOD /path"
	globals  map[string]string // Asterisk's global variables
	refusal  *Answer           // every request by HTTP gets it
	strict   bool              // and those over the websocket too
	mute     bool              // the filter of events keeps answers over the websocket
	conn     *websocket.Conn
	arrived  chan struct{} // closed and replaced at each connection
	count    int
}

// New starts a server, an Asterisk 22.10.1 that keeps global variables and answers 204 to everything else; it ends with the
// test.
func New(t testing.TB) *Server { return start(t, nil) }

func start(t testing.TB, listener net.Listener) *Server {
	s := &Server{t: t, version: "22.10.1", answers: make(map[string]Answer), globals: make(map[string]string), arrived: make(chan struct{})}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	if listener != nil {
		s.http.Listener.Close()
		s.http.Listener = listener
	}
	s.http.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.dialled.Add(1)
		}
	}
	s.http.Start()
	s.URL = s.http.URL + "/ari"
	t.Cleanup(s.Close)
	return s
}

// Close ends the server and its connections.
func (s *Server) Close() {
	s.Drop()
	s.http.CloseClientConnections()
	s.http.Close()
}

// SetVersion changes what asterisk/info says.
func (s *Server) SetVersion(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = version
}

// Script sets what requests to "METHOD /path" get from now on.
func (s *Server) Script(request string, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[request] = a
}

// Refuse lets every request by HTTP get the same answer, new websockets too, and with strict those over the websocket that is
// open; its events go on. nil ends that.
func (s *Server) Refuse(a *Answer, strict bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal, s.strict = a, strict
}

// Unscript lets requests get again what they got before Script.
func (s *Server) Unscript(request string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.answers, request)
}

// SetGlobal sets a global variable of Asterisk.
func (s *Server) SetGlobal(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.globals[name] = value
}

// Steal lets somebody else take over the application.
func (s *Server) Steal() {
	s.Push(`{"type":"ApplicationReplaced","timestamp":"2026-11-22T19:00:00.123+0000","application":"metaflows"}`)
}

// Requests returns what has come in since the last call, without asterisk/info and the events' websocket.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = nil
	return r
}

// Connections is how many websockets have been opened so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Dialled is how many TCP connections have been made.
func (s *Server) Dialled() int { return int(s.dialled.Load()) }

// AwaitConnection waits until the n-th websocket has been opened.
func (s *Server) AwaitConnection(n int) {
	s.t.Helper()
	s.await(fmt.Sprintf("connection %d of the websocket has not come", n), func() bool { return s.count >= n })
}

// present is the websocket that is open, once there is one.
func (s *Server) present() (conn *websocket.Conn) {
	s.t.Helper()
	s.await("no websocket is open", func() bool { conn = s.conn; return conn != nil })
	return conn
}

// await waits until ok, which is asked with s.mu held.
func (s *Server) await(problem string, ok func() bool) {
	s.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		done, arrived := ok(), s.arrived
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-arrived:
		case <-deadline:
			s.t.Fatal(problem)
		}
	}
}

// Push sends a frame to the present websocket, or to the next one where there is none: a client may know of its connection
// before the server does.
func (s *Server) Push(frame string) {
	s.t.Helper()
	conn := s.present()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
		s.t.Fatalf("push: %v", err)
	}
}

// Silence lets the wire go dead without a word: connections stay open, pings get no answer. false heals new and old ones.
func (s *Server) Silence(on bool) { s.silent.Store(on) }

// Deaf lets new websockets open and then be as those of a hung process: nothing is ever read from them.
func (s *Server) Deaf(on bool) { s.deaf.Store(on) }

// Drop breaks the present websocket without a close frame.
func (s *Server) Drop() {
	s.mu.Lock()
	conn := s.conn
	s.conn = nil
	s.mu.Unlock()
	if conn != nil {
		conn.CloseNow()
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/ari")
	login := "Basic " + base64.StdEncoding.EncodeToString([]byte(User+":"+Password))
	s.mu.Lock()
	a, scripted := s.answers[r.Method+" "+path]
	version, refusal := s.version, s.refusal
	if r.Header.Get(overWire) != "" && !s.strict {
		refusal = nil
	}
	s.mu.Unlock()
	switch {
	case refusal != nil:
		a = *refusal
	case !ok:
		a = Answer{Status: http.StatusNotFound}
	case r.Header.Get("Authorization") != login:
		a = Answer{Status: http.StatusUnauthorized, Body: `{"message":"Authentication required"}`}
	case scripted:
	case path == "/events":
		s.events(w, r)
		return
	case path == "/asterisk/info":
		a = Answer{Status: http.StatusOK, Body: `{"system":{"version":"` + version + `","entity_id":"02:00:00:00:00:01"},"config":{"name":"lab"}}`}
	default:
		a = Answer{Status: http.StatusNoContent}
	}
	body, _ := io.ReadAll(r.Body) // a request cut short is recorded as far as it came
	if path == "/asterisk/variable" && !scripted && a.Status == http.StatusNoContent {
		a = s.global(r, body)
	}
	if path != "/asterisk/info" {
		s.mu.Lock()
		s.requests = append(s.requests, Request{
			Method: r.Method, Path: path, Query: r.URL.Query().Encode(), Body: strings.TrimSpace(string(body)), Wire: r.Header.Get(overWire) != "",
		})
		s.mu.Unlock()
	}
	if strings.HasSuffix(path, "/eventFilter") && a.Status < 300 {
		s.mu.Lock()
		s.mute = !bytes.Contains(body, []byte(`"RESTResponse"`))
		s.mu.Unlock()
	}
	if a.Delay > 0 {
		select {
		case <-time.After(a.Delay):
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case a.HTML:
		w.Header().Set("Content-Type", "text/html")
	case a.Status != http.StatusNoContent:
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body))) // as Asterisk says it, of a file, too
	w.WriteHeader(a.Status)
	w.Write([]byte(a.Body))
}

// global reads or sets a global variable.
func (s *Server) global(r *http.Request, body []byte) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodGet {
		value, _ := json.Marshal(s.globals[r.URL.Query().Get("variable")])
		return Answer{Status: http.StatusOK, Body: `{"value":` + string(value) + `}`}
	}
	var set struct{ Variable, Value string }
	if err := json.Unmarshal(body, &set); err != nil || set.Variable == "" {
		return Answer{Status: http.StatusBadRequest, Body: `{"message":"Variable name is required"}`}
	}
	s.globals[set.Variable] = set.Value
	return Answer{Status: http.StatusNoContent}
}

// events is the websocket. A new one takes the application and Push over from the old, which is told and stays open.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	app, all := r.URL.Query().Get("app"), r.URL.Query().Get("subscribeAll")
	if app == "" || all != "false" {
		http.Error(w, `{"message":"app and subscribeAll=false are wanted"}`, http.StatusBadRequest)
		return
	}
	if s.deaf.Load() {
		s.hang(w, r)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OnPingReceived: func(context.Context, []byte) bool { return !s.silent.Load() },
	})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	s.mu.Lock()
	old := s.conn
	s.conn = conn
	s.count++
	close(s.arrived)
	s.arrived = make(chan struct{})
	s.mu.Unlock()
	if old != nil {
		told, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = old.Write(told, websocket.MessageText, []byte(`{"type":"ApplicationReplaced","timestamp":"2026-11-22T19:00:00.123+0000","application":"`+app+`"}`))
		cancel()
	}
	defer s.gone(conn)
	for {
		_, frame, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		go s.rest(conn, frame)
	}
}

// overWire marks a request that came over the websocket.
const overWire = "Over-Wire"

// rest answers a request that came over the websocket.
func (s *Server) rest(conn *websocket.Conn, frame []byte) {
	var ask struct {
		Type, Method, URI string
		Request           string `json:"request_id"`
		Body              string `json:"message_body"`
	}
	if json.Unmarshal(frame, &ask) != nil || ask.Type != "RESTRequest" {
		return
	}
	r := httptest.NewRequest(ask.Method, "/ari/"+ask.URI, strings.NewReader(ask.Body))
	r.SetBasicAuth(User, Password)
	r.Header.Set(overWire, "1")
	w := httptest.NewRecorder()
	s.serve(w, r)
	s.mu.Lock()
	mute := s.mute
	s.mu.Unlock()
	if mute {
		return
	}
	answer, _ := json.Marshal(map[string]any{"type": "RESTResponse", "request_id": ask.Request, "status_code": w.Code, "message_body": w.Body.String()})
	_ = conn.Write(context.Background(), websocket.MessageText, answer)
}

// gone notes that a websocket is closed.
func (s *Server) gone(conn *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == conn {
		s.conn = nil
	}
}

// hang opens a websocket (RFC 6455, 4.2.2) and leaves it alone.
func (s *Server) hang(w http.ResponseWriter, r *http.Request) {
	key := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(key[:]))
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	s.t.Cleanup(func() { conn.Close() })
}
