package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

var began = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }

// printed is what entries look like in the demo.
func printed(p paint, fill func(*timeline)) string {
	var out bytes.Buffer
	t := newTimeline(&out, p)
	t.add(entry{at: at(0), place: onNATS, text: "too early"})
	t.begin(demoLayout(began))
	fill(t)
	t.close()
	return out.String()
}

func same(t *testing.T, got string, want ...string) {
	t.Helper()
	if _, got, _ = strings.Cut(strings.TrimPrefix(got, "\n"), "\n"); got != strings.Join(want, "\n")+"\n" {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestTimelineColumns(t *testing.T) {
	got := printed(false, func(l *timeline) {
		l.add(entry{at: at(3), place: onNATS, text: "call.started"}) // arrives first
		l.saw(at(0), "alice", "calls 1002")
		l.add(entry{at: at(1), place: atAsterisk, text: "new channel alice"})
		l.add(entry{at: at(2), place: atAsterisk, text: "new channel bob"})
		l.saw(at(9), "bob", "rings")
		l.add(entry{at: at(10), place: atAsterisk, text: "bob is ringing"})
		l.add(entry{at: at(12345), place: onNATS, text: "call.ended hangup 12.3 s"})
	})
	same(t, got,
		"  0.000  alice  calls 1002                  new channel alice                   call.started",
		"  0.002                                     new channel bob",
		"  0.009  bob    rings                       bob is ringing",
		" 12.345                                                                         call.ended hangup 12.3 s")
	if header, _, _ := strings.Cut(strings.TrimPrefix(got, "\n"), "\n"); header !=
		"   time  who    what                        at Asterisk, seen by ARI            NATS event" {
		t.Errorf("header %q", header)
	}
}

// What is seen at a phone stands below what was before it.
func TestTimelineOrder(t *testing.T) {
	same(t, printed(false, func(l *timeline) {
		l.add(entry{at: at(1), place: atAsterisk, text: "one"})
		l.add(entry{at: at(2), place: atAsterisk, text: "two"})
		l.add(entry{at: at(3), place: onNATS, text: "three"})
		l.saw(at(4), "bob", "four")
		l.add(entry{at: at(5), place: onNATS, text: "five"})
		l.add(entry{at: at(70), place: onNATS, text: "later"})
	}),
		"  0.001                                     one                                 three",
		"  0.002                                     two",
		"  0.004  bob    four                                                            five",
		"  0.070                                                                         later")
}

func TestTimelineLinesOfTheirOwn(t *testing.T) {
	same(t, printed(false, func(l *timeline) {
		l.saw(at(1), "bob", "before")
		l.add(entry{at: at(2), place: headline, text: "a title"})
		l.saw(at(3), "bob", strings.Repeat("long ", 9))
		l.remark(at(4), "a remark, as long as it likes to be")
		taken := l.add(entry{at: at(5), place: atAsterisk, text: "taken back"})
		l.drop(taken)
	}),
		"  0.001  bob    before",
		"",
		"a title",
		"  0.003  bob    long long long long long …",
		"         a remark, as long as it likes to be")
}

func TestTimelineColours(t *testing.T) {
	same(t, printed(true, func(l *timeline) {
		l.saw(at(1), "bob", "rings")
		l.add(entry{at: at(1), place: atAsterisk, text: "bob is ringing"})
		l.add(entry{at: at(2), place: onNATS, text: "call.started"})
	}),
		"\x1b[2m  0.001\x1b[0m  bob    rings                       \x1b[36mbob is ringing\x1b[0m                      \x1b[32mcall.started\x1b[0m")
	t.Setenv("NO_COLOR", "1")
	if paintFor(&bytes.Buffer{}) {
		t.Error("a buffer is coloured")
	}
}

// A channel that leaves its bridge and is back at once has rejoined; one that leaves and ends has ended.
func TestTimelineEffects(t *testing.T) {
	words := newTeller()
	same(t, printed(false, func(l *timeline) {
		happens := l.happens()
		for n, ev := range []ariEvent{
			event("ChannelCreated", "c1", "PJSIP/bob-0000001e"),
			event("ChannelLeftBridge", "c1", "PJSIP/bob-0000001e"),
			event("ChannelVarset", "c1", "PJSIP/bob-0000001e"),
			event("ChannelEnteredBridge", "c1", "PJSIP/bob-0000001e"),
			event("ChannelCreated", "c2", "Local/1234@acme-00000000;1"),
			event("ChannelCreated", "c3", "Local/1234@acme-00000000;2"),
			event("ChannelCreated", "s1", "Snoop/c1-00000000"),
			event("ChannelVarset", "s1", "Snoop/c1-00000000"),
			event("ChannelLeftBridge", "c1", "PJSIP/bob-0000001e"),
			event("ChannelDestroyed", "c1", "PJSIP/bob-0000001e"),
		} {
			ev.Timestamp = ariTime{at(100*(n/4) + n%4)}
			if e, ok := words.tell(ev); ok {
				happens(e)
			}
		}
	}),
		"  0.000                                     new channel bob",
		"  0.003                                     bob rejoins the bridge",
		"  0.100                                     new channel Local/1234@acme",
		"  0.201                                     channel bob is gone")
}

func event(kind, id, name string) ariEvent {
	ev := ariEvent{Type: kind}
	ev.Channel.ID, ev.Channel.Name = id, name
	return ev
}
