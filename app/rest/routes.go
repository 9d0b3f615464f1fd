package rest

import (
	"net/http"
	"slices"
	"strings"
)

// route is one line of the API: which methods of which URIs, who may, and who answers. Several routes may share a pattern. Path
// variables named account, user, device or key are ids: what is not well formed never comes to the handler. A pattern below
// /v2/accounts/{account} holds for /v2/account too, which is the token's own account.
type route struct {
	methods string // separated by spaces
	pattern string
	who     access
	handle  func(*exchange)
}

// access says who may use a route.
type access uint8

const (
	superAdmin access = iota // who may do everything, on this and every other route that asks for a token
	admins                   // the account's administrator too
	owners                   // and the user whose user or device the path names
	members                  // and every user of the account
	open                     // anybody, without a token
)

// routes are all of the API; each part keeps its own in its file.
func (a *API) routes() []route {
	return slices.Concat(
		a.metaflowsRoutes(),
		a.storedRoutes(),
		a.effectiveRoutes(),
		a.simulateRoutes(),
		a.directoryRoutes(),
		a.loginRoutes(),
		a.apiKeyRoutes(),
		a.channelRoutes(),
		a.schemaRoutes(),
		a.storyRoutes(),
		a.feedRoutes(),
		a.recordingRoutes(),
	)
}

const (
	accountsPath = "/v2/accounts/{account}" // of the account that the path names
	accountPath  = "/v2/account"            // of the token's own
)

// mount hangs routes into the mux. Routes of one pattern must come together.
func (a *API) mount(routes []route) {
	byPattern := map[string][]route{}
	for _, r := range routes {
		byPattern[r.pattern] = append(byPattern[r.pattern], r)
	}
	for pattern, here := range byPattern {
		handler := func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, here) }
		a.mux.HandleFunc(pattern, handler)
		if rest, ok := strings.CutPrefix(pattern, accountsPath); ok {
			a.mux.HandleFunc(accountPath+rest, handler)
		}
	}
}

// methodsOf are the methods that routes of one pattern have.
func methodsOf(routes []route) (all []string) {
	for _, r := range routes {
		all = append(all, strings.Fields(r.methods)...)
	}
	return all
}

// routeOf is the route of a method; nil where there is none.
func routeOf(routes []route, method string) *route {
	for i := range routes {
		if slices.Contains(strings.Fields(routes[i].methods), method) {
			return &routes[i]
		}
	}
	return nil
}
