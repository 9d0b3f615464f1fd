package e2e

import (
	"slices"
	"strings"
	"testing"
)

// What one party is told by a tone is no call, and in no call record.
func TestTonesAreInNoCallRecord(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	alice, bob := l.phone("alice"), l.phone("bob")
	before := len(l.callRecords())
	a, b := l.call(alice, "1002", bob)
	l.press(b, "*9")
	l.hears(b, 1000)
	l.hangUp(a)
	l.ended(b)
	l.nothingLeft()
	rows := l.newCallRecords(before, 1, func(r callRecord) bool { return !whispered(r) })
	if len(rows) == 0 || slices.ContainsFunc(rows, whispered) {
		t.Errorf("the call records are %+v", rows)
	}
}

// whispered says whether a row is of a channel by which one party is told something.
func whispered(r callRecord) bool { return strings.HasPrefix(r.channel, "Snoop/") }
