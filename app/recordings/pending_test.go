package recordings

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/flows/calls"
)

// What is told while NATS does not answer is in the file at once, and a URL of any length hides none that come after it.
func TestPendingFile(t *testing.T) {
	p := &pending{file: filepath.Join(t.TempDir(), "recordings.pending"), log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1)}
	ctx, end := context.WithCancel(t.Context())
	asked := make(chan struct{}, 1)
	var running sync.WaitGroup
	running.Go(func() {
		p.run(ctx, func(ctx context.Context, _ fact) error {
			asked <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
	})
	names := []string{"acme/c/1", "acme/c/2", "acme/c/3"}
	for i, name := range names {
		p.give(fact{Kind: "recording.stored", Notice: notice("recording.stored", name), Delivery: &calls.Delivery{URL: "http://a/" + strings.Repeat("x", 100_000*i)}})
		if i == 0 {
			<-asked
		}
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if text, _ := os.ReadFile(p.file); bytes.Count(text, []byte("\n")) == len(names) {
			break
		}
		if time.Now().After(deadline) {
			t.Error("the file has not all of them while one is being noted")
			break
		}
	}
	end()
	running.Wait()
	next := func() (found []string, p2 *pending) {
		p2 = &pending{file: p.file, log: p.log}
		p2.read()
		for _, f := range p2.waiting {
			found = append(found, f.Notice.Recording)
		}
		return found, p2
	}
	file, err := os.OpenFile(p.file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(`{"kind":"recording.sto`) // a kill in the midst of it
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	got, second := next()
	if !slices.Equal(got, names) {
		t.Errorf("the next process finds %v, want %v", got, names)
	}
	if err := second.write([]fact{{Kind: "recording.stored", Notice: notice("recording.stored", "acme/c/4")}}); err != nil {
		t.Fatal(err)
	}
	if got, _ := next(); !slices.Equal(got, append(names, "acme/c/4")) {
		t.Errorf("the one after that finds %v", got)
	}
}
