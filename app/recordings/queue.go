package recordings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

// QueueStream is the name of the work queue's stream.
const QueueStream = "METAFLOWS_DELIVERIES"

const (
	queueSubject = "metaflows.v1.delivery."
	uploads      = 4 // at once
	askTime      = 5 * time.Second
	ackWait      = 30 * time.Second // from a kill to the next try
	alive        = ackWait / 3
	lookAgain    = 10 * time.Second // until a job is looked at again whose try was none
	remembers    = 10 * time.Minute // a job that is told again
)

// openQueue finds the work queue and this node's consumer of it, or makes them. A job is the key of an entry, and its message's id
// is that, too.
func (r *Recordings) openQueue(ctx context.Context) (jetstream.Consumer, error) {
	stream, err := r.js.Stream(ctx, QueueStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = r.js.CreateStream(ctx, jetstream.StreamConfig{
			Name: QueueStream, Description: "recordings on their way", Subjects: []string{queueSubject + "*"}, Retention: jetstream.WorkQueuePolicy, Duplicates: remembers,
		})
	}
	if err != nil {
		return nil, err
	}
	name := "delivery-" + broker.Token(r.cfg.Node)
	consumer, err := stream.Consumer(ctx, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: name, FilterSubject: queueSubject + broker.Token(r.cfg.Node), AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: ackWait, MaxAckPending: -1, // jobs that wait for their next try count, too
		})
	}
	return consumer, err
}

func (r *Recordings) enqueue(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, err := r.js.Publish(ctx, queueSubject+broker.Token(r.cfg.Node), []byte(key), jetstream.WithMsgID(key), jetstream.WithExpectStream(QueueStream))
	if err != nil {
		return fmt.Errorf("queue a recording: %w", broker.Explain(err))
	}
	return nil
}

// work does one job after the other until ctx ends.
func (r *Recordings) work(ctx context.Context) {
	for ctx.Err() == nil {
		if !r.ready() {
			rest(ctx, time.Second)
			continue
		}
		s, job, err := r.take(ctx)
		switch {
		case err == nil:
			r.do(ctx, s, job)
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, jetstream.ErrNoMessages): // there was none
		default:
			r.reopen(err)
			rest(ctx, time.Second)
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (r *Recordings) take(ctx context.Context) (*stores, jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	s, err := r.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	job, err := s.jobs.Next(jetstream.FetchContext(ctx))
	return s, job, err
}

// do does a job once, and says to the queue what becomes of it.
func (r *Recordings) do(ctx context.Context, s *stores, job jetstream.Msg) {
	ended := make(chan struct{})
	defer close(ended)
	go func() { // the job is in hand
		tick := time.NewTicker(alive)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				_ = job.InProgress()
			}
		}
	}()
	key, hook := strings.CutPrefix(string(job.Data()), hookJob)
	e, _, err := s.index.get(ctx, key)
	now := time.Now()
	switch {
	case err != nil:
		_ = job.NakWithDelay(lookAgain)
		r.reopen(err)
	case e == nil:
		_ = job.TermWithReason("it is not in the index")
	case hook:
		r.tell(ctx, s, key, e, job)
	case e.State.final():
		r.finish(ctx, key, e, job)
	case now.Before(e.Next):
		_ = job.NakWithDelay(e.Next.Sub(now))
	default:
		r.try(ctx, s, key, e, job)
	}
}

// try tries to deliver, and notes how that went.
func (r *Recordings) try(ctx context.Context, s *stores, key string, e *Entry, job jetstream.Msg) {
	began := time.Now()
	state, size, err := r.deliver(ctx, s, key, e)
	if ctx.Err() != nil && err != nil {
		_ = job.Nak() // for the next process
		return
	}
	if errors.Is(err, errNoTry) {
		r.cfg.Log.Debug("a recording waits", "recording", e.Told.Recording, "error", err)
		_ = job.NakWithDelay(lookAgain)
		return
	}
	now, tried := time.Now(), e
	e, noteErr := s.index.change(ctx, key, func(e *Entry) bool {
		if e.ID == "" || e.State.final() { // it was deleted meanwhile
			return false
		}
		again := e.tried(began, e.Over.Add(r.cfg.DeliveryFor), r.cfg.Pauses, err)
		if e.Size = size; err == nil {
			e.State, e.Done = state, now
			return true
		}
		if e.Reason = reasonOf(err); again && e.Reason == "" {
			return true
		}
		e.State, e.Next, e.Done, e.Reason = Failed, time.Time{}, now, cmp.Or(e.Reason, "expired")
		return true
	})
	switch {
	case noteErr != nil:
		_ = job.NakWithDelay(lookAgain)
		r.reopen(noteErr)
	case e.ID == "":
		if err := r.unstore(ctx, s, key, tried); err != nil {
			r.cfg.Log.Warn("a recording that was deleted while it was being stored stays in the object store", "object", tried.object(key), "error", err)
		}
		_ = job.TermWithReason("it was deleted")
	case e.State.final():
		r.finish(ctx, key, e, job)
	default:
		r.cfg.Log.Warn("a recording could not be delivered, and is tried again", "recording", e.Told.Recording, "call", e.Told.Call, "to", e.where(),
			"tries", e.Tries, "next", e.Next.Format(time.RFC3339), "error", e.Problem)
		_ = job.NakWithDelay(time.Until(e.Next))
	}
}

// finish tells what has become of a recording and does what follows from that, for the first time or once more.
func (r *Recordings) finish(ctx context.Context, key string, e *Entry, job jetstream.Msg) {
	if e.State == Failed {
		r.cfg.Log.Error("a recording is not delivered", "recording", e.Told.Recording, "call", e.Told.Call, "to", e.where(), "reason", e.Reason, "tries", e.Tries, "error", e.Problem,
			"do", "if it is there, its file is in Asterisk's recording folder: bring it where it is to be; then see why that refuses it")
		r.cfg.Publisher.Publish(e.event("recording.failed", "failed", e.Reason))
		_ = job.TermWithReason(e.Reason)
		return
	}
	if !r.cfg.Keep {
		err := r.cfg.Asterisk.DeleteStoredRecording(e.Told.Recording)
		if errors.Is(err, calls.ErrDetached) || err != nil && !r.cfg.Connected() {
			_ = job.NakWithDelay(lookAgain)
			return
		}
		if err != nil && !errors.Is(err, calls.ErrGone) {
			r.cfg.Log.Warn("a recording that was delivered cannot be removed from Asterisk's folder", "recording", e.Told.Recording, "error", err)
		}
	}
	if url, _ := r.cfg.Webhook(e.Told.Account); url != "" {
		if err := r.enqueue(ctx, hookJob+key); err != nil {
			_ = job.NakWithDelay(lookAgain)
			r.reopen(err)
			return
		}
	}
	r.cfg.Log.Info("a recording is delivered", "recording", e.Told.Recording, "call", e.Told.Call, "to", e.where(), "bytes", e.Size, "tries", e.Tries)
	r.cfg.Publisher.Publish(e.event("recording.delivered", string(e.State), ""))
	_ = job.Ack()
}
