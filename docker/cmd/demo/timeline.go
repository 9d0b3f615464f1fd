package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"metaflows/docker/rig"
	"metaflows/flows/calls"
)

// place is where something was seen: a column of the time-line.
type place int

const (
	atPhone place = iota
	atAsterisk
	onNATS
	places // how many columns there are

	headline // a line of its own, before what follows
	remark   // a line of its own
)

// entry is one thing that was seen.
type entry struct {
	at    time.Time
	place place
	who   string // at a phone: whose
	text  string
}

// alone says whether it takes a line of its own.
func (e *entry) alone() bool { return e.place > places }

// layout is the form of a time-line: what a time looks like, and the widths of the columns.
type layout struct {
	clock     func(time.Time) string
	time, who int
	cells     [places]int
}

// What is seen within a burst stands together, at different places side by side. Patience is for what was seen elsewhere
// at the same time and comes later.
const (
	burst    = 60 * time.Millisecond
	patience = 250 * time.Millisecond
)

// timeline prints what is seen at different places in the order of its times. Its methods may be called by any goroutine.
type timeline struct {
	layout
	paint paint

	mu      sync.Mutex // guards what follows
	out     io.Writer
	running bool
	waiting []*entry

	stop    chan struct{}
	stopped sync.WaitGroup
}

// newTimeline prints to out, from begin to close.
func newTimeline(out io.Writer, p paint) *timeline {
	return &timeline{paint: p, out: out, stop: make(chan struct{})}
}

// begin prints the columns' names and from then on what is seen. What was seen before is not printed. It is called once.
func (t *timeline) begin(l layout) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.layout, t.running = l, true
	fmt.Fprintf(t.out, "\n%s\n", t.paint.dim(t.text("time", "who", [places]string{"what", "at Asterisk, seen by ARI", "NATS event"})))
	t.stopped.Go(func() {
		for {
			select {
			case <-time.After(patience / 3):
				t.flush(time.Now().Add(-patience))
			case <-t.stop:
				t.flush(time.Now().Add(time.Hour))
				return
			}
		}
	})
}

// close prints what still waits.
func (t *timeline) close() {
	close(t.stop)
	t.stopped.Wait()
}

// add notes what was seen. It is printed when nothing before it can come any more; until then drop takes it back.
func (t *timeline) add(e entry) *entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running {
		t.waiting = append(t.waiting, &e)
	}
	return &e
}

// drop takes back an entry that is not printed yet.
func (t *timeline) drop(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = slices.DeleteFunc(t.waiting, func(other *entry) bool { return other == e })
}

// title prints a line above all that is seen from now on.
func (t *timeline) title(text string) { t.add(entry{at: time.Now(), place: headline, text: text}) }

// remark prints a line among what is seen.
func (t *timeline) remark(at time.Time, text string) {
	t.add(entry{at: at, place: remark, text: text})
}

// saw notes what is seen at a phone.
func (t *timeline) saw(at time.Time, who, text string) {
	t.add(entry{at: at, place: atPhone, who: who, text: text})
}

// told notes a NATS event.
func (t *timeline) told(n calls.Notice) { t.add(entry{at: n.Time, place: onNATS, text: rig.Tell(n)}) }

// happens returns a function that notes what happens at Asterisk; one goroutine calls it.
func (t *timeline) happens() func(effect) {
	latest := map[string]*entry{} // by kind and channel
	return func(e effect) {
		if part := latest[e.takes+" "+e.about]; part != nil {
			t.drop(part)
		}
		if e.text != "" {
			latest[e.kind+" "+e.about] = t.add(entry{at: e.at, place: atAsterisk, text: e.text})
		}
	}
}

// flush prints the bursts that were over before a time.
func (t *timeline) flush(before time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	slices.SortStableFunc(t.waiting, func(a, b *entry) int { return a.at.Compare(b.at) })
	for len(t.waiting) > 0 && t.waiting[0].at.Add(burst).Before(before) {
		n := together(t.waiting)
		switch e := t.waiting[0]; e.place {
		case headline:
			fmt.Fprintf(t.out, "\n%s\n", t.paint.bold(e.text))
		case remark:
			fmt.Fprintf(t.out, "%*s%s\n", t.time+2, "", e.text)
		default:
			for _, r := range rows(t.waiting[:n]) {
				fmt.Fprintln(t.out, t.text(t.clock(r.at), r.who, r.cells))
			}
		}
		t.waiting = t.waiting[n:]
	}
}

// together is how many of the entries, which are in order, are one burst.
func together(entries []*entry) int {
	for n, e := range entries {
		if n > 0 && (e.alone() || entries[0].alone() || e.at.Sub(entries[0].at) >= burst) {
			return n
		}
	}
	return len(entries)
}

// row is one line of the time-line.
type row struct {
	at    time.Time // of the earliest
	who   string
	cells [places]string
}

// rows puts a burst's entries side by side: what was seen first at each place, then what was seen second, and so on. What
// is seen at a phone begins a line: what was before it stands above, what came after it beside or below.
func rows(entries []*entry) []row {
	var list []row
	var next [places]int // the first free line of each column
	for _, e := range entries {
		n := next[e.place]
		if e.place == atPhone {
			n = len(list)
			next = [places]int{n, n, n}
		}
		next[e.place] = n + 1
		for len(list) <= n {
			list = append(list, row{at: e.at})
		}
		r := &list[n]
		r.cells[e.place] = e.text
		if e.place == atPhone {
			r.who = e.who
		}
	}
	return list
}

// text is one line.
func (t *timeline) text(at, who string, cells [places]string) string {
	line := t.paint.dim(fmt.Sprintf("%*s", t.time, at)) + "  " + fmt.Sprintf("%-*s", t.who, who)
	colors := [places]func(string) string{func(s string) string { return s }, t.paint.cyan, t.paint.green}
	gap := ""
	for p, color := range colors {
		if cells[p] == "" {
			gap += strings.Repeat(" ", t.cells[p]+2)
			continue
		}
		text := clip(cells[p], t.cells[p])
		line += gap + color(text)
		gap = strings.Repeat(" ", t.cells[p]-utf8.RuneCountInString(text)+2)
	}
	return line
}

// clip shortens a text to a width.
func clip(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}
