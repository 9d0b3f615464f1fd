package recordings

import (
	"bytes"
	"io"
	"testing"

	"metaflows/flows/calls"
)

// A recording that is deleted while it is being stored leaves nothing.
func TestDeletedMeanwhile(t *testing.T) {
	l := newLab(t)
	l.begin()
	half, deleted := make(chan struct{}), make(chan struct{})
	const name, size = "acme/c/1", 3 * chunkSize
	l.asterisk.stream(name, size, func() io.Reader {
		return io.MultiReader(bytes.NewReader(sound(3, 2*chunkSize)), &gate{half, deleted, bytes.NewReader(sound(4, chunkSize))})
	})
	l.started(name, calls.Delivery{})
	l.stored(name)
	<-half
	if err := l.rec.Delete(t.Context(), "acme", idOf("n1", name)); err != nil {
		t.Fatal(err)
	}
	close(deleted)
	l.event("recording.deleted", name)
	l.until("nothing is left", func() bool {
		s, err := l.rec.js.Stream(t.Context(), objectStream)
		if err != nil {
			t.Fatal(err)
		}
		q, err := l.rec.js.Stream(t.Context(), QueueStream)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().State.Msgs == 0 && q.CachedInfo().State.Msgs == 0
	})
}

// gate is a reader that tells of its first read, and then waits.
type gate struct {
	reached chan<- struct{}
	open    <-chan struct{}
	io.Reader
}

func (g *gate) Read(p []byte) (int, error) {
	if g.reached != nil {
		close(g.reached)
		g.reached = nil
		<-g.open
	}
	return g.Reader.Read(p)
}
