package broker

import (
	"errors"
	"os"
	"path/filepath"
)

// verified makes the server read all that buckets hold, and check it, when it starts: it does so where a bucket has no index,
// as after a kill. With one it finds a damaged message only when it should be delivered, and delivers nothing from there on.
// What is read is small, and loaded anyway.
func verified(dir string) error {
	indexes, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "KV_*", "msgs", "index.db"))
	for _, index := range indexes {
		if gone := os.Remove(index); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
