package rig

import (
	"context"
	"sync"
)

// Seen is a list of what was observed, in the order of its arrival, that can be waited for. Its methods may be called by
// any goroutine.
type Seen[T any] struct {
	mu   sync.Mutex
	list []T
	more chan struct{} // closed and replaced when something is added
}

// NewSeen makes an empty list.
func NewSeen[T any]() *Seen[T] { return &Seen[T]{more: make(chan struct{})} }

// Add appends one and wakes who waits.
func (s *Seen[T]) Add(v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, v)
	close(s.more)
	s.more = make(chan struct{})
}

// Since returns what came from position from on, and a channel that is closed when there is more.
func (s *Seen[T]) Since(from int) ([]T, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[min(from, len(s.list)):len(s.list):len(s.list)], s.more
}

// Await blocks until one from position from on is wanted. It returns that one and the position behind it, or the cause why
// ctx ended.
func (s *Seen[T]) Await(ctx context.Context, from int, wanted func(T) bool) (found T, next int, err error) {
	for next = from; ; {
		list, more := s.Since(next)
		for _, v := range list {
			next++
			if wanted(v) {
				return v, next, nil
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return found, from, context.Cause(ctx)
		}
	}
}
