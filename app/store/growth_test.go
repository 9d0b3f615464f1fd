package store

import (
	"path/filepath"
	"testing"

	"metaflows/app/broker"
	"metaflows/docker/growtest"
	"metaflows/flows"
)

// What it costs to take documents into memory grows with them, whether they are of many accounts or of one: each as it is
// changed, and all at a start, with the file and without.
func TestDocumentsGrow(t *testing.T) {
	for name, place := range sites {
		growtest.Linear(t, "documents changed: "+name, 500, func(n int) int64 {
			s := newSnapshot(flows.Settings{})
			return growtest.Allocated(func() {
				for i := range n {
					if err := s.set(place(i).key(), []byte(siteDocument), uint64(i+1)); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
		growtest.Linear(t, "documents loaded: "+name, 500, func(n int) int64 {
			dir := t.TempDir()
			cfg, file := broker.Config{Dir: filepath.Join(dir, "nats"), Listen: "off", AuditPassword: "x", Node: "n1", MaxStore: 1 << 40}, filepath.Join(dir, "documents.json")
			nats, err := broker.Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			fill(t, nats.Documents(), n, place)
			nats.Close()
			return growtest.Allocated(func() {
				for range 2 { // the first writes the file
					_, stop := load(t, cfg, file)
					stop()
				}
			})
		})
	}
}
