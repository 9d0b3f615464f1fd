package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
)

// described is a description that answers can be held against.
type described struct {
	validator validator.Validator
	paths     map[string]map[string]any
	mu        sync.Mutex
	fine      map[string]bool // answers that were looked at, without what differs each time
}

// descriptions are those of the APIs of all labs, by their text.
var descriptions = struct {
	sync.Mutex
	all map[string]*described
}{all: map[string]*described{}}

func descriptionOf(t testing.TB, api *API) *described {
	t.Helper()
	descriptions.Lock()
	defer descriptions.Unlock()
	if d := descriptions.all[string(api.description)]; d != nil {
		return d
	}
	doc, err := libopenapi.NewDocument(api.description)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(doc, config.WithFormatAssertions())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var said struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(api.description, &said); err != nil {
		t.Fatal(err)
	}
	d := &described{validator: v, paths: said.Paths, fine: map[string]bool{}}
	descriptions.all[string(api.description)] = d
	return d
}

// differs is what two answers that are the same do not have in common.
var differs = regexp.MustCompile(`"(timestamp|request_id|auth_token)": ?"[^"]*"`)

// asDescribed holds an answer against /openapi.json. Where there is no such route or method, it must be a refusal as every
// other.
func asDescribed(t testing.TB, api *API, r *http.Request, body string, w *httptest.ResponseRecorder) {
	t.Helper()
	d := descriptionOf(t, api)
	if r.Method == http.MethodOptions {
		return // it has no body, see TestCORS
	}
	method, path := asked(api, r, body)
	_, known := d.paths[path][strings.ToLower(method)]
	if !known {
		if w.Code < 400 {
			t.Errorf("%s %s: %d, of which /openapi.json does not tell", r.Method, r.URL, w.Code)
			return
		}
		if w.Body.Len() == 0 || !strings.HasPrefix(path, "/v") && slices.Contains([]string{"/healthz", "/readyz", "/metrics", "/openapi.json"}, path) {
			return
		}
		method, path = http.MethodGet, "/v2/schemas" // whose refusal is that of all
	}
	text := differs.ReplaceAllString(w.Body.String(), `"$1"`)
	key := fmt.Sprint(method, " ", path, " ", w.Code, " ", w.Header()["Content-Type"], " ", text)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fine[key] {
		return
	}
	request := httptest.NewRequestWithContext(t.Context(), method, pathVariable.ReplaceAllString(path, "x"), nil)
	if ok, problems := d.validator.ValidateHttpResponse(request, w.Result()); !ok {
		for _, p := range problems {
			t.Errorf("%s %s: the answer is not as /openapi.json says: %s; %s\n%d %.500s", r.Method, r.URL, p.Message, p.Reason, w.Code, w.Body)
			for _, s := range p.SchemaValidationErrors {
				t.Errorf("  at %s: %s", s.FieldPath, s.Reason)
			}
		}
		return
	}
	d.fine[key] = true
}

// asked is the method that a request means, and the pattern of the route that it goes to.
func asked(api *API, r *http.Request, body string) (method, pattern string) {
	_, pattern = api.mux.Handler(withoutSlash(r))
	if rest, ok := strings.CutPrefix(pattern, accountPath); ok && (rest == "" || rest[0] == '/') {
		pattern = accountsPath + rest
	}
	method = r.Method
	if method != http.MethodPost {
		return method, pattern
	}
	if verb := r.URL.Query().Get("verb"); verb != "" {
		return strings.ToUpper(verb), pattern
	}
	var envelope map[string]any
	if json.Unmarshal([]byte(body), &envelope) == nil {
		for key, value := range envelope {
			if verb, ok := value.(string); ok && strings.EqualFold(key, "verb") && verb != "" {
				method = strings.ToUpper(verb)
			}
		}
	}
	return method, pattern
}

// Every route is described, and nothing else is; what is described is a valid OpenAPI 3.1 document.
func TestEveryRouteIsDescribed(t *testing.T) {
	s := besiege(t)
	var routes []string
	for _, r := range s.api.routes() {
		for method := range strings.FieldsSeq(r.methods) {
			name := method + " " + r.pattern
			routes = append(routes, name)
			if operations[name].about == "" || operations[name].answer == "" {
				t.Errorf("%s is not in operations", name)
			}
		}
	}
	for name := range operations {
		if !slices.Contains(routes, name) {
			t.Errorf("%s is described and does not exist", name)
		}
	}
	d := descriptionOf(t, s.api)
	if ok, problems := d.validator.ValidateDocument(); !ok {
		for _, p := range problems {
			t.Error(p.Message, p.Reason)
			for _, s := range p.SchemaValidationErrors {
				t.Errorf("  at %s: %s", s.FieldPath, s.Reason)
			}
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json"} {
		if _, pattern := s.api.mux.Handler(httptest.NewRequestWithContext(t.Context(), "GET", path, nil)); pattern != path || d.paths[path] == nil {
			t.Errorf("%s: %q, %v", path, pattern, d.paths[path])
		}
	}
	t.Logf("%d operations of %d URIs", len(routes), len(d.paths))
}

// Clients are generated by operationId: every operation has one, and no two have the same.
func TestEveryOperationHasAnID(t *testing.T) {
	var said struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(besiege(t).api.description, &said); err != nil {
		t.Fatal(err)
	}
	camelCase := regexp.MustCompile(`^[a-z]+([A-Z][a-z]+)*$`)
	of := map[string]string{}
	for path, methods := range said.Paths {
		for method, operation := range methods {
			name, id := strings.ToUpper(method)+" "+path, operation.OperationID
			if !camelCase.MatchString(id) {
				t.Errorf("%s has the operationId %q, want one such as getAccountMetaflows", name, id)
			} else if of[id] != "" {
				t.Errorf("%s and %s have the same operationId, %s", name, of[id], id)
			}
			of[id] = name
		}
	}
	if id := "getAccountMetaflows"; of[id] != "GET /v2/accounts/{account}/metaflows" {
		t.Errorf("%s is %q", id, of[id])
	}
	t.Logf("%d operations have an id of their own", len(of))
}

// Without a token, for whoever wants to know what there is.
func TestDescriptionIsServed(t *testing.T) {
	l := newLab(t)
	w := l.do("GET", "/openapi.json", "", "X-Auth-Token: ")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || !strings.HasPrefix(w.Body.String(), `{"openapi":"3.1.0"`) || !strings.Contains(w.Body.String(), `"version":"1.2.3"`) {
		t.Error(w.Code, w.Header(), w.Body)
	}
	if w := l.do("POST", "/openapi.json", ""); w.Code != 405 {
		t.Error(w.Code)
	}
}

// An answer that is not as described is found: else all others would prove nothing.
func TestWrongAnswersAreFound(t *testing.T) {
	l := newLab(t)
	right := l.do("GET", "/v2/accounts/acme/metaflows", "").Body.String()
	for name, tt := range map[string]struct {
		path, body string
		status     int
	}{
		"not JSON":              {"/v2/accounts/acme/metaflows", "{", 200},
		"a key of no answer":    {"/v2/accounts/acme/metaflows", strings.Replace(right, "{", `{"surprise":1,`, 1), 200},
		"lacks its data":        {"/v2/accounts/acme/metaflows", strings.Replace(right, `"data":{},`, "", 1), 200},
		"wrong data":            {"/v2/accounts/acme/metaflows", strings.Replace(right, `"data":{}`, `"data":[]`, 1), 200},
		"an error with 200":     {"/v2/accounts/acme/metaflows", strings.Replace(right, `"success"`, `"error"`, 1), 200},
		"a success with 400":    {"/v2/accounts/acme/metaflows", right, 400},
		"another success":       {"/v2/accounts/acme/metaflows", right, 204},
		"success at no route":   {"/v2/nowhere", right, 200},
		"a key of the document": {"/v2/accounts/acme/metaflows/effective", strings.Replace(right, `"data":{}`, `"data":{"metaflows":{}}`, 1), 200},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(tt.status)
			_, _ = w.WriteString(tt.body)
			said := &quietTB{TB: t}
			asDescribed(said, l.api, httptest.NewRequestWithContext(t.Context(), "GET", tt.path, nil), "", w)
			if said.errors == 0 {
				t.Errorf("%d %s is taken as described", tt.status, tt.body)
			}
		})
	}
}

// quietTB counts errors instead of failing.
type quietTB struct {
	testing.TB
	errors int
}

func (q *quietTB) Errorf(string, ...any) { q.errors++ }
