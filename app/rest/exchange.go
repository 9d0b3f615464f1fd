package rest

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"metaflows/app/auth"
	"metaflows/app/schema"
)

// exchange is one request and its answer. A handler finds in it what the pipeline has made sure of, and answers once, by
// succeed, fail or one of the answers in errors.go.
type exchange struct {
	*http.Request // as it came; a path variable is PathValue("user")
	api           *API
	w             http.ResponseWriter

	method  string        // what is asked for: a POST may mean another (tunnel)
	methods []string      // that there are at this URI
	who     auth.Identity // the zero one on open routes
	secret  string        // the token that was used
	account string        // that the path is about; "" on routes without one
	data    *schema.Value // of the body: an object or an array, never nil; private keys are gone

	answer envelope
	body   requestBody
	ahead  bool // the client expects a revision that is not known here yet
}

var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// begin prepares the answer to a request: its id is the client's if that is fit for a header and a log.
func (a *API) begin(w http.ResponseWriter, r *http.Request, methods []string) *exchange {
	id := r.Header.Get("X-Request-ID")
	if !saneRequestID.MatchString(id) {
		var random [16]byte
		_, _ = rand.Read(random[:]) // never fails
		id = hex.EncodeToString(random[:])
	}
	return &exchange{Request: r, api: a, w: w, method: r.Method, methods: methods, data: schema.NewObject(), answer: envelope{
		Node: a.node, RequestID: id, Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05Z"),
	}}
}

// client is the address of whoever asks. X-Forwarded-For can be written by anybody; believed is what a proxy on this machine
// has appended to it (app/rest/README.md, Headers).
func (x *exchange) client() string {
	peer, err := netip.ParseAddrPort(x.RemoteAddr)
	if err != nil {
		return x.RemoteAddr
	}
	if forwarded := x.Header.Values("X-Forwarded-For"); len(forwarded) > 0 && peer.Addr().Unmap().IsLoopback() {
		all := forwarded[len(forwarded)-1]
		if ip, err := netip.ParseAddr(strings.TrimSpace(all[strings.LastIndex(all, ",")+1:])); err == nil {
			return ip.String()
		}
	}
	return peer.Addr().String()
}

// param is a parameter of the request, "" where there is none: in the body's data, else the query, else the envelope
// (app/rest/README.md, Requests).
func (x *exchange) param(name string) string {
	if s, ok := text(x.data.Get(name)); ok {
		return s
	}
	if q := x.URL.Query(); q.Has(name) {
		return q.Get(name)
	}
	s, _ := text(x.body.members[name])
	return s
}

// text is a scalar's text; ok is false for nil, null, objects and arrays.
func text(v *schema.Value) (s string, ok bool) {
	if v == nil || v.Kind == schema.Null || v.Kind == schema.Object || v.Kind == schema.Array {
		return "", false
	}
	return v.Text, true
}

// tunnel makes a POST the method that its verb names, in the query or in the envelope (app/rest/README.md, Requests).
func (x *exchange) tunnel() {
	if x.Method != http.MethodPost {
		return
	}
	verb := x.URL.Query().Get("verb")
	if verb == "" {
		x.parseBody()
		verb, _ = text(x.body.members["verb"])
	}
	if verb != "" {
		x.method = strings.ToUpper(verb)
	}
}
