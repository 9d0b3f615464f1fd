package rest

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"metaflows/app/store"
	"metaflows/flows"
)

// TestErrors has the rows of app/rest/README.md, Errors: HTTP code, message, data, and the keys beside them.
func TestErrors(t *testing.T) {
	const there = "auth_token data error message node request_id status timestamp version"
	const anonymous = "data error message node request_id status timestamp"
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		message, data, keys      string
		prepare                  func(*lab)
	}{
		{"schema failure", "POST", uri, `{"data":{"listen_on":"x"}}`, nil, 400, "validation error",
			`{"listen_on":{"enum":{"message":"Value not found in enumerated list of values","target":["both","self","peer"],"value":"x"}}}`, there, nil},
		{"invalid JSON", "POST", uri, `{"data":{}`, nil, 400, "validation error",
			`{"json":{"invalid":{"message":"unexpected end of JSON input around 10","target":"body"}}}`, there, nil},
		{"body without data", "POST", uri, `{"a":[1]}`, nil, 400, "validation error",
			`{"data":{"required":{"message":"Field is required but missing","value":{"a":[1]}}}}`, there, nil},
		{"data is null", "POST", uri, `{"data":null}`, nil, 400, "validation error",
			`{"data":{"required":{"message":"Field is required but missing","value":{"data":null}}}}`, there, nil},
		{"data is a scalar", "POST", uri, `{"data":"x"}`, nil, 400, "validation error",
			`{"data":{"type":{"message":"Value did not match type(s): object, array","target":"object, array","value":"x"}}}`, there, nil},
		{"no credentials", "GET", uri, "", []string{"X-Auth-Token: "}, 401, "invalid_credentials", `{"message":"invalid credentials"}`, anonymous, nil},
		{"a token that fails verification", "GET", uri, "", []string{"X-Auth-Token: nonsense"}, 401, "invalid_credentials", `{"message":"invalid credentials"}`, anonymous, nil},
		{"an expired token", "GET", uri, "", []string{"X-Auth-Token: expired-token"}, 401, "invalid credentials", `{}`, anonymous, nil},
		{"a token nobody knows", "GET", uri, "", []string{"X-Auth-Token: unknown-token"}, 401, "invalid credentials", `{}`, anonymous, nil},
		{"tokens are not loaded yet", "GET", uri, "", []string{"X-Auth-Token: early-token"}, 503, "datastore_unreachable", `{"message":"datastore timeout"}`, anonymous, nil},
		{"not allowed", "GET", uri, "", []string{"X-Auth-Token: other-token"}, 403, "forbidden", `{"message":"forbidden"}`, there, nil},
		{"no such document", "GET", "/v2/accounts/acme/users/a.b/metaflows", "", nil, 404, "bad_identifier", `{"message":"bad identifier","cause":"a.b"}`, there, nil},
		{"no such schema", "GET", "/v2/schemas/metaflows.nope", "", nil, 404, "bad_identifier", `{"message":"bad identifier","cause":"metaflows.nope"}`, anonymous, nil},
		{"malformed account id", "GET", "/v2/accounts/a.b/metaflows", "", nil, 404, "bad identifier", `{"message":"invalid account_id 'a.b'"}`, there, nil},
		{"no such route", "GET", uri + "/foo", "", nil, 404, "not_found", `{"message":"not found"}`, anonymous, nil},
		{"method", "PATCH", uri, "", nil, 405, "invalid_method", `{"message":"method not allowed"}`, there, nil},
		{"version 1", "GET", "/v1/accounts", "", nil, 410, "gone", `{"message":"gone"}`, anonymous, nil},
		{"save race", "POST", uri, seedPost, nil, 409, "datastore_conflict", `{"message":"conflicting documents"}`, there, func(l *lab) { l.docs.race = true }},
		{"too large", "POST", uri, strings.Repeat(" ", maxBody+1), nil, 413, "validation error",
			`{"file":{"maxSize":{"message":"Payload or Files must not be more than 262144 bytes","target":262144}}}`, there, nil},
		{"rate limit", "GET", uri, "", nil, 429, "too_many_requests", `{"message":"too many requests"}`, there, func(l *lab) { l.wait = 1 }},
		{"unreachable", "GET", uri, "", nil, 503, "datastore_unreachable", `{"message":"datastore timeout"}`, there, func(l *lab) { l.docs.away = true }},
		{"loading", "GET", uri, "", nil, 503, "datastore_unreachable", `{"message":"loading"}`, there, func(l *lab) { l.docs.loading = true }},
		{"too large for NATS", "POST", uri, `{"data":{}}`, nil, 413, "validation error",
			`{"file":{"maxSize":{"message":"The data is larger than can be stored"}}}`, there, func(l *lab) { l.docs.large = true }},
		{"stored by somebody else, and no document", "GET", uri, "", nil, 503, "datastore_fault",
			`{"message":"the stored document is not a JSON object; POST or DELETE it"}`, there,
			func(l *lab) {
				l.docs.docs[store.Place{Account: "acme", Scope: flows.ScopeAccount}] = store.Document{Raw: []byte("7"), Revision: 1}
			}},
		{"not implemented", "BREW", uri, "", nil, 501, "not_implemented", `{"message":"not implemented"}`, anonymous, nil},
	} {
		l := newLab(t)
		if c.prepare != nil {
			c.prepare(l)
		}
		w := l.do(c.method, c.path, c.body, c.header...)
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Errorf("%s: %v %s", c.name, err, w.Body)
			continue
		}
		var data any
		if err := json.Unmarshal([]byte(c.data), &data); err != nil {
			t.Fatal(c.name, err)
		}
		if w.Code != c.status || answer["message"] != c.message || answer["status"] != "error" || answer["error"] != strings.TrimSpace(w.Result().Status[:3]) ||
			!reflect.DeepEqual(answer["data"], data) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if keys := strings.Join(sorted(answer), " "); keys != c.keys {
			t.Errorf("%s: keys %s, want %s", c.name, keys, c.keys)
		}
		if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("X-Request-ID") != answer["request_id"] || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", c.name, w.Header())
		}
		if retry := w.Header().Get("Retry-After"); (retry != "") != (c.status == 429 || c.message == "datastore_unreachable") { // a fault stays
			t.Errorf("%s: Retry-After %q", c.name, retry)
		}
	}
}

func TestSchemaRoutes(t *testing.T) {
	l := newLab(t)
	var list struct{ Data []string }
	w := l.do("GET", "/v2/schemas", "", "X-Auth-Token: ")
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != 200 || !slices.Equal(list.Data, l.api.cfg.Schemas.Names()) {
		t.Fatal(err, w.Code, w.Body)
	}
	for _, name := range list.Data {
		w := l.do("GET", "/v2/schemas/"+name, "", "X-Auth-Token: ")
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"data":{"$schema":"http://json-schema.org/draft-04/schema#","id":"`+name+`",`) {
			t.Error(name, w.Code, w.Body)
		}
	}
	if w := l.do("GET", "/v2/schemas/metaflows", "", "X-Auth-Token: "); !strings.Contains(w.Body.String(), `"default":"*"`) {
		t.Error(w.Body)
	}
	if w := l.do("POST", "/v2/schemas", "", "X-Auth-Token: "); w.Code != 405 || w.Header().Get("Allow") != "GET" {
		t.Error(w.Code, w.Header())
	}
}
