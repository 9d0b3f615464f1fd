// Package logtest keeps what tests read of somebody's log or output. It is for tests of every package.
package logtest

import (
	"bytes"
	"sync"
)

// Log is a log that is read while it is written, by any number of goroutines. The zero Log is empty and ready to use.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write is io.Writer; it never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String is all that has been written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
