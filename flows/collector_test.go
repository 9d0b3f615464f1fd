package flows

import (
	"testing"
	"time"
)

// TestCollectorListens: whose keys a document is for, seen from its owner.
func TestCollectorListens(t *testing.T) {
	for _, c := range []struct {
		listen    string
		self, own bool
	}{
		{"self", true, true}, {"peer", true, false}, {"both", true, true},
		{"self", false, false}, {"peer", false, true}, {"both", false, true},
	} {
		col := padCollector(t, "9 listen="+c.listen, c.self)
		if got := col.arm('*', 0, padEpoch, nil, false); got != c.own {
			t.Errorf("listen_on %s, its own keys %v: armed %v, want %v", c.listen, c.self, got, c.own)
		}
	}
}

// TestCollectorFeed has what a key does to a sequence: whether it ends it, by what, and whether it is part of it.
func TestCollectorFeed(t *testing.T) {
	for _, c := range []struct {
		document string
		keys     string // after the binding digit; the last is the one looked at
		ended    bool
		by       Decision
		consumed bool
	}{
		{`9`, "9", true, ByDigit, true},
		{`91`, "9", false, "", true},
		{`9`, "5", true, ByDigit, false},
		{`9`, "*", true, byTwice, true},
		{`91 9`, "9*", true, ByBinding, false},
		{`91`, "9#", true, ByHash, false},
		{`91 9`, "9#", true, ByHash, true},
		{`91#`, "91", false, "", true},
		{`91#`, "91#", true, ByDigit, true},
		{`91`, "9A", true, ByDigit, false},
		{`91`, "D", true, ByDigit, false},
		{`\*9`, "*", false, "", true},
		{`9 bind=#`, "#", true, byTwice, true},
		{`91 9 bind=#`, "9#", true, ByBinding, false},
		{`91 9 bind=#`, "9*", true, ByDigit, false},
	} {
		col := padCollector(t, c.document, true)
		if !col.arm(col.Source().BindingDigit, 0, padEpoch, nil, false) {
			t.Fatalf("%s does not arm", c.document)
		}
		var ended, consumed bool
		var by Decision
		for i := range len(c.keys) {
			ended, by, consumed = col.feed(c.keys[i], padEpoch)
			if ended && i < len(c.keys)-1 {
				t.Fatalf("%s, %s: ended early", c.document, c.keys)
			}
		}
		if ended != c.ended || by != c.by || !ended && !consumed || ended && consumed != c.consumed {
			t.Errorf("%s, %s: ended %v by %q, consumed %v; want %v by %q, %v", c.document, c.keys, ended, by, consumed, c.ended, c.by, c.consumed)
		}
	}
}

// TestCollectorDeadline: every key that is collected starts the time anew.
func TestCollectorDeadline(t *testing.T) {
	col := padCollector(t, `2(\d+) timeout=500`, true)
	col.arm('*', 0, padEpoch, nil, false)
	for i, key := range []byte("212") {
		at := padEpoch.Add(time.Duration(i) * 300 * time.Millisecond)
		col.feed(key, at)
		if want := at.Add(500 * time.Millisecond); !col.deadline.Equal(want) {
			t.Errorf("after key %d the time is over at %v, want %v", i, col.deadline, want)
		}
	}
	if col.Collected() != "212" || col.Effective() == nil {
		t.Errorf("collected %q", col.Collected())
	}
}
