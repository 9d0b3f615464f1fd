package e2e

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"metaflows/docker/phone"
)

// callRecord is one row of Asterisk's call records (cdr_csv), as far as tests look at it.
type callRecord struct {
	source, dialled, channel, peer, disposition, uniqueID string
	talk                                                  time.Duration // a second exact
}

// callRecords are the rows that Asterisk has written so far.
func (l *lab) callRecords() (rows []callRecord) {
	l.Helper()
	file, err := os.Open(l.Server.CDRPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	l.must(err)
	defer func() { _ = file.Close() }()
	lines, err := csv.NewReader(file).ReadAll()
	l.must(err)
	for _, f := range lines {
		seconds, err := strconv.Atoi(f[13])
		l.must(err)
		rows = append(rows, callRecord{source: f[1], dialled: f[2], channel: f[5], peer: f[6], talk: time.Duration(seconds) * time.Second, disposition: f[14], uniqueID: f[16]})
	}
	return rows
}

// newCallRecords are those behind the first so many, when there are enough of those that count: Asterisk writes them after the
// channel has gone.
func (l *lab) newCallRecords(before, enough int, counts func(callRecord) bool) []callRecord {
	l.Helper()
	deadline := l.soon(5 * time.Second)
	for {
		rows := l.callRecords()[before:]
		if len(slices.DeleteFunc(slices.Clone(rows), func(r callRecord) bool { return !counts(r) })) >= enough {
			return rows
		}
		select {
		case <-deadline.Done():
			return rows
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// partyOf is the phone of a channel, or Local.
func partyOf(channel string) string {
	tech, rest, _ := strings.Cut(channel, "/")
	if tech == "Local" {
		return tech
	}
	name, _, _ := strings.Cut(rest, "-")
	return name
}

// Every second of talk is in one call record, that of who dialled to whom it talked: of a call that is transferred by code as
// of one that Dial() has made. Only a caller whose keys are kept from the callee has several for the same two, of which no
// second is lost. What Asterisk's own transfer by code writes stands beside it: it has a row for nobody, too.
func TestCallRecords(t *testing.T) {
	t.Parallel()
	const aboutKeys = "a caller's keys that are no code"
	l := labBeside(t, ownSystem(t))
	l.document("acme", recordCodes)
	phones := map[string]*phone.Phone{}
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		phones[name] = l.phone(name)
	}
	for _, c := range []struct {
		about, dial string
		to          []string // bob, and to whom the talk is transferred
		want        []string
	}{
		{"Dial()", "d-bob", []string{"bob"}, []string{"1001 d-bob alice bob"}},
		{"answered", "1002", []string{"bob"}, []string{"1001 1002 alice bob"}},
		{"Dial() with subroutines", "predial-dial", []string{"bob"}, []string{"1001 predial-dial alice bob"}},
		{"with option b", "predial-b", []string{"bob"}, []string{"1001 predial-b alice bob"}},
		{"with option B", "predial-B", []string{"bob"}, []string{"1001 predial-B alice bob"}},
		{aboutKeys, "1002", []string{"bob"}, []string{"1001 1002 alice bob"}},
		{"transferred once", "1002", []string{"bob", "carol"}, []string{"1001 1002 alice bob", "1001 1003 Local carol"}},
		{"Dial(), transferred once by features.conf", "hooked-bob", []string{"bob", "carol"}, []string{"1001 1003 alice bob", "1001 1003 alice carol", "1001 s alice "}},
		{"transferred twice", "1002", []string{"bob", "carol", "dave"}, []string{"1001 1002 alice bob", "1001 1003 Local carol", "1001 1004 Local dave"}},
	} {
		before := len(l.callRecords())
		began := time.Now()
		a, b := l.call(phones["alice"], c.dial, phones["bob"])
		for _, next := range c.to[1:] {
			l.heldFor(a, b, time.Second)
			l.press(b, "*2")
			if strings.HasPrefix(c.about, "Dial()") {
				l.hears(b, 350) // dial tone
			}
			l.press(b, map[string]string{"carol": "1003", "dave": "1004"}[next])
			l.ended(b)
			b = l.incoming(phones[next])
			l.talk(a, b)
		}
		l.heldFor(a, b, time.Second)
		if c.about == aboutKeys {
			l.press(a, "*5")
			l.gets(b, "*5")
			l.heldFor(a, b, time.Second)
		}
		l.hangUp(a)
		l.ended(b)
		talked := time.Since(began)
		l.nothingLeft()
		var got []string
		var sum time.Duration
		ids := map[string]bool{}
		enough := len(c.want)
		if c.about == aboutKeys {
			enough = 2
		}
		rows := l.newCallRecords(before, enough, func(callRecord) bool { return true })
		for _, r := range rows {
			if c.about == "with option B" && r.peer == "" && r.talk == 0 {
				continue // where the subroutine ran, and whom it was told; only with unanswered=yes
			}
			if r.dialled == "hooked-bob" && partyOf(r.peer) == "bob" { // the first row has the number of the extension or the target's, as it happens
				r.dialled = "1003"
			}
			ids[r.uniqueID] = true
			got = append(got, fmt.Sprintf("%s %s %s %s", r.source, r.dialled, partyOf(r.channel), partyOf(r.peer)))
			if sum += r.talk; r.disposition != "ANSWERED" && c.about != "Dial(), transferred once by features.conf" {
				t.Errorf("%s: a record of %s: %+v", c.about, r.disposition, r)
			}
		}
		slices.Sort(got) // they are written as their channels end
		if c.about == aboutKeys {
			if got = slices.Compact(got); len(rows) < 2 {
				t.Errorf("%s: there is one record, and the documents say that there are several: %+v", c.about, rows)
			}
		}
		t.Logf("%s: %s, %s in %d rows of %s", c.about, strings.Join(got, "; "), sum, len(rows), talked.Round(time.Second))
		if strings.Join(got, "; ") != strings.Join(c.want, "; ") {
			t.Errorf("%s: the call records are %q, want %q: %+v", c.about, got, c.want, rows)
		}
		if len(c.to) == 1 && len(ids) != 1 {
			t.Errorf("%s: the records of one call have the ids %v", c.about, ids)
		}
		// Each row counts whole seconds.
		if slack := time.Duration(len(rows)+1) * time.Second; sum > talked+slack || sum < talked-slack {
			t.Errorf("%s: %s of talk are in the records, it was %s", c.about, sum, talked)
		}
	}
}
