package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/app/events"
	"metaflows/docker/phone"
	"metaflows/flows/calls"
)

// presence is who was in a call, and when; a recording of it is present, too.
type presence struct {
	who      string
	from, to time.Time
}

// presences rebuilds from the events of one call alone who was in it, in the order of their coming.
func presences(story []calls.Notice) (list []presence) {
	inside := map[string]int{} // by channel or recording: which of the list
	enter := func(id, who string, at time.Time) {
		if _, there := inside[id]; !there && id != "" && who != "" {
			inside[id] = len(list)
			list = append(list, presence{who: who, from: at})
		}
	}
	leave := func(id string, at time.Time) {
		if i, there := inside[id]; there {
			list[i].to = at
			delete(inside, id)
		}
	}
	for _, e := range story {
		switch e.Type {
		case "call.answered", "call.adopted":
			enter(e.Channel, e.Endpoint, e.Time)
			enter(e.OtherChannel, e.OtherEndpoint, e.Time)
		case "transfer.ringing":
			leave(e.Channel, e.Time)
		case "transfer.completed":
			enter("target", e.Target, e.Time)
		case "transfer.returned":
			if e.Result == "returned" {
				enter(e.Channel, e.Endpoint, e.Time)
			}
		case "recording.started":
			enter(e.Recording, "recording", e.Time)
		case "recording.stored":
			leave(e.Recording, e.Time)
		case "call.ended":
			for id := range inside {
				leave(id, e.Time)
			}
		}
	}
	return list
}

// calls are acme's calls of this test, as the API tells their stories, by their linkedid; and they are as the auditor has
// seen them.
func (l *lab) calls() map[string][][]calls.Notice {
	l.Helper()
	byCall, order := map[string][]string{}, []string{}
	for _, e := range l.events() {
		if e.Account != "acme" || e.Call == "" {
			continue
		}
		if byCall[e.Call] == nil {
			order = append(order, e.Call)
		}
		byCall[e.Call] = append(byCall[e.Call], e.ID)
	}
	linked := map[string][][]calls.Notice{}
	for _, call := range order {
		status, body, err := l.request(http.MethodGet, "/v2/accounts/acme/calls/"+url.PathEscape(call)+"/events?paginate=false", "")
		l.must(err)
		var answer struct{ Data []events.Event }
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
			l.Fatalf("the story of %s: %d %v %s", call, status, err, body)
		}
		var story []calls.Notice
		var ids []string
		for _, e := range answer.Data {
			n := calls.Notice{Type: strings.TrimPrefix(e.Type, "metaflows.v1."), ID: e.ID}
			n.Time, err = time.Parse(time.RFC3339, e.Time)
			l.must(err)
			l.must(json.Unmarshal(e.Data, &n))
			story, ids = append(story, n), append(ids, e.ID)
		}
		if !slices.Equal(ids, byCall[call]) {
			l.Errorf("the API tells of call %s\n%v, the auditor has seen\n%v", call, ids, byCall[call])
		}
		linked[story[0].LinkedID] = append(linked[story[0].LinkedID], story)
	}
	return linked
}

// span is the time in which something has happened.
type span struct{ from, to time.Time }

func during(do func()) (s span) {
	s.from = time.Now().Truncate(time.Millisecond) // events have no more
	do()
	s.to = time.Now()
	return s
}

func (s span) holds(at time.Time) bool { return !at.Before(s.from) && !at.After(s.to) }

// wanted is a presence as the phones have seen it: when it began and when it ended.
type wanted struct {
	who         string
	began, over span
}

// told holds what the stream tells against what the phones did; the calls were all one conversation.
func (l *lab) told(want ...wanted) {
	l.Helper()
	linked := l.calls()
	if len(linked) != 1 {
		l.Errorf("the calls are not linked: %v", linked)
	}
	var got []presence
	for _, stories := range linked {
		for _, story := range stories {
			got = append(got, presences(story)...)
		}
	}
	var text strings.Builder
	for _, p := range got {
		fmt.Fprintf(&text, "\n  %s from %s to %s", p.who, p.from.Format("05.000"), p.to.Format("05.000"))
	}
	if len(got) != len(want) {
		l.Errorf("the stream tells of %d, want %d:%s", len(got), len(want), text.String())
	}
	for _, w := range want {
		if i := slices.IndexFunc(got, func(p presence) bool { return p.who == w.who && w.began.holds(p.from) && w.over.holds(p.to) }); i >= 0 {
			got = slices.Delete(got, i, i+1)
		} else {
			l.Errorf("%s came at %s to %s and left at %s to %s; the stream tells%s", w.who, w.began.from.Format("05.000"), w.began.to.Format("05.000"),
				w.over.from.Format("05.000"), w.over.to.Format("05.000"), text.String())
		}
	}
}

// The stream alone tells who was in which call, and when: it is what the phones did.
func TestTheStreamTellsWhoTalkedWhen(t *testing.T) {
	const alice, bob, carol = "PJSIP/alice", "PJSIP/bob", "PJSIP/carol"
	begin := func(t *testing.T, doc string) (l *lab, phones map[string]*phone.Phone, a, b *phone.Call, up span) {
		l = newLab(t)
		l.document("acme", doc)
		phones = map[string]*phone.Phone{}
		for _, name := range []string{"alice", "bob", "carol"} {
			phones[name] = l.phone(name)
		}
		up = during(func() {
			a, b = l.call(phones["alice"], "1002", phones["bob"])
			l.event("call.answered", 1)
		})
		return l, phones, a, b, up
	}
	over := func(l *lab, calls int, who, other *phone.Call) span {
		return during(func() {
			l.hangUp(who)
			l.ended(other)
			l.event("call.ended", calls)
		})
	}
	t.Run("a call", func(t *testing.T) {
		l, _, a, b, up := begin(t, quickTransfer)
		down := over(l, 1, a, b)
		l.told(wanted{alice, up, down}, wanted{bob, up, down})
	})
	t.Run("a recording", func(t *testing.T) {
		l, _, a, b, up := begin(t, recordCodes)
		start := during(func() { l.press(b, "*9"); l.event("recording.started", 1) })
		l.heldFor(a, b, 500*time.Millisecond)
		stop := during(func() { l.press(b, "*9"); l.event("recording.stored", 1) })
		down := over(l, 1, b, a)
		l.told(wanted{alice, up, down}, wanted{bob, up, down}, wanted{"recording", start, stop})
	})
	t.Run("a transfer to a phone", func(t *testing.T) {
		l, phones, a, b, up := begin(t, quickTransfer)
		var c *phone.Call
		moved := during(func() {
			l.press(b, "*21003")
			c = l.incoming(phones["carol"])
			l.talk(a, c)
			l.ended(b)
			l.event("transfer.completed", 1)
			l.event("call.answered", 2)
		})
		down := over(l, 2, c, a)
		l.told(wanted{alice, up, down}, wanted{bob, up, moved}, wanted{"1003", moved, down}, wanted{carol, moved, down})
	})
	t.Run("a ring-back", func(t *testing.T) {
		l, phones, a, b, up := begin(t, quickTransfer)
		away := during(func() { l.press(b, "*21999"); l.ended(b) })
		var back *phone.Call
		again := during(func() {
			back = l.incoming(phones["bob"])
			l.talk(back, a)
			l.event("transfer.returned", 1)
		})
		again.from = away.from // it is rung as soon as it is let go
		down := over(l, 1, a, back)
		l.told(wanted{alice, up, down}, wanted{bob, up, away}, wanted{bob, again, down})
	})
}
