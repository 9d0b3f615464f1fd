package calls

import "sync"

// mailboxLimit is how many events may wait for a call. A person presses ten digits a second; a call that is a thousand
// events behind is broken.
const mailboxLimit = 1024

// spareLimit is how much room for events is kept for the next ones.
const spareLimit = 16

// mailbox is the one queue by which everything reaches a call. put never blocks its sender and keeps the order. Nothing
// is dropped quietly: past the limit a digit is refused and take says so, everything else is always accepted.
type mailbox struct {
	mu     sync.Mutex
	events []Event
	spare  []Event
	over   bool
	closed bool
	wake   chan struct{}
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// put adds an event, and says whether it will be taken; after close it does nothing.
func (m *mailbox) put(ev Event) (taken bool) {
	m.mu.Lock()
	if _, digit := ev.(Digit); digit && len(m.events) >= mailboxLimit {
		m.over = true
	} else if taken = !m.closed; taken {
		m.events = append(m.events, ev)
	}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return taken
}

// take blocks until there are events and returns all of them, in order; over says that digits were refused since the
// last take. The slice is valid until the next take.
func (m *mailbox) take() (events []Event, over bool) {
	m.mu.Lock()
	clear(m.spare[:cap(m.spare)]) // of the last take: the events would be held until as many have come again
	if cap(m.spare) > spareLimit {
		m.spare = nil
	}
	m.mu.Unlock()
	for range m.wake {
		m.mu.Lock()
		events, over = m.events, m.over
		m.events, m.spare, m.over = m.spare[:0], events, false
		m.mu.Unlock()
		if len(events) > 0 || over {
			break
		}
	}
	return events, over
}

// list is take without waiting: what is there.
func (m *mailbox) list() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	events := m.events
	m.events = nil
	return events
}

// depth is how many events wait.
func (m *mailbox) depth() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

// close makes every later put a no-op, and returns what was put and not taken.
func (m *mailbox) close() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := m.events
	m.closed, m.events = true, nil
	return left
}
