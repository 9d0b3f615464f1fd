package recordings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker/brokertest"
	"metaflows/app/egress"
	"metaflows/flows/calls"
)

// folder is Asterisk's recording folder.
type folder struct {
	mu    sync.Mutex
	files map[string]func() io.Reader
	sizes map[string]int64
	away  bool
	// readOnly: nothing can be removed; stuck: that alone cannot
	readOnly bool
	stuck    string
}

func (f *folder) put(name string, sound []byte) {
	f.stream(name, int64(len(sound)), func() io.Reader { return bytes.NewReader(sound) })
}

func (f *folder) stream(name string, size int64, open func() io.Reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[name], f.sizes[name] = open, size
}

func (f *folder) has(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.files[name] != nil
}

func (f *folder) goAway(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

func (f *folder) connected() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.away
}

func (f *folder) StoredRecordingFile(_ context.Context, name string) (io.ReadCloser, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch open := f.files[name]; {
	case f.away:
		return nil, 0, calls.ErrUnavailable
	case open == nil:
		return nil, 0, calls.ErrGone
	default:
		return io.NopCloser(open()), f.sizes[name], nil
	}
}

func (f *folder) DeleteStoredRecording(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files[name] == nil {
		return calls.ErrGone
	}
	if f.readOnly || name == f.stuck {
		return calls.ErrUnavailable
	}
	delete(f.files, name)
	return nil
}

// lab is one node: its Asterisk's folder, its NATS, and metaflows' part that is tested, which may be killed and begun again.
type lab struct {
	*testing.T
	asterisk *folder
	nats     *brokertest.Server
	cfg      Config
	log      *bytes.Buffer

	mu      sync.Mutex
	notices []calls.Notice
	hook    string // URL of the account's webhook
	told    chan struct{}

	rec     *Recordings
	prepare func(*Recordings) // before it starts; nil for nothing
	kill    func()
}

func (l *lab) Publish(n calls.Notice) {
	l.mu.Lock()
	l.notices = append(l.notices, n)
	l.mu.Unlock()
	select {
	case l.told <- struct{}{}:
	default:
	}
}

// lines is a log that tests may read.
type lines struct {
	l *lab
}

func (w lines) Write(p []byte) (int, error) {
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	return w.l.log.Write(p)
}

func (l *lab) logged() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

func newLab(t *testing.T, change ...func(*Config)) *lab {
	l := &lab{
		T: t, nats: brokertest.Start(t), log: &bytes.Buffer{}, told: make(chan struct{}, 1),
		asterisk: &folder{files: map[string]func() io.Reader{}, sizes: map[string]int64{}},
	}
	conn, err := nats.Connect(l.nats.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	l.cfg = Config{
		Conn: conn, Node: "n1", Asterisk: l.asterisk, Connected: l.asterisk.connected, Publisher: l, Webhook: func(string) (string, string) { return l.hook, secret }, Pending: filepath.Join(t.TempDir(), "recordings.pending"),
		Log: slog.New(slog.NewTextHandler(lines{l}, nil)), DeliveryFor: time.Hour, Pauses: []time.Duration{0, 10 * time.Millisecond},
	}
	for _, c := range change {
		c(&l.cfg)
	}
	t.Cleanup(func() {
		if l.kill != nil {
			l.kill()
		}
		if t.Failed() {
			t.Log(l.logged())
		}
	})
	return l
}

// begin starts metaflows' part; kill ends it as a kill does, but for what waits in memory of this process.
func (l *lab) begin() {
	l.Helper()
	rec, err := New(l.cfg)
	if err != nil {
		l.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if l.prepare != nil {
		l.prepare(rec)
	}
	rec.Start(ctx)
	l.rec = rec
	l.kill = func() {
		cancel()
		rec.Wait()
		l.kill = nil
	}
}

// record tells of a recording from its begin to its end, and puts its sound into Asterisk's folder.
func (l *lab) record(name string, sound []byte, to calls.Delivery) *Entry {
	l.asterisk.put(name, sound)
	l.started(name, to)
	l.stored(name)
	return &Entry{ID: idOf("n1", name)}
}

// secret is that of the account's webhook.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func notice(kind, name string) calls.Notice {
	account, rest, _ := strings.Cut(name, "/")
	call, _, _ := strings.Cut(rest, "/")
	return calls.Notice{
		Type: kind, ID: calls.RecordingEventID(name, kind), Time: time.Now(), Account: account, Call: call, Recording: name,
		Channel: "17.1", UniqueID: "17.1", LinkedID: "17.0", User: "bob",
	}
}

func (l *lab) started(name string, to calls.Delivery) {
	n := notice("recording.started", name)
	to.CallerName, to.CallerNumber, to.Dialled = "Ann", "+49 30 1", "1002"
	n.Delivery = &to
	l.rec.Publish(n)
}

func (l *lab) stored(name string) {
	n := notice("recording.stored", name)
	n.Duration = 1500
	l.rec.Publish(n)
}

// event waits for the event of a recording.
func (l *lab) event(kind, name string) calls.Notice {
	l.Helper()
	var found calls.Notice
	l.until(kind+" of "+name, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, n := range l.notices {
			if n.Type == kind && n.Recording == name {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

func (l *lab) count(kind string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, told := range l.notices {
		if told.Type == kind {
			n++
		}
	}
	return n
}

// until waits until something is so, which is looked at after each event, and now and then.
func (l *lab) until(what string, so func() bool) {
	l.Helper()
	deadline := time.After(20 * time.Second)
	for !so() {
		select {
		case <-l.told:
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			l.Fatalf("not in 20 s: %s", what)
		}
	}
}

// entry is what the index has of a recording.
func (l *lab) entry(name string) *Entry {
	l.Helper()
	account, _, _ := strings.Cut(name, "/")
	s, err := l.rec.open(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	e, _, err := s.index.get(l.Context(), key(account, idOf("n1", name)))
	if err != nil {
		l.Fatal(err)
	}
	return e
}

// object is what the object store has of a recording.
func (l *lab) object(name string) []byte {
	l.Helper()
	account, _, _ := strings.Cut(name, "/")
	store, err := l.rec.js.ObjectStore(l.Context(), ObjectBucket)
	if err != nil {
		l.Fatal(err)
	}
	sound, err := store.GetBytes(l.Context(), account+"."+idOf("n1", name)+".wav")
	if err != nil {
		l.Fatalf("object of %s: %v", name, err)
	}
	return sound
}

// objects are the names of all objects.
func (l *lab) objects() (names []string) {
	l.Helper()
	store, err := l.rec.js.ObjectStore(l.Context(), ObjectBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil
	}
	if err != nil {
		l.Fatal(err)
	}
	all, err := store.List(l.Context())
	if err != nil {
		return nil
	}
	for _, o := range all {
		names = append(names, o.Name)
	}
	return names
}

// sound is one of a length that nobody else has.
func sound(seed, length int) []byte {
	b := make([]byte, length)
	for i := range b {
		b[i] = byte(i*seed>>3 ^ seed)
	}
	return b
}

func mustBlock(t *testing.T, list string) egress.Blocked {
	t.Helper()
	b, err := egress.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func named(i int) string { return fmt.Sprintf("acme/c%d/1", i) }
