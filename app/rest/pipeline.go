package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// knownMethods are those that Kazoo's web server knows; of others it says that they are not implemented
// (app/rest/README.md, Requests).
var knownMethods = []string{
	http.MethodOptions, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead,
}

// ServeHTTP answers a request, whatever happens in it.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // net/http's own sentinel, as it is documented
				panic(p)
			}
			a.cfg.Log.Error("a request ended in a panic", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "do", "report it, with the lines around it")
			a.begin(w, r, nil).fail(http.StatusInternalServerError, "unspecified_fault", because("unspecified fault"))
		}
	}()
	r = withoutSlash(r)
	if p := r.URL.EscapedPath(); p != path.Clean(p) { // an empty part, or one that is . or ..: the mux would redirect, in HTML
		a.nowhere(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// withoutSlash is a request without slashes at its path's end: Kazoo passes over them.
func withoutSlash(r *http.Request) *http.Request {
	p := r.URL.EscapedPath()
	trimmed := strings.TrimRight(p, "/")
	if trimmed == p || trimmed == "" {
		return r
	}
	u := *r.URL
	u.Path, _ = url.PathUnescape(trimmed) // it is what a path was parsed from
	u.RawPath = trimmed
	shorter := *r
	shorter.URL = &u
	return &shorter
}

// serve takes a request to the routes of one pattern through the pipeline, in the order that the package's documentation
// promises. Every step that returns false has answered.
func (a *API) serve(w http.ResponseWriter, r *http.Request, routes []route) {
	x := a.begin(w, r, methodsOf(routes))
	if !x.beyondPreflight() {
		return
	}
	guarded := slices.ContainsFunc(routes, func(r route) bool { return r.who != open })
	if guarded {
		x.account = x.PathValue("account")
		if !x.authenticate() {
			return
		}
	}
	if !x.withinLimit(1) || guarded && !x.ownAccount() { // to be refused is not free
		return
	}
	x.tunnel()
	route := routeOf(routes, x.method)
	switch {
	case route == nil:
		x.invalidMethod()
	case x.authorise(route.who) && x.identifiers() && x.readData():
		route.handle(x)
	}
}

// nowhere answers where there is no route.
func (a *API) nowhere(w http.ResponseWriter, r *http.Request) {
	if x := a.begin(w, r, knownMethods[1:]); x.beyondPreflight() {
		x.fail(http.StatusNotFound, "not_found", because("not found"))
	}
}

// gone answers for the API's version 1, as Kazoo does.
func (a *API) gone(w http.ResponseWriter, r *http.Request) {
	if x := a.begin(w, r, knownMethods[1:]); x.beyondPreflight() {
		x.fail(http.StatusGone, "gone", because("gone"))
	}
}
