package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	probeInterval = 5 * time.Second
	probeTimeout  = 2 * time.Second
	probeSize     = 16 << 10          // as a document: what fits into what is left of a page proves nothing
	probeStream   = "metaflows_probe" // of the embedded server, beside the documents
	probeSubject  = "metaflows.probe" // nobody else is in that account, and nothing subscribes to it
	probeKey      = "probe"           // is never stored
	impossible    = uint64(1) << 62   // a revision that no key has
	errRevision   = jetstream.ErrorCode(10071)
	hopeless      = 3 // probes in a row that no server answers well, until an embedded one is opened again
)

// Probe asks NATS every 5 seconds what a change would be answered now, without changing anything that somebody sees. A
// bucket is asked to store a key on a condition that never holds: whoever refuses that for its condition would have taken
// what is in order. The event stream is asked for by name, which its leader answers. An embedded server has to write some
// bytes as well, into a stream of its own that no login reaches.
type Probe struct {
	broker  *Broker
	buckets []string

	mu       sync.Mutex
	problems map[string]error
	failures int // of writing, in a row
	made     bool
}

// NewProbe makes a probe of the event stream and some buckets. Run has to run.
func (b *Broker) NewProbe(buckets ...string) *Probe {
	return &Probe{broker: b, buckets: buckets, problems: map[string]error{}}
}

// Err says why a change of a bucket, or what is published into EventStream, would be refused now; nil when it would not,
// or was not asked yet.
func (p *Probe) Err(of string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problems[of]
}

// Run asks until ctx ends, and at once when a connection has come back.
func (p *Probe) Run(ctx context.Context) {
	back := p.broker.documents.StatusChanged(nats.CONNECTED, nats.RECONNECTING)
	defer p.broker.documents.RemoveStatusListener(back)
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		p.look(ctx)
		select {
		case <-tick.C:
		case <-back:
		case <-ctx.Done():
			return
		}
	}
}

// look asks all at once.
func (p *Probe) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var asked sync.WaitGroup
	var writing error
	if p.broker.engine != nil {
		asked.Go(func() { writing = p.write(ctx) })
	}
	answers := make([]error, len(p.buckets)+1)
	for i, bucket := range p.buckets {
		asked.Go(func() { answers[i] = p.askBucket(ctx, bucket) })
	}
	asked.Go(func() { answers[len(p.buckets)] = p.askEvents(ctx) })
	asked.Wait()
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // at the end nobody answers
	}
	p.mu.Lock()
	for i, of := range append(slices.Clip(p.buckets), EventStream) {
		p.problems[of] = errors.Join(writing, answers[i])
		if writing != nil && answers[i] != nil { // one reason is enough
			p.problems[of] = answers[i]
		}
	}
	if p.failures++; writing == nil {
		p.failures = 0
	}
	again := p.failures >= hopeless
	p.mu.Unlock()
	if again && p.broker.engine.err() == nil {
		p.broker.engine.breaks(writing.Error())
		p.mu.Lock()
		p.failures = 0
		p.mu.Unlock()
	}
}

// askBucket is nil when a change would be stored.
func (p *Probe) askBucket(ctx context.Context, bucket string) error {
	m := nats.NewMsg("$KV." + bucket + "." + probeKey)
	m.Header.Set(jetstream.ExpectedStreamHeader, "KV_"+bucket)
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(impossible, 10))
	err := p.publish(ctx, p.broker.documents, m)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == errRevision {
		return nil
	}
	if err == nil {
		err = errors.New("it stores what it should refuse")
	}
	return fmt.Errorf("changes are refused: %w", Explain(err))
}

// askEvents is nil when the event stream answers.
func (p *Probe) askEvents(ctx context.Context) error {
	if !p.broker.events.IsConnected() {
		return errors.New("events wait: NATS is not connected")
	}
	js, err := jetstream.New(p.broker.events)
	if err == nil {
		_, err = js.Stream(ctx, EventStream)
	}
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) { // the publisher makes it, or says why not
		return fmt.Errorf("events wait: %w", Explain(err))
	}
	return nil
}

// write has the embedded server write some bytes to its disk.
func (p *Probe) write(ctx context.Context) error {
	if err := p.broker.engine.err(); err != nil {
		return fmt.Errorf("the embedded NATS is closed: %w", err)
	}
	if !p.made {
		js, err := jetstream.New(p.broker.documents)
		if err == nil {
			_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
				Name: probeStream, Subjects: []string{probeSubject}, Description: "can anything be written?", MaxMsgs: 1,
			})
		}
		if err != nil {
			return fmt.Errorf("the embedded NATS cannot write: %w", Explain(err))
		}
		p.made = true
	}
	m := nats.NewMsg(probeSubject)
	m.Data = make([]byte, probeSize)
	if err := p.publish(ctx, p.broker.documents, m); err != nil {
		p.made = false // it may have been lost with its folder
		return fmt.Errorf("the embedded NATS cannot write: %w", Explain(err))
	}
	return nil
}

// publish is one attempt: jetstream's own has more, and their time.
func (p *Probe) publish(ctx context.Context, conn *nats.Conn, m *nats.Msg) error {
	if !conn.IsConnected() {
		return errors.New("NATS is not connected")
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	_, err = js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
	return err
}
