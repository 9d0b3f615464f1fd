package broker

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// shelf is a JetStream with one bucket or none.
type shelf struct {
	jetstream.JetStream
	there bool
	made  []time.Duration // when, since the start
	start time.Time
}

var errNoStatus = errors.New("there is no status")

type bucketOfShelf struct{ jetstream.KeyValue }

func (bucketOfShelf) Status(context.Context) (jetstream.KeyValueStatus, error) {
	return nil, errNoStatus
}

func (s *shelf) KeyValue(context.Context, string) (jetstream.KeyValue, error) {
	if !s.there {
		return nil, jetstream.ErrBucketNotFound
	}
	return bucketOfShelf{}, nil
}

func (s *shelf) CreateKeyValue(context.Context, jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	s.there, s.made = true, append(s.made, time.Since(s.start))
	return bucketOfShelf{}, nil
}

// A bucket that is deleted is not made again at once: the server would take its files away with those of the old one. Nor is one
// that somebody else has made, and one that was never there is waited for.
func TestADeletedBucketIsNotMadeAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		deleted func() *Deleted
		there   map[time.Duration]bool // what others do, and when
		made    []time.Duration
	}{
		"never seen":               {func() *Deleted { return &Deleted{} }, nil, []time.Duration{0}},
		"in memory":                {func() *Deleted { return nil }, map[time.Duration]bool{0: true, time.Second: false}, []time.Duration{time.Second}},
		"seen":                     {func() *Deleted { return &Deleted{} }, map[time.Duration]bool{0: true, time.Second: false}, []time.Duration{time.Second + deletion}},
		"seen by one before":       {func() *Deleted { return &Deleted{seen: true} }, nil, []time.Duration{deletion}},
		"made, and deleted again":  {func() *Deleted { return &Deleted{} }, map[time.Duration]bool{9 * time.Second: false}, []time.Duration{0, 9*time.Second + deletion}},
		"somebody else was faster": {func() *Deleted { return &Deleted{seen: true} }, map[time.Duration]bool{2 * time.Second: true}, nil},
		"and it is deleted again": {
			func() *Deleted { return &Deleted{seen: true} },
			map[time.Duration]bool{2 * time.Second: true, 4 * time.Second: false},
			[]time.Duration{4*time.Second + deletion},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				js, deleted := &shelf{start: time.Now()}, test.deleted()
				for at := time.Duration(0); at < 20*time.Second; at += 100 * time.Millisecond {
					if there, does := test.there[at]; does {
						js.there = there
					}
					_, err := OpenBucket(t.Context(), js, jetstream.KeyValueConfig{Bucket: "b"}, deleted)
					if want := map[bool]error{true: errNoStatus, false: errDeleted}[js.there]; !errors.Is(err, want) {
						t.Errorf("after %v: %v", at, err)
					}
					time.Sleep(100 * time.Millisecond)
				}
				if !slices.Equal(js.made, test.made) {
					t.Error("made after", js.made)
				}
			})
		})
	}
}
