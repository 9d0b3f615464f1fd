package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/broker/brokertest"
	"metaflows/docker/logtest"
	"metaflows/flows"
	"metaflows/flows/calls"
)

type told struct {
	mu      sync.Mutex
	notices []calls.Notice
}

func (t *told) Publish(n calls.Notice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notices = append(t.notices, n)
}

type lab struct {
	*Store
	broker *broker.Broker
	told   *told
	log    *logtest.Log
	stop   func()
}

func open(t *testing.T, cfg broker.Config, more ...func(*Config)) *lab {
	t.Helper()
	cfg.Listen, cfg.AuditPassword, cfg.Node, cfg.MaxStore = "off", "x", "n1", 1<<30
	b, err := broker.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{broker: b, told: &told{}, log: &logtest.Log{}}
	var once sync.Once
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	l.stop = func() { once.Do(func() { cancel(); <-done; b.Close() }) }
	t.Cleanup(l.stop)
	storeConfig := Config{Conn: b.Documents(), Publisher: l.told, Log: slog.New(slog.NewTextHandler(l.log, nil))}
	for _, set := range more {
		set(&storeConfig)
	}
	if l.Store, err = New(storeConfig); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(done); l.Run(ctx) }()
	return l
}

func embedded(t *testing.T, dir string) *lab {
	t.Helper()
	l := open(t, broker.Config{Dir: dir})
	<-l.Ready()
	return l
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

var (
	acme  = Place{Account: "acme", Scope: flows.ScopeAccount}
	alice = Place{Account: "acme", Scope: flows.ScopeUser, ID: "alice"}
	desk  = Place{Account: "acme", Scope: flows.ScopeDevice, ID: "desk"}
)

func TestPlaces(t *testing.T) {
	for _, p := range []Place{acme, alice, desk, {Account: "a-b_C", Scope: flows.ScopeUser, ID: "0"}} {
		if got, ok := placeOf(p.key()); !ok || got != p {
			t.Errorf("%s: %+v %v", p.key(), got, ok)
		}
	}
	for _, key := range []string{"metaflows", "metaflows.a.user", "metaflows.a.group.b", "metaflows.a.user.b.c", "metaflows.a=2Eb", "directory.a", "metaflows.~"} {
		if p, ok := placeOf(key); ok {
			t.Errorf("%s: %+v", key, p)
		}
	}
	if alice.Path() != "/v2/accounts/acme/users/alice/metaflows" || acme.Path() != "/v2/accounts/acme/metaflows" {
		t.Error(alice.Path(), acme.Path())
	}
}

func TestPutGetDelete(t *testing.T) {
	l := embedded(t, t.TempDir())
	if _, ok, err := l.Get(acme); ok || err != nil {
		t.Error(ok, err)
	}
	raw := []byte(`{"z":1,"binding_digit":"#","a":2}`)
	r1, err := l.Put(t.Context(), acme, raw, Any)
	if err != nil {
		t.Fatal(err)
	}
	doc, ok, err := l.Get(acme)
	if err != nil || !ok || !bytes.Equal(doc.Raw, raw) || doc.Revision != r1 {
		t.Error(doc, ok, err)
	}
	if d := l.Effective(acme.Owner()).BindingDigit; d != '#' {
		t.Errorf("%c", d)
	}
	r2, err := l.Delete(t.Context(), acme, Any)
	if err != nil || r2 <= r1 {
		t.Error(r2, err)
	}
	if _, ok, _ := l.Get(acme); ok || l.Effective(acme.Owner()).BindingDigit != '*' {
		t.Error("still there")
	}
	if _, err := l.Delete(t.Context(), acme, Any); err != nil {
		t.Error(err)
	}
	if _, err := l.Put(t.Context(), acme, []byte(`{"patterns":{"(":{"module":"none"}}}`), Any); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	var refused *flows.DocumentError
	if _, err := l.Put(t.Context(), acme, []byte(`[]`), Any); !errors.As(err, &refused) {
		t.Error(err)
	}
	if n := l.told.notices; len(n) != 2 || n[0].Type != "document.changed" || n[0].Account != "acme" || n[0].Document != "account" ||
		n[0].Result != "stored" || n[1].Result != "removed" || n[0].ID == n[1].ID || n[0].Path != "/v2/accounts/acme/metaflows" {
		t.Errorf("%+v", n)
	}
}

// An account of any name may be refreshed beside: the mark is none of its documents, and nothing strange to anybody.
func TestRefreshTouchesNothing(t *testing.T) {
	l := embedded(t, t.TempDir())
	eventually(t, "loaded", func() bool { return l.Err() == nil })
	place := Place{Account: "refreshed", Scope: flows.ScopeAccount}
	if _, err := l.Put(t.Context(), place, []byte(`{}`), Any); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := l.Get(place); !ok || err != nil || strings.Contains(l.log.String(), "WARN") {
		t.Error(ok, err, l.log)
	}
}

func TestEffectiveFollowsDocuments(t *testing.T) {
	l := embedded(t, t.TempDir())
	put := func(p Place, raw string) {
		t.Helper()
		if _, err := l.Put(t.Context(), p, []byte(raw), Any); err != nil {
			t.Fatal(err)
		}
	}
	owner := flows.Owner{Account: "acme", User: "alice", Device: "desk"}
	numbers := func() (s string) {
		for _, e := range l.Effective(owner).Numbers() {
			s += e.Key + "=" + e.Node.Module + " "
		}
		return s
	}
	put(acme, `{"numbers":{"1":{"module":"hangup"},"2":{"module":"hangup"}}}`)
	if got := numbers(); got != "1=hangup 2=hangup " {
		t.Error(got)
	}
	put(desk, `{"numbers":{"2":{"module":"transfer"}}}`)
	put(alice, `{"numbers":{"2":{"module":"none"},"3":{"module":"none"}}}`)
	if got := numbers(); got != "1=hangup 2=transfer 3=none " {
		t.Error(got)
	}
	first := l.Effective(owner)
	if l.Effective(owner) != first {
		t.Error("merged again without a change")
	}
	if l.Effective(flows.Owner{Account: "acme", User: "nobody", Device: "x"}) != l.Effective(flows.Owner{Account: "acme"}) {
		t.Error("owners without documents of their own do not share the account's")
	}
	if !l.Effective(flows.Owner{}).Empty() || !l.Effective(flows.Owner{User: "alice", Device: "desk"}).Empty() || !l.Effective(flows.Owner{Account: "evil", User: "alice"}).Empty() {
		t.Error("somebody has another account's codes")
	}
	if _, err := l.Delete(t.Context(), desk, Any); err != nil {
		t.Fatal(err)
	}
	if got := numbers(); got != "1=hangup 2=none 3=none " {
		t.Error(got)
	}
}

func TestDocumentsOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	l := embedded(t, dir)
	raw := []byte(`{ "patterns": {"2(\\d+)":{"module":"transfer"}} , "x":[1,2] }`)
	if _, err := l.Put(t.Context(), alice, raw, Any); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Put(t.Context(), desk, raw, Any); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Delete(t.Context(), desk, Any); err != nil {
		t.Fatal(err)
	}
	l.stop()
	l = embedded(t, dir)
	doc, ok, err := l.Get(alice)
	if err != nil || !ok || !bytes.Equal(doc.Raw, raw) {
		t.Errorf("%q %v %v", doc.Raw, ok, err)
	}
	if _, ok, _ := l.Get(desk); ok {
		t.Error("a deleted document is back")
	}
	if l.Effective(alice.Owner()).Empty() {
		t.Error("no codes")
	}
	if len(l.told.notices) != 0 {
		t.Error("loading told a change")
	}
}

// What others put into the bucket is validated again.
func TestBadDocumentInTheBucket(t *testing.T) {
	dir := t.TempDir()
	l := embedded(t, dir)
	js, _ := jetstream.New(l.broker.Documents())
	kv, err := js.KeyValue(t.Context(), Bucket)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"metaflows.acme": `{"numbers":{"1":{}}}`, "metaflows.evil": "\xff", "metaflows.a.b.c.d": `{}`, "metaflows.ok": `{"binding_digit":"5"}`} {
		if _, err := kv.PutString(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the good one is read", func() bool { return l.Effective(flows.Owner{Account: "ok"}).BindingDigit == '5' })
	eventually(t, "the bad one is known", func() bool { _, ok, _ := l.Get(acme); return ok })
	if !l.Effective(acme.Owner()).Empty() || l.Err() != nil {
		t.Error("a bad document has an effect", l.Err())
	}
	if _, err := l.Put(t.Context(), acme, []byte(`{"numbers":{"1":{"module":"hangup"}}}`), Any); err != nil {
		t.Fatal(err)
	}
	if l.Effective(acme.Owner()).Empty() {
		t.Error("it cannot be replaced")
	}
	l.stop()
	l = embedded(t, dir)
	if !strings.Contains(l.log.String(), "a stored value is not valid") || strings.Contains(l.log.String(), "\xff") {
		t.Error(l.log.String())
	}
}

func TestExternalOutage(t *testing.T) {
	s := brokertest.Start(t)
	l := open(t, broker.Config{URL: s.URL()})
	<-l.Ready()
	if _, err := l.Put(t.Context(), acme, []byte(`{"binding_digit":"1"}`), Any); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	eventually(t, "the store notices", func() bool { return l.Err() != nil })
	if doc, ok, err := l.Get(acme); !ok || err != nil || doc.Revision == 0 || l.Effective(acme.Owner()).BindingDigit != '1' {
		t.Error("reading needs NATS", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := l.Put(ctx, acme, []byte(`{}`), Any); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	s.Again()
	eventually(t, "the store is back", func() bool { return l.Err() == nil })
	other := open(t, broker.Config{URL: s.URL()})
	<-other.Ready()
	if _, err := other.Put(t.Context(), acme, []byte(`{"binding_digit":"2"}`), Any); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another's change arrives after the outage", func() bool { return l.Effective(acme.Owner()).BindingDigit == '2' })
}

func TestBucketIsMadeAnew(t *testing.T) {
	s := brokertest.Start(t)
	l := open(t, broker.Config{URL: s.URL()})
	<-l.Ready()
	for i := range 5 {
		if _, err := l.Put(t.Context(), acme, fmt.Appendf(nil, `{"binding_digit":"%d"}`, i), Any); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Put(t.Context(), desk, []byte(`{}`), Any); err != nil {
		t.Fatal(err)
	}
	js, _ := jetstream.New(l.broker.Documents())
	if err := js.DeleteKeyValue(t.Context(), Bucket); err != nil {
		t.Fatal(err)
	}
	eventually(t, "documents can be stored again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.Put(ctx, acme, []byte(`{"binding_digit":"9"}`), Any)
		return err == nil
	})
	eventually(t, "memory is the new bucket", func() bool {
		_, old, _ := l.Get(desk)
		return !old && l.Effective(acme.Owner()).BindingDigit == '9'
	})
	if !strings.Contains(l.log.String(), "it was deleted, and is made again") { // at once, the server would take its files away, too
		t.Error(l.log)
	}
}

func TestStartWithoutNATS(t *testing.T) {
	s := brokertest.Start(t)
	s.Stop()
	l := open(t, broker.Config{URL: s.URL()})
	if _, _, err := l.Get(acme); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if !l.Effective(acme.Owner()).Empty() || l.Err() == nil {
		t.Error(l.Err())
	}
	s.Again()
	select {
	case <-l.Ready():
	case <-time.After(time.Minute):
		t.Error("not loaded when NATS came")
	}
}

func TestManyAtOnce(t *testing.T) {
	l := embedded(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 50 {
				p := Place{Account: "acme", Scope: flows.ScopeUser, ID: fmt.Sprint("u", (i+n)%7)}
				if n%5 == 4 {
					_, _ = l.Delete(t.Context(), p, Any)
				} else if _, err := l.Put(t.Context(), p, []byte(`{"numbers":{"1":{"module":"hangup"}}}`), Any); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for n := range 2000 {
				owner := flows.Owner{Account: "acme", User: fmt.Sprint("u", n%7)}
				_, stored, _ := l.Get(Place{Account: "acme", Scope: flows.ScopeUser, ID: owner.User})
				_, _ = stored, l.Effective(owner)
			}
		})
	}
	wg.Wait()
	for i := range 7 {
		p := Place{Account: "acme", Scope: flows.ScopeUser, ID: fmt.Sprint("u", i)}
		if _, stored, _ := l.Get(p); stored == l.Effective(p.Owner()).Empty() {
			t.Error(p, stored, "does not agree with the effective document")
		}
	}
}

func filled(accounts int) *snapshot {
	s := newSnapshot(flows.Settings{})
	parsed, err := flows.ParseDocument([]byte(`{"numbers":{"9":{"module":"record_call"}},"patterns":{"2(\\d+)":{"module":"transfer"}}}`))
	if err != nil {
		panic(err)
	}
	for i := range accounts {
		a := fmt.Sprint("a", i)
		s.place(Place{Account: a, Scope: flows.ScopeAccount}, &Document{parsed: parsed})
		s.place(Place{Account: a, Scope: flows.ScopeUser, ID: "u"}, &Document{parsed: parsed})
		s.place(Place{Account: a, Scope: flows.ScopeDevice, ID: "d"}, &Document{parsed: parsed})
	}
	return s
}

func TestEffectiveDoesNotAllocate(t *testing.T) {
	s := filled(10)
	for _, o := range []flows.Owner{{}, {Account: "a3"}, {Account: "a3", User: "u", Device: "d"}, {Account: "a3", User: "x"}, {Account: "nobody"}} {
		s.effective(o)
		if n := testing.AllocsPerRun(100, func() { s.effective(o) }); n != 0 {
			t.Errorf("%+v: %v allocations", o, n)
		}
	}
}

// BenchmarkChange is what it costs to take one document more into memory, beside so many.
func BenchmarkChange(b *testing.B) {
	doc := &Document{}
	for _, n := range []int{10, 100_000} {
		for where, place := range map[string]func(i int) Place{
			"accounts": func(i int) Place { return Place{Account: fmt.Sprint("a", i), Scope: flows.ScopeAccount} },
			"devices":  func(i int) Place { return Place{Account: "acme", Scope: flows.ScopeDevice, ID: fmt.Sprint("d", i)} },
		} {
			b.Run(fmt.Sprintf("%s=%d", where, n), func(b *testing.B) {
				s := newSnapshot(flows.Settings{})
				for i := range n {
					s.place(place(i), doc)
				}
				for i := 0; b.Loop(); i++ {
					s.place(place(n+i%n), doc)
				}
			})
		}
	}
}

func BenchmarkEffective(b *testing.B) {
	for _, accounts := range []int{1, 1000} {
		s := filled(accounts)
		o := flows.Owner{Account: "a0", User: "u", Device: "d"}
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					s.effective(o)
				}
			})
		})
	}
}
