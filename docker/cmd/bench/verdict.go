package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// tell prints what was measured and returns the figures and the faults.
func (l *load) tell(before [processes]consumption) (list []figure, found faults) {
	bad := 0
	for _, each := range l.legs {
		heard := each.other.Digits()
		f := compare(each.want, heard)
		found.add(f)
		if f.none() {
			continue
		}
		if bad++; bad > 5 {
			continue
		}
		from, to := max(0, f.where-8), min(len(heard), f.where+8)
		fmt.Fprintf(l.out, "  %s: %d lost, %d doubled, %d out of order, %d never pressed; first after %s|%s\n", each.call,
			f.lost, f.doubled, f.reordered, f.foreign, heard[from:f.where], heard[f.where:to])
		if bad <= 2 {
			l.tellTimes(each, f.where)
		}
	}
	pressed := l.pressed.Load()
	fmt.Fprintf(l.out, "\n%d calls, %d keys pressed in %.0f s\n", l.size, pressed, l.took.Seconds())
	verdict := "reached"
	if !found.none() {
		verdict = "MISSED"
	}
	if pressed < 10000 {
		verdict += ", but of fewer keys"
	}
	fmt.Fprintf(l.out, "  digits       %d lost, %d doubled, %d out of order, %d never pressed; goal 0 in 10000: %s\n", found.lost, found.doubled,
		found.reordered, found.foreign, verdict)
	list = append(list, figure{fmt.Sprintf("keys lost, doubled, out of order or never pressed, of %d", pressed), "",
		float64(found.lost + found.doubled + found.reordered + found.foreign), 0})
	if !l.dial {
		list = append(list, l.tellCodes(found.leaked)...)
	}
	share := func(n int) string {
		return fmt.Sprintf("%.0f %%", 100*float64(l.ended[n].cpu-l.began[n].cpu)/float64(l.took))
	}
	fmt.Fprintf(l.out, "  processor    Asterisk %s of a core, metaflows %s, the phones %s\n", share(asterisk), share(metaflows), share(phones))
	memory := func(n int) string {
		return fmt.Sprintf("%d kB", (l.ended[n].memory-before[n].memory)/int64(l.size)/1024)
	}
	fmt.Fprintf(l.out, "  memory       for each call: Asterisk %s, metaflows %s\n", memory(asterisk), memory(metaflows))
	return list, found
}

// tellCodes prints how long codes took. An event is a code's effect as a subscriber to NATS sees it, a file one that
// Asterisk makes.
func (l *load) tellCodes(leaked int) []figure {
	files := map[string][]time.Time{} // by the call's id
	for len(l.files.seen) > 0 {
		f := <-l.files.seen
		id := filepath.Base(filepath.Dir(f.path))
		files[id] = append(files[id], f.at)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var events, recordings times
	ran, pressed, started, begun := 0, 0, 0, 0
	for _, each := range l.legs {
		id := each.call.ID()
		seen := l.ran[id]
		ran, pressed = ran+len(seen), pressed+len(each.codes)
		if len(seen) == len(each.codes) {
			for n, at := range seen {
				events = append(events, at.Sub(each.codes[n]))
			}
		}
		if !each.records {
			continue
		}
		made := files[l.calls[id]]
		started, begun = started+len(made), begun+len(each.recordings)
		if len(made) == len(each.recordings) {
			for n, at := range made {
				recordings = append(recordings, at.Sub(each.recordings[n]))
			}
		}
	}
	line := func(what string, done, of int, took times) {
		fmt.Fprintf(l.out, "  %-12s %d of %d; from the last digit's end p50 %s, p99 %s, most %s\n", what, done, of,
			milliseconds(took.median()), milliseconds(took.quantile(0.99)), milliseconds(took.quantile(1)))
	}
	line("code, event", ran, pressed, events)
	line("record, file", started, begun, recordings)
	fmt.Fprintf(l.out, "  kept back    the other party heard %d keys of codes that ran, beside the binding digits\n", leaked)
	return append(quantiles(fmt.Sprintf("a code to its event on NATS, in %d calls", l.size), events, nil),
		quantiles(fmt.Sprintf("*9 to its file, in %d calls", l.size), recordings, nil)...)
}

// keyTime is a key and when it was down.
type keyTime struct {
	key        byte
	begin, end time.Time
	how        string
}

// tellTimes prints what was pressed and heard around one of the keys heard, in ms since that, and what the one who heard it
// pressed meanwhile.
func (l *load) tellTimes(each *leg, where int) {
	list := slices.Clone(each.keys)
	for _, other := range l.legs {
		if other.call == each.other {
			for _, k := range other.keys {
				k.how = "listener"
				list = append(list, k)
			}
		}
	}
	heard := each.other.DigitEvents()
	for _, d := range heard {
		list = append(list, keyTime{d.Key, d.Begin, d.End, "heard"})
	}
	slices.SortStableFunc(list, func(x, y keyTime) int { return x.begin.Compare(y.begin) })
	if len(heard) == 0 {
		return
	}
	at := heard[min(where, len(heard)-1)].Begin
	for _, k := range list {
		if since := k.begin.Sub(at); since.Abs() < 1200*time.Millisecond {
			fmt.Fprintf(l.out, "    %5d to %5d  %-8s  %c\n", since.Milliseconds(), k.end.Sub(at).Milliseconds(), k.how, k.key)
		}
	}
}
