package server

import (
	"context"
	"testing"
	"time"

	"metaflows/docker/logtest"
)

// BenchmarkFirstStart is from the start of a process with an empty folder until it listens.
func BenchmarkFirstStart(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		cfg := settingsFor(b.TempDir())
		b.StartTimer()
		ctx, cancel := context.WithCancel(b.Context())
		listening, ended := make(chan time.Time, 1), make(chan error, 1)
		log := &logtest.Log{}
		go func() {
			ended <- Run(ctx, cfg, Options{Log: cfg.Logger(log), Listening: func(Addresses) { listening <- time.Now() }})
		}()
		select {
		case <-listening:
		case err := <-ended:
			b.Fatal(err)
		}
		b.StopTimer()
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		if b.N <= 2 {
			b.Log(log.String())
		}
		b.StartTimer()
	}
}
