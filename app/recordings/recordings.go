package recordings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/app/egress"
	"metaflows/flows/calls"
)

// Asterisk is where finished recordings are. Errors are those of package calls: ErrGone where there is none of that name, any
// other where that is not known. ari.Client is one.
type Asterisk interface {
	StoredRecordingFile(ctx context.Context, name string) (file io.ReadCloser, size int64, err error)
	DeleteStoredRecording(name string) error
}

// Config is what Recordings need.
type Config struct {
	Conn      *nats.Conn // its Close is its owner's
	Node      string     // of the Asterisk whose recordings are delivered from here
	Asterisk  Asterisk
	Connected func() bool     // to Asterisk, as the one who has its calls; nothing is delivered otherwise
	Known     func() bool     // whether what accounts have set is; nothing is delivered or removed by its age before; nil: it is
	Publisher calls.Publisher // of events
	Pending   string          // file of what NATS does not have yet; "": it is in memory only
	Blocked   egress.Blocked  // addresses that are not connected to
	// Webhook is where an account wants to be told of what has arrived, "" for nowhere, and the secret that signs it, in base64, ""
	// for none. It is a look into memory.
	Webhook func(account string) (url, secret string)
	// Retention is how long an account's recordings are kept, 0 for ever; nil: all are. It is a look into memory.
	Retention func(account string) time.Duration
	Log       *slog.Logger

	DeliveryFor time.Duration   // how long is tried to deliver a recording
	Keep        bool            // Asterisk's copy is left where it is
	MaxBytes    int64           // of the object store; 0: a new one has 10 GiB, one that is there keeps its own
	Pauses      []time.Duration // before each try, the last before all further ones; nil: as the package says
}

// Recordings are a calls.Publisher: they learn from events what is recorded, and pass them on.
type Recordings struct {
	cfg     Config
	js      jetstream.JetStream
	sender  *sender
	pending *pending

	running sync.WaitGroup

	opening sync.Mutex
	deleted broker.Deleted // the index
	opened  *stores        // nil: to be opened
}

// stores are what is used of NATS.
type stores struct {
	index   index
	jobs    jetstream.Consumer
	objects *objects // nil: to be opened
}

// New makes Recordings. Nothing waits for NATS.
func New(cfg Config) (*Recordings, error) {
	if cfg.Pauses == nil {
		cfg.Pauses = pauses
	}
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, err
	}
	return &Recordings{
		cfg: cfg, js: js, sender: newSender(cfg.Blocked),
		pending: &pending{file: cfg.Pending, log: cfg.Log, wake: make(chan struct{}, 1)},
	}, nil
}

// Publish is calls.Publisher's.
func (r *Recordings) Publish(n calls.Notice) {
	if n.Type == "recording.started" || n.Type == "recording.stored" {
		f := fact{Kind: n.Type, Time: n.Time, Notice: n, Delivery: n.Delivery}
		if f.Notice.Node = r.cfg.Node; f.Time.IsZero() {
			f.Time = time.Now()
		}
		r.pending.give(f)
	}
	r.cfg.Publisher.Publish(n)
}

// Start notes and delivers until ctx ends. What is under way then is begun again by the next process.
func (r *Recordings) Start(ctx context.Context) {
	r.running.Go(func() { r.pending.run(ctx, r.note) })
	if r.cfg.Retention != nil {
		r.running.Go(func() { r.sweep(ctx) })
	}
	for range uploads {
		r.running.Go(func() { r.work(ctx) })
	}
}

// ready says that recordings may be delivered and removed.
func (r *Recordings) ready() bool { return r.cfg.Connected() && (r.cfg.Known == nil || r.cfg.Known()) }

// Wait returns when nothing runs any more: no event comes from here then, but for those that are passed on.
func (r *Recordings) Wait() { r.running.Wait() }

// note puts a fact into the index, and what is over into the queue.
func (r *Recordings) note(ctx context.Context, f fact) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := r.open(ctx)
	if err != nil {
		return err
	}
	k := keyOf(f.Notice)
	e, err := s.index.change(ctx, k, f.change)
	if err != nil {
		r.reopen(err)
		return err
	}
	if e.State != Waiting {
		return nil
	}
	if err := r.enqueue(ctx, k); err != nil {
		r.reopen(err)
		return err
	}
	return nil
}

// change brings what a fact says into an entry, which is empty where nothing was known, and says whether that is anything new.
func (f fact) change(e *Entry) (changed bool) {
	if e.ID == "" {
		*e = Entry{
			ID: idOf(f.Notice.Node, f.Notice.Recording), State: Recording, Format: "wav", Told: f.Notice,
			Began: f.Time.Add(-time.Duration(f.Notice.Duration) * time.Millisecond),
		}
		changed = true
	}
	if f.Delivery != nil && e.Delivery.URL == "" && !e.State.final() && *f.Delivery != e.Delivery {
		e.Delivery, e.Told, changed = *f.Delivery, f.Notice, true
	}
	if f.Kind == "recording.stored" && e.State == Recording {
		e.State, e.Over, e.Duration, changed = Waiting, f.Time, f.Notice.Duration, true
		if e.Duration == 0 { // nobody has seen its end
			e.Duration = max(f.Time.Sub(e.Began), 0).Milliseconds()
		}
	}
	return changed
}

// open opens what is used of NATS, or makes it.
func (r *Recordings) open(ctx context.Context) (*stores, error) {
	r.opening.Lock()
	defer r.opening.Unlock()
	if r.opened != nil {
		return r.opened, nil
	}
	if !r.cfg.Conn.IsConnected() {
		return nil, errors.New("NATS is not connected")
	}
	index, err := openIndex(ctx, r.js, &r.deleted)
	if err != nil {
		return nil, err
	}
	jobs, err := r.openQueue(ctx)
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", QueueStream, broker.Explain(err))
	}
	r.opened = &stores{index: index, jobs: jobs}
	return r.opened, nil
}

// openObjects opens the object store, or makes it. Where there is no room for it, what has a URL is delivered all the same.
func (r *Recordings) openObjects(ctx context.Context, s *stores) (*objects, error) {
	r.opening.Lock()
	defer r.opening.Unlock()
	if s.objects != nil {
		return s.objects, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	objects, err := openObjects(ctx, r.js, r.cfg.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("open object store %s: %w", ObjectBucket, broker.Explain(err))
	}
	s.objects = objects
	return objects, nil
}

// reopen has all opened anew where NATS says that something of it is gone.
func (r *Recordings) reopen(err error) {
	var api *jetstream.APIError
	gone := errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrBucketNotFound) ||
		errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) || errors.As(err, &api) && api.Code == 404
	if !gone {
		return
	}
	r.opening.Lock()
	defer r.opening.Unlock()
	r.opened = nil
}
