package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"metaflows/app/broker/brokertest"
	"metaflows/app/store"
	"metaflows/flows"
)

// populate makes two accounts with users, devices and documents of each; one device and one document are of nobody.
func populate(l *lab) {
	for _, account := range []string{"acme", "other"} {
		at := store.Place{Account: account}
		l.create(store.Place{Scope: flows.ScopeAccount}, `{"id":"`+account+`","name":"x"}`)
		at.Scope = flows.ScopeUser
		l.create(at, `{"id":"alice","username":"Alice"}`)
		l.create(at, `{"id":"bob","username":"Bob"}`)
		at.Scope = flows.ScopeDevice
		for _, d := range []string{`{"id":"desk","name":"x","owner_id":"alice","k":1}`, `{"id":"cell","name":"x","owner_id":"alice"}`, `{"id":"bobs","name":"x","owner_id":"bob"}`, `{"id":"hall","name":"x"}`} {
			l.create(at, d)
		}
		for _, p := range []store.Place{{Scope: flows.ScopeAccount}, {Scope: flows.ScopeUser, ID: "alice"}, {Scope: flows.ScopeUser, ID: "bob"}, {Scope: flows.ScopeUser, ID: "unknown"}, {Scope: flows.ScopeDevice, ID: "desk"}} {
			p.Account = account
			l.document(p)
		}
	}
}

const (
	acmeKeys = "directory.acme.account directory.acme.device.bobs directory.acme.device.cell directory.acme.device.desk directory.acme.device.hall " +
		"directory.acme.user.alice directory.acme.user.bob directory.acme.username directory.acme.username "
	otherKeys = "directory.other.account directory.other.device.bobs directory.other.device.cell directory.other.device.desk directory.other.device.hall " +
		"directory.other.user.alice directory.other.user.bob directory.other.username directory.other.username "
	acmeDocuments = "metaflows.acme metaflows.acme.device.desk metaflows.acme.user.alice metaflows.acme.user.bob metaflows.acme.user.unknown "
	rest          = otherKeys + "DOCUMENTS metaflows.other metaflows.other.device.desk metaflows.other.user.alice metaflows.other.user.bob metaflows.other.user.unknown"
)

// without is a list of keys without some.
func without(keys string, gone ...string) string {
	var kept []string
	for k := range strings.FieldsSeq(keys) {
		if i := slices.Index(gone, k); i < 0 {
			kept = append(kept, k)
		} else {
			gone = slices.Delete(slices.Clone(gone), i, i+1)
		}
	}
	return strings.Join(kept, " ")
}

func keysWith(acmeKeys, acmeDocuments string) string {
	return without(acmeKeys + " " + strings.Replace(rest, "DOCUMENTS", acmeDocuments, 1))
}

// Nothing is left in the bucket that belongs to what is gone, and nothing else is touched.
func TestRemoveLeavesNothingDangling(t *testing.T) {
	for _, c := range []struct {
		p       store.Place
		keys    string
		revoked []string
	}{
		{acme, keysWith("", ""), []string{"acme/", "acme/"}},
		{alice, keysWith(without(acmeKeys, "directory.acme.user.alice", "directory.acme.username"), without(acmeDocuments, "metaflows.acme.user.alice")), []string{"acme/alice", "acme/alice"}},
		{desk, keysWith(without(acmeKeys, "directory.acme.device.desk"), without(acmeDocuments, "metaflows.acme.device.desk")), nil},
		{store.Place{Account: "acme", Scope: flows.ScopeDevice, ID: "hall"}, keysWith(without(acmeKeys, "directory.acme.device.hall"), acmeDocuments), nil},
	} {
		t.Run(string(c.p.Scope)+" "+id(c.p), func(t *testing.T) {
			l := single(t)
			populate(l)
			if got, all := l.bucket(), keysWith(acmeKeys, acmeDocuments); got != all {
				t.Fatalf("%s\nnot\n%s", got, all)
			}
			before, _ := l.Get(c.p)
			if _, err := l.Remove(t.Context(), c.p, store.Revision(before.Revision+100)); !errors.Is(err, store.ErrConflict) || l.bucket() != keysWith(acmeKeys, acmeDocuments) {
				t.Error("removed in spite of what was expected:", err)
			}
			e, err := l.Remove(t.Context(), c.p, store.Revision(before.Revision))
			if err != nil || string(e.Data.Encode()) != string(before.Data.Encode()) || e.Revision <= before.Revision {
				t.Error(e, err)
			}
			if got := l.bucket(); got != c.keys {
				t.Errorf("left is\n%s\nnot\n%s", got, c.keys)
			}
			if !slices.Equal(l.keys.revoked, c.revoked) {
				t.Error("API keys:", l.keys.revoked)
			}
			if _, err := l.Remove(t.Context(), c.p, store.Any); !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
			if c.p != alice {
				return
			}
			if got := l.stored(desk); got != `{"id":"desk","name":"x","k":1}` {
				t.Error("a device of nobody:", got)
			}
			if user, _ := l.OwnerOf("acme", "bobs"); user != "bob" {
				t.Error("bob's device is", user)
			}
			l.create(users, `{"id":"alice2","username":"alice"}`) // the username is free
		})
	}
}

// failing is Records of which the n-th change fails, and all after it: the process is killed there.
type failing struct {
	Records
	mu   sync.Mutex
	left int
}

var errKilled = fmt.Errorf("%w: killed", store.ErrUnavailable)

func (f *failing) fails() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	return f.left < 0
}

func (f *failing) Put(ctx context.Context, key string, raw []byte, expect store.Expect) (uint64, error) {
	if f.fails() {
		return 0, errKilled
	}
	return f.Records.Put(ctx, key, raw, expect)
}

func (f *failing) Delete(ctx context.Context, key string, expect store.Expect) (uint64, error) {
	if f.fails() {
		return 0, errKilled
	}
	return f.Records.Delete(ctx, key, expect)
}

// failingDocuments are Documents that fail with the records.
type failingDocuments struct {
	Documents
	with *failing
}

func (f failingDocuments) Delete(ctx context.Context, p store.Place, expect store.Expect) (uint64, error) {
	if f.with.fails() {
		return 0, errKilled
	}
	return f.Documents.Delete(ctx, p, expect)
}

// Killed before any of its changes, a removal leaves something that can be removed again, with nothing left then.
func TestRemoveIsKilled(t *testing.T) {
	for _, p := range []store.Place{acme, alice, desk} {
		for kill := 0; ; kill++ {
			l := single(t)
			populate(l)
			dying := &failing{Records: l.records, left: kill}
			d := New(Config{Records: dying, Documents: failingDocuments{l.documents, dying}, Keys: l.keys, Schemas: l.Directory.cfg.Schemas})
			_, err := d.Remove(t.Context(), p, store.Any)
			_, missing := l.Get(p)
			switch {
			case err == nil && dying.left >= 0: // it was not killed any more
				t.Log(p.Scope, "has", kill, "changes")
			case err != nil && !errors.Is(err, store.ErrUnavailable), err != nil && missing != nil, err == nil && missing == nil:
				t.Fatal(p.Scope, kill, err, missing)
			}
			if err != nil {
				if _, err := l.Remove(t.Context(), p, store.Any); err != nil {
					t.Fatal(p.Scope, "killed at", kill, "cannot be removed again:", err)
				}
			}
			left := l.bucket()
			for _, gone := range map[flows.Scope][]string{
				flows.ScopeAccount: {"directory.acme.", "metaflows.acme"},
				flows.ScopeUser:    {"directory.acme.user.alice", "metaflows.acme.user.alice"},
				flows.ScopeDevice:  {"directory.acme.device.desk", "metaflows.acme.device.desk"},
			}[p.Scope] {
				if strings.Contains(left+" ", gone) {
					t.Error(p.Scope, "killed at", kill, "left is", left)
				}
			}
			if user, ok := l.OwnerOf("acme", "desk"); ok && p == alice {
				t.Error("a device of", user, "who is gone")
			}
			if err == nil && dying.left >= 0 {
				break
			}
			if kill > 100 {
				t.Fatal("it never ends")
			}
		}
	}
}

// A claim whose user was never stored, or is gone, keeps a username for a minute only.
func TestUsernames(t *testing.T) {
	l := single(t)
	l.create(users, `{"id":"alice","username":"Alice"}`)
	taken := func(text string) bool {
		t.Helper()
		_, err := l.Create(t.Context(), users, object(t, text))
		if err != nil && said(err) != `{"username":{"unique":{"cause":"aLICE","message":"Username must be unique"}}}` {
			t.Error(said(err))
		}
		return err != nil
	}
	if !taken(`{"id":"bob","username":"aLICE"}`) || l.stored(bob) != "nothing" {
		t.Error("two users of one name")
	}
	for _, patch := range []string{`{"name":"x"}`, `{"username":"ALICE"}`, `{"username":"alice"}`} { // one's own name is not taken
		if _, err := l.Patch(t.Context(), alice, object(t, patch), store.Any); err != nil {
			t.Error(patch, said(err))
		}
	}
	if _, err := l.Patch(t.Context(), alice, object(t, `{"username":"alicia"}`), store.Any); err != nil {
		t.Error(said(err))
	}
	if got := l.bucket(); got != "directory.acme.user.alice directory.acme.username" {
		t.Error("a former name is kept:", got)
	}
	if taken(`{"id":"bob","username":"aLICE"}`) {
		t.Error("a former name is taken")
	}
	if _, err := l.Patch(t.Context(), alice, object(t, `{"username":null}`), store.Any); err != nil {
		t.Error(said(err))
	}
	other := store.Place{Account: "other", Scope: flows.ScopeUser}
	l.create(other, `{"id":"bob","username":"aLICE"}`) // another account

	// Bob's record is lost: a claim of his is left.
	for old, want := range map[bool]bool{false: true, true: false} {
		if _, err := l.records.Delete(t.Context(), key(bob), store.Any); err != nil {
			t.Fatal(err)
		}
		since := "9999999999999"
		if old {
			since = "1"
		}
		if _, err := l.records.Put(t.Context(), claimKey("acme", "alice"), []byte(`{"user":"bob","since":`+since+`}`), store.Any); err != nil {
			t.Fatal(err)
		}
		if got := taken(`{"id":"carol","username":"aLICE"}`); got != want {
			t.Errorf("an old claim %v: taken %v", old, got)
		}
	}
}

// Two instances, one username: one user has it, the other is told.
func TestOneUsernameAtOnce(t *testing.T) {
	s := brokertest.Start(t)
	labs := []*lab{open(t, s), open(t, s)}
	for round := range 20 {
		var wg sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = labs[i%2].Create(t.Context(), users, object(t, fmt.Sprintf(`{"id":"r%du%d","username":"Round%d"}`, round, i, round)))
			})
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else if !strings.Contains(said(err), "Username must be unique") {
				t.Error(said(err))
			}
		}
		if made != 1 {
			t.Error(made, "users of one name")
		}
	}
}

// Two instances change one entry without expecting anything: all changes are there, none is lost.
func TestChangesAtOnce(t *testing.T) {
	s := brokertest.Start(t)
	labs := []*lab{open(t, s), open(t, s)}
	labs[0].create(desks, `{"id":"desk","name":"x"}`)
	eventually(t, "both know it", func() bool { return labs[1].stored(desk) != "nothing" })
	var wg sync.WaitGroup
	for i, l := range labs {
		wg.Go(func() {
			for n := range 50 {
				if _, err := l.Patch(t.Context(), desk, object(t, fmt.Sprintf(`{"k%d":{"n%d":1}}`, i, n)), store.Any); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, l := range labs {
		eventually(t, "100 changes", func() bool { return strings.Count(l.stored(desk), `"n`) == 100+1 })
	}
}

// A user is removed on one instance while another gives him devices; an account while another makes users and devices in
// it. Whatever comes first, nothing is left that names what is gone.
func TestRemovedWhileOthersStore(t *testing.T) {
	s := brokertest.Start(t)
	one, two := open(t, s, strict), open(t, s, strict)
	accepted, refused, disowned := 0, 0, 0
	for round := range 60 {
		account := fmt.Sprint("a", round)
		one.create(store.Place{Scope: flows.ScopeAccount}, `{"id":"`+account+`","name":"x"}`)
		user := one.create(store.Place{Account: account, Scope: flows.ScopeUser}, `{"id":"alice","username":"alice"}`)
		if err := two.records.Settle(t.Context(), user.Revision-1); err != nil {
			t.Fatal(err)
		}
		eventually(t, "both know the user", func() bool { ok, _ := two.Admits(user.Place); return ok })
		gone := user.Place
		if round%2 == 1 {
			gone = store.Place{Account: account, Scope: flows.ScopeAccount}
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		wg.Go(func() {
			if _, err := one.Remove(t.Context(), gone, store.Any); err != nil {
				t.Error(err)
			}
		})
		for i := range 8 {
			wg.Go(func() {
				at, text := store.Place{Account: account, Scope: flows.ScopeDevice}, fmt.Sprintf(`{"id":"d%d","name":"x","owner_id":"alice"}`, i)
				if i%4 == 3 {
					at.Scope, text = flows.ScopeUser, fmt.Sprintf(`{"id":"u%d","username":"u%d"}`, i, i)
				}
				e, err := two.Create(t.Context(), at, object(t, text))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && at.Scope == flows.ScopeDevice && textOf(e.Data, "owner_id") == "":
					disowned++
				case err == nil:
					accepted++
				case errors.Is(err, ErrNotFound), strings.Contains(said(err), "not_found"):
					refused++
				default:
					t.Error(said(err))
				}
			})
		}
		wg.Wait()
		if gone.Scope == flows.ScopeAccount && strings.Contains(two.bucket(), "directory."+account+".") {
			t.Error(account, "is gone, and something is left of it")
		}
		r, err := two.records.Put(t.Context(), "probe", []byte(`1`), store.Any) // both have seen everything
		if err = errors.Join(err, two.records.Settle(t.Context(), r)); err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			if owner, ok := two.OwnerOf(account, fmt.Sprint("d", i)); ok {
				t.Error(account, "a device is of", owner, "who is gone")
			}
		}
	}
	t.Log(accepted, "accepted,", refused, "refused,", disowned, "stored without the owner")
}

// late are Records that store a device only after something else has happened, which its checks could not see.
type late struct {
	Records
	before func()
}

func (r *late) Put(ctx context.Context, key string, raw []byte, expect store.Expect) (uint64, error) {
	if strings.Contains(key, ".device.") && r.before != nil {
		before := r.before
		r.before = nil
		before()
	}
	return r.Records.Put(ctx, key, raw, expect)
}

// A removal has come to its end on one instance between the checks of a device and its storing on another.
func TestStoredTooLate(t *testing.T) {
	for _, gone := range []store.Place{alice, acme} {
		s := brokertest.Start(t)
		one, two := open(t, s, strict), open(t, s)
		slow := &late{Records: two.records}
		d := New(Config{Records: slow, Documents: two.documents, Schemas: two.cfg.Schemas, Strict: true})
		one.create(store.Place{Scope: flows.ScopeAccount}, `{"id":"acme","name":"x"}`)
		user := one.create(users, `{"id":"alice"}`)
		if err := two.records.Settle(t.Context(), user.Revision); err != nil {
			t.Fatal(err)
		}
		slow.before = func() {
			if _, err := one.Remove(t.Context(), gone, store.Any); err != nil {
				t.Error(err)
			}
		}
		e, err := d.Create(t.Context(), desks, object(t, `{"id":"desk","name":"x","owner_id":"alice"}`))
		switch {
		case gone == alice && (err != nil || string(e.Data.Encode()) != `{"id":"desk","name":"x"}` || two.stored(desk) != `{"id":"desk","name":"x"}`):
			t.Error(e, said(err), two.stored(desk))
		case gone == acme && (!errors.Is(err, ErrNotFound) || two.bucket() != ""):
			t.Error(said(err), two.bucket())
		}
	}
}

// between are Records that let something happen when an entry has just been deleted.
type between struct {
	Records
	gone   store.Place
	happen func()
}

func (r *between) Delete(ctx context.Context, name string, expect store.Expect) (uint64, error) {
	revision, err := r.Records.Delete(ctx, name, expect)
	if name == key(r.gone) {
		r.happen()
	}
	return revision, err
}

// Whoever makes an entry again while the old one is being removed keeps what belongs to the new one.
func TestMadeAgainWhileRemoved(t *testing.T) {
	for _, gone := range []store.Place{acme, alice, desk} {
		l := single(t)
		populate(l)
		again := &between{Records: l.records, gone: gone, happen: func() {
			for p, text := range map[store.Place]string{{Scope: flows.ScopeAccount}: `{"id":"acme","name":"new"}`, users: `{"id":"alice","username":"alice"}`, desks: `{"id":"desk","name":"new","owner_id":"alice"}`} {
				if _, err := l.Create(t.Context(), p, object(t, text)); err != nil && !errors.Is(err, store.ErrConflict) && !strings.Contains(said(err), "not_found") {
					t.Error(said(err))
				}
			}
			if _, err := l.Replace(t.Context(), desk, object(t, `{"name":"new","owner_id":"alice"}`), store.Any); err != nil {
				t.Error(said(err))
			}
			for _, p := range []store.Place{acme, alice, desk} {
				l.document(p)
			}
		}}
		d := New(Config{Records: again, Documents: l.documents, Keys: l.keys, Schemas: l.cfg.Schemas})
		if _, err := d.Remove(t.Context(), gone, store.Any); err != nil {
			t.Fatal(err)
		}
		left := " " + l.bucket() + " "
		for _, key := range []string{"directory.acme.account", "directory.acme.user.alice", "directory.acme.device.desk", "metaflows.acme", "metaflows.acme.user.alice", "metaflows.acme.device.desk"} {
			if !strings.Contains(left, " "+key+" ") {
				t.Errorf("%s %s: %s is gone", gone.Scope, id(gone), key)
			}
		}
		if user, _ := l.OwnerOf("acme", "desk"); user != "alice" {
			t.Errorf("%s %s: the new device is of %q", gone.Scope, id(gone), user)
		}
		if _, err := l.Create(t.Context(), users, object(t, `{"id":"eve","username":"alice"}`)); !strings.Contains(said(err), "unique") {
			t.Errorf("%s %s: the username is free: %s", gone.Scope, id(gone), said(err))
		}
	}
}
