package recordings

import (
	"bytes"
	"strings"
	"testing"

	"metaflows/flows/calls"
)

// A recording without a URL is in the object store when it is over, byte for byte, and not in Asterisk's folder any more.
func TestKept(t *testing.T) {
	l := newLab(t)
	l.begin()
	for i, length := range []int{0, 44, chunkSize, chunkSize + 1, 5 * chunkSize / 2} {
		name, said := named(i), sound(i+3, length)
		l.record(name, said, calls.Delivery{})
		if n := l.event("recording.delivered", name); n.Result != "kept" || n.Duration != 1500 || n.Channel != "17.1" || n.Account != "acme" {
			t.Errorf("%d bytes: %+v", length, n)
		}
		if got := l.object(name); !bytes.Equal(got, said) {
			t.Errorf("%d bytes arrive as %d others", length, len(got))
		}
		if l.asterisk.has(name) {
			t.Errorf("%d bytes are in Asterisk's folder still", length)
		}
		if e := l.entry(name); e.State != Kept || e.Size != int64(length) || e.Delivery.Dialled != "1002" || e.Done.IsZero() {
			t.Errorf("%d bytes: the index says %+v", length, e)
		}
	}
}

// What cannot be removed from Asterisk's folder has arrived all the same.
func TestReadOnly(t *testing.T) {
	l := newLab(t)
	l.asterisk.readOnly = true
	l.begin()
	l.record("acme/c/1", sound(3, 5000), calls.Delivery{})
	l.event("recording.delivered", "acme/c/1")
	if !l.asterisk.has("acme/c/1") || !strings.Contains(l.logged(), "cannot be removed") {
		t.Error("it was removed, or nobody is told")
	}
}
