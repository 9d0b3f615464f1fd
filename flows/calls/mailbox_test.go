package calls

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestMailboxOrder: what several senders put arrives in the order of each, and nothing is lost.
func TestMailboxOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const senders, each = 8, 200
		m := newMailbox()
		for s := range senders {
			go func() {
				for i := range each {
					m.put(StateChanged{Channel: fmt.Sprint(s), State: fmt.Sprint(i)})
					if i%50 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			}()
		}
		next := map[string]int{}
		for got := 0; got < senders*each; {
			events, over := m.take()
			if over {
				t.Fatal("digits are said to be refused")
			}
			for _, ev := range events {
				e := ev.(StateChanged)
				if e.State != fmt.Sprint(next[e.Channel]) {
					t.Fatalf("of sender %s came %s, want %d", e.Channel, e.State, next[e.Channel])
				}
				next[e.Channel]++
			}
			got += len(events)
		}
	})
}

// TestMailboxOverrun: past the limit digits are refused and that is said once; everything else is still taken.
func TestMailboxOverrun(t *testing.T) {
	m := newMailbox()
	for range mailboxLimit + 10 {
		m.put(Digit{})
	}
	m.put(Left{Channel: "a"})
	events, over := m.take()
	if !over || len(events) != mailboxLimit+1 {
		t.Errorf("%d events, refused %v; want %d, true", len(events), over, mailboxLimit+1)
	}
	if _, ok := events[mailboxLimit].(Left); !ok {
		t.Error("what is no digit was refused")
	}
	m.put(Digit{})
	if events, over = m.take(); over || len(events) != 1 {
		t.Errorf("after that: %d events, refused %v", len(events), over)
	}
}

// TestMailboxClosed: a timer that fires after the call's end finds nobody and hurts nobody.
func TestMailboxClosed(t *testing.T) {
	m := newMailbox()
	m.put(Digit{})
	m.close()
	m.put(Digit{})
	if len(m.events) != 0 {
		t.Error("a closed mailbox keeps events")
	}
}

// TestMailboxBlocks: take waits for the next event.
func TestMailboxBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMailbox()
		time.AfterFunc(time.Second, func() { m.put(Resumed{}) })
		began := time.Now()
		if events, _ := m.take(); len(events) != 1 || time.Since(began) != time.Second {
			t.Errorf("%d events after %v", len(events), time.Since(began))
		}
	})
}
