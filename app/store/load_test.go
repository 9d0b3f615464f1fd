package store

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/docker/growtest"
	"metaflows/flows"
)

// sites are places of so many documents: of many accounts with users and devices, and of one account.
var sites = map[string]func(i int) Place{
	"accounts": func(i int) Place {
		account := fmt.Sprint("account", i/10)
		switch n := i % 10; {
		case n == 0:
			return Place{Account: account, Scope: flows.ScopeAccount}
		case n < 5:
			return Place{Account: account, Scope: flows.ScopeUser, ID: fmt.Sprint("user", n)}
		default:
			return Place{Account: account, Scope: flows.ScopeDevice, ID: fmt.Sprint("device", n)}
		}
	},
	"devices": func(i int) Place {
		return Place{Account: "acme", Scope: flows.ScopeDevice, ID: fmt.Sprint("device", i)}
	},
}

const siteDocument = `{"binding_digit":"*","digit_timeout":1200,"listen_on":"self","numbers":{"1":{"module":"hold","data":{"moh":"default"}},` +
	`"9":{"module":"record_call","data":{"action":"toggle"}}},"patterns":{"2(\\d+)":{"module":"transfer","data":{"takeback_dtmf":"*1"}}}}`

// fill puts n documents into a bucket as the API does, many at once.
func fill(tb testing.TB, conn *nats.Conn, n int, place func(i int) Place) {
	tb.Helper()
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(1000))
	if err == nil {
		_, err = js.CreateOrUpdateKeyValue(tb.Context(), jetstream.KeyValueConfig{Bucket: Bucket, Description: "metaflows documents"})
	}
	for i := 0; i < n && err == nil; i++ {
		_, err = js.PublishAsync("$KV."+Bucket+"."+place(i).key(), []byte(siteDocument), jetstream.WithStallWait(time.Minute))
	}
	if err != nil {
		tb.Fatal(err)
	}
	<-js.PublishAsyncComplete()
}

// highest is the most memory, in bytes, that the process has from the system until it is stopped.
func highest() (stop func() uint64) {
	var most uint64
	end := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64()-sample[1].Value.Uint64())
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return func() uint64 { close(end); looking.Wait(); return most }
}

// load begins a store as a process does, and waits until it is loaded.
func load(tb testing.TB, cfg broker.Config, file string) (s *Store, stop func()) {
	tb.Helper()
	nats, err := broker.Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if s, err = New(Config{Conn: nats.Documents(), File: file, Own: true}); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	<-s.Ready()
	return s, func() { cancel(); running.Wait(); nats.Close() }
}

// BenchmarkLoad is a start beside a bucket with 100,000 documents, with and without the file that holds them too: until all is
// loaded. The embedded NATS runs in the process, and its memory is counted.
func BenchmarkLoad(b *testing.B) {
	const n = 100_000
	for name, place := range sites {
		dir := b.TempDir()
		cfg := broker.Config{Dir: filepath.Join(dir, "nats"), Listen: "off", AuditPassword: "x", Node: "n1", MaxStore: 1 << 40}
		nats, err := broker.Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		fill(b, nats.Documents(), n, place)
		nats.Close()
		for _, file := range []string{"", filepath.Join(dir, "documents.json")} {
			if file != "" {
				_, stop := load(b, cfg, file) // which writes it
				stop()
			}
			b.Run(fmt.Sprintf("%s/file=%v", name, file != ""), func(b *testing.B) {
				debug.FreeOSMemory() // what came before is not counted
				most, spent := highest(), time.Duration(0)
				for b.Loop() {
					before := growtest.Process()
					s, stop := load(b, cfg, file)
					spent += growtest.Process() - before
					b.StopTimer()
					if at, err := s.Places(place(0).Account); err != nil || len(at) < 10 {
						b.Fatal(len(at), err)
					}
					stop()
					b.StartTimer()
				}
				b.ReportMetric(spent.Seconds()/float64(b.N), "cpu-s/op") // on a machine that has other things to do, too
				b.ReportMetric(float64(most())/1e6, "MB")
			})
		}
	}
}
