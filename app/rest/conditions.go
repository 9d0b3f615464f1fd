package rest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"metaflows/app/store"
)

// Conditional requests (RFC 9110, 13), where Kazoo's are broken
// (app/rest/README.md, Conditional requests): the entity tag of a document is its
// revision in the KV bucket, in double quotes. It tells of what is stored; defaults that come from elsewhere are not in it.

// tag gives the answer the entity tag of a revision; 0 is that of nothing, and has none.
func (x *exchange) tag(revision uint64) {
	if revision > 0 {
		x.w.Header().Set("ETag", `"`+strconv.FormatUint(revision, 10)+`"`)
	}
}

// unmodified answers a GET of a revision, 0 if nothing is stored, whose conditions make an answer with data needless or
// unwanted. Else it tags the answer.
func (x *exchange) unmodified(revision uint64) bool {
	x.tag(revision)
	if tags, ok := x.tags("If-Match"); ok && !matches(tags, revision, false) {
		x.empty(http.StatusPreconditionFailed)
		return true
	}
	if tags, ok := x.tags("If-None-Match"); ok && matches(tags, revision, true) {
		x.empty(http.StatusNotModified)
		return true
	}
	return false
}

// expect is what a change must find stored, where revision is what is known of it (0: nothing). It answers when that can
// be told without asking the store. An error of the store that wraps ErrConflict is for conflict.
func (x *exchange) expect(revision uint64) (store.Expect, bool) {
	if tags, ok := x.tags("If-Match"); ok {
		if matches(tags, revision, false) {
			return store.Revision(revision), true
		}
		// Another instance may have stored what is not known here yet.
		if n, err := strconv.ParseUint(tags[0], 10, 64); len(tags) == 1 && err == nil && n > revision {
			x.ahead = true
			return store.Revision(n), true
		}
		x.empty(http.StatusPreconditionFailed)
		return store.Any, false
	}
	tags, ok := x.tags("If-None-Match")
	switch {
	case !ok:
		return store.Any, true
	case matches(tags, revision, true):
		x.empty(http.StatusPreconditionFailed)
		return store.Any, false
	case revision == 0:
		return store.Absent, true
	}
	return store.Revision(revision), true
}

// conflict answers when what is stored is not what expect was told: somebody was faster.
func (x *exchange) conflict() {
	if x.ahead {
		x.empty(http.StatusPreconditionFailed)
		return
	}
	x.fail(http.StatusConflict, "datastore_conflict", because("conflicting documents"))
}

// tags are the entity tags of a header without their quotes, a weak one with its W/; never empty when ok.
func (x *exchange) tags(header string) (tags []string, ok bool) {
	lines := x.Header.Values(header)
	if len(lines) == 0 {
		return nil, false
	}
	for tag := range strings.SplitSeq(strings.Join(lines, ","), ",") { // ours have no comma
		tags = append(tags, strings.ReplaceAll(strings.TrimSpace(tag), `"`, ""))
	}
	return tags, true
}

// matches says whether tags name a revision: * names every one, a weak tag only where weak comparison is asked for.
func matches(tags []string, revision uint64, weak bool) bool {
	if revision == 0 {
		return false
	}
	text := strconv.FormatUint(revision, 10)
	return slices.ContainsFunc(tags, func(tag string) bool { return tag == "*" || tag == text || weak && tag == "W/"+text })
}
