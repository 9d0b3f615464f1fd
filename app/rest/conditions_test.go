package rest

import (
	"strings"
	"testing"

	"metaflows/app/store"
	"metaflows/flows"
)

// TestConditions: what is stored has revision 7, or there is nothing.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		method, header string
		stored         bool
		status         int
	}{
		{"GET", "If-None-Match: \"7\"", true, 304},
		{"GET", "If-None-Match: W/\"7\"", true, 304},
		{"GET", "If-None-Match: \"1\", \"7\"", true, 304},
		{"GET", "If-None-Match: *", true, 304},
		{"GET", "If-None-Match: \"6\"", true, 200},
		{"GET", "If-None-Match: \"\"", true, 200},
		{"GET", "If-None-Match: *", false, 200},
		{"GET", "If-None-Match: \"0\"", false, 200},
		{"GET", "If-Match: \"7\"", true, 200},
		{"GET", "If-Match: \"6\"", true, 412},
		{"GET", "If-Match: *", false, 412},
		{"POST", "If-Match: \"7\"", true, 200},
		{"POST", "If-Match: 7", true, 200},
		{"POST", "If-Match: *", true, 200},
		{"POST", "If-Match: \"5\", \"7\"", true, 200},
		{"POST", "If-Match: W/\"7\"", true, 412},
		{"POST", "If-Match: \"6\"", true, 412},
		{"POST", "If-Match: \"8\"", true, 412}, // not known here, nor to the store
		{"POST", "If-Match: \"nonsense\"", true, 412},
		{"POST", "If-Match: *", false, 412},
		{"POST", "If-Match: \"7\"", false, 412},
		{"POST", "If-None-Match: *", true, 412},
		{"POST", "If-None-Match: *", false, 200},
		{"POST", "If-None-Match: \"7\"", true, 412},
		{"POST", "If-None-Match: \"6\"", true, 200},
		{"POST", "If-None-Match: \"6\"", false, 200},
		{"DELETE", "If-Match: \"7\"", true, 200},
		{"DELETE", "If-Match: \"6\"", true, 412},
		{"DELETE", "If-Match: \"7\"", false, 412},
		{"DELETE", "If-None-Match: *", true, 412},
	} {
		l := newLab(t)
		l.docs.revision = 6
		place := store.Place{Account: "acme", Scope: flows.ScopeAccount}
		if c.stored {
			l.do("POST", uri, `{"data":{"kept":true}}`)
		}
		w := l.do(c.method, uri, `{"data":{"new":true}}`, c.header)
		if w.Code != c.status {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
		if c.status >= 300 && (w.Body.Len() != 0 || w.Header().Get("X-Request-ID") == "") {
			t.Errorf("%+v: %s", c, w.Body)
		}
		doc, ok, _ := l.docs.Get(place)
		if c.status == 412 && (ok != c.stored || ok && string(doc.Raw) != `{"kept":true}`) {
			t.Errorf("%+v: changed: %s", c, doc.Raw)
		}
		tag := w.Header().Get("ETag")
		switch {
		case c.method == "GET" && c.stored && tag != `"7"`, c.method == "GET" && !c.stored && tag != "", c.method == "DELETE" && tag != "":
			t.Errorf("%+v: ETag %q", c, tag)
		case c.method == "POST" && w.Code == 200 && (tag == "" || !strings.Contains(w.Body.String(), `"revision":`+tag)):
			t.Errorf("%+v: ETag %q %s", c, tag, w.Body)
		}
	}
}

// The body is checked before the condition, and a refused one changes nothing.
func TestConditionAfterBody(t *testing.T) {
	l := newLab(t)
	if w := l.do("POST", uri, `{"data":7}`, "If-Match: *"); w.Code != 400 {
		t.Error(w.Code)
	}
}
