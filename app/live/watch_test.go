package live

import (
	"testing"
	"time"

	"metaflows/app/broker"
)

// What another instance has of a bucket that is made anew may not be in it yet, also when a watch of it was lost before it had
// told everything: its calls go on until it has had the time to tell of them again. What the same bucket lacks has ended.
func TestBucketMadeAnew(t *testing.T) {
	l := New(Config{Node: "a", Schemas: schemas(t)})
	there := func() bool {
		_, _, there := l.index.find("acme", "1.alice", time.Now())
		return there
	}
	watched := func(made time.Time, load bool) {
		look := l.look(&broker.Bucket{Made: made})
		if !load {
			return
		}
		if err := look.Loaded(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := time.Now()
	watched(first, true)
	l.index.put("k", l.entry(call("1", "alice@acme"), "acme"), time.Now().Add(Lifetime))
	watched(first.Add(time.Minute), false)
	if watched(first.Add(time.Minute), true); !there() {
		t.Error("a call of another instance has ended with the bucket")
	}
	if watched(first.Add(time.Minute), true); there() {
		t.Error("a call that the bucket does not have goes on")
	}
}
