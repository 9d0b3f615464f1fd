package directory

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"metaflows/app/store"
	"metaflows/flows"
)

// refused says what limit an error is, "" for none.
func refused(t *testing.T, err error) string {
	t.Helper()
	limit, ok := errors.AsType[*store.LimitError](err)
	if err != nil && !ok {
		t.Fatal(said(err))
	}
	if !ok {
		return ""
	}
	return fmt.Sprint(limit.Kind, " ", limit.Use, "/", limit.Limit)
}

// Users and devices have limits of their own; that of bytes is for all entries, and for documents with them.
func TestLimits(t *testing.T) {
	l, quota := bounded(t, map[store.Kind]int64{store.Users: 2, store.Devices: 2, store.Bytes: 500})
	elsewhere := store.Place{Account: "zoo", Scope: flows.ScopeUser}
	long := func(n int) string { return `"x":"` + strings.Repeat("y", n) + `"` }
	for i, step := range []struct {
		p             store.Place
		text, refused string
	}{
		{users, `{"id":"alice","username":"a"}`, ""}, {users, `{"id":"bob"}`, ""}, {users, `{"username":"c"}`, "users 2/2"},
		{elsewhere, `{"username":"c"}`, ""},
		{desks, `{"id":"desk","name":"d","owner_id":"alice"}`, ""}, {desks, `{"name":"e","owner_id":"bob"}`, ""}, {desks, `{"name":"f"}`, "devices 2/2"},
	} {
		_, err := l.Create(t.Context(), step.p, object(t, step.text))
		if got := refused(t, err); got != step.refused {
			t.Errorf("step %d, %s: %q, not %q", i, step.text, got, step.refused)
		}
	}
	if kept := l.bucket(); strings.Count(kept, "acme.username") != 1 {
		t.Error("who was refused has taken a username:", kept)
	}
	use := quota.Highest()["bytes"]
	full := fmt.Sprintf("bytes %d/500", use)
	if _, err := l.Patch(t.Context(), alice, object(t, `{"username":"c",`+long(500)+`}`), store.Any); refused(t, err) != full {
		t.Error(err)
	}
	if _, err := l.Replace(t.Context(), desk, object(t, `{"name":"d",`+long(500)+`}`), store.Any); refused(t, err) != full {
		t.Error(err)
	}
	if _, err := l.documents.Put(t.Context(), desk, []byte(`{`+long(500)+`}`), store.Any); refused(t, err) != full {
		t.Error(err)
	}
	if kept := l.bucket(); strings.Count(kept, "acme.username") != 1 || quota.Highest()["bytes"] != use {
		t.Error("who was refused has taken a username:", kept)
	}
	if _, err := l.Patch(t.Context(), alice, object(t, `{"username":"c"}`), store.Any); err != nil {
		t.Error(said(err))
	}
	if _, err := l.Remove(t.Context(), bob, store.Any); err != nil { // and takes its device from it
		t.Fatal(err)
	}
	l.create(users, `{"username":"bob"}`)
	l.create(store.Place{Scope: flows.ScopeAccount}, `{"id":"acme","name":"Acme"}`)
	if _, err := l.Remove(t.Context(), acme, store.Any); err != nil {
		t.Fatal(err)
	}
	if high := quota.Highest(); high["users"] != 1 || high["devices"] != 0 || high["bytes"] > 100 {
		t.Error("the account is gone, but there is", high)
	}
}

// Of many who make a user at once as many get one as there is room for, and the others leave no username taken.
func TestManyUsersAtOnce(t *testing.T) {
	l, quota := bounded(t, map[store.Kind]int64{store.Users: 5})
	var all sync.WaitGroup
	for n := range 40 {
		all.Go(func() {
			_, err := l.Create(t.Context(), users, object(t, fmt.Sprintf(`{"username":"u%d"}`, n)))
			_ = refused(t, err)
		})
	}
	all.Wait()
	kept := l.bucket()
	if n := strings.Count(kept, "acme.user."); n != 5 || quota.Highest()["users"] != 5 {
		t.Errorf("%d users: %s", n, kept)
	}
	if n := strings.Count(kept, "acme.username"); n != 5 {
		t.Errorf("%d usernames: %s", n, kept)
	}
}
