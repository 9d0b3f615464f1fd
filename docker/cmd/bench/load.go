package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"metaflows/docker/phone"
	"metaflows/docker/program"
	"metaflows/docker/rig"
	"metaflows/flows/calls"
)

// loadBench lets one party of each of many calls, or both, press keys all the time.
type loadBench struct {
	out    io.Writer
	binary string
	sizes  []int
	digits int
	limit  time.Duration
	seed   uint64
	dial   bool // plain Dial() instead of metaflows
	both   bool // both parties of a call press at the same time

	effects bool // measure codes from the last digit to the effect meanwhile
	runs    int  // each code on each side so often
}

func (b *loadBench) addSize(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 200 {
		return errors.New("accepted are 1 to 200")
	}
	b.sizes = append(b.sizes, n)
	return nil
}

// run measures each size on a system of its own.
func (b *loadBench) run(ctx context.Context) (list []figure, err error) {
	switch {
	case b.effects && (b.dial || b.runs < 1):
		return nil, fmt.Errorf("-effects -dial=%t -runs %d: it takes metaflows and one run at least", b.dial, b.runs)
	case len(b.sizes) == 0 && b.effects:
		b.sizes = []int{100}
	case len(b.sizes) == 0:
		b.sizes = []int{50, 100}
	}
	fmt.Fprintf(b.out, "seed %d\n", b.seed)
	var all faults
	for _, size := range b.sizes {
		figures, found, err := b.measure(ctx, size)
		if list = append(list, figures...); err != nil {
			return list, fmt.Errorf("%d calls: %w", size, err)
		}
		all.add(found)
	}
	if !all.none() && !b.effects { // whose calls are not what is measured
		return list, errors.New("the other party has not heard what was pressed")
	}
	return list, nil
}

func (b *loadBench) measure(ctx context.Context, size int) (list []figure, found faults, err error) {
	l := &load{loadBench: b, size: size, ran: map[string][]time.Time{}, calls: map[string]string{}}
	options := rig.Options{Program: program.Options{Binary: b.binary}}
	if b.effects {
		options.Asterisk = effectsOptions()
	}
	if l.Rig, err = rig.Start(ctx, options); err != nil {
		return nil, found, err
	}
	defer func() { err = errors.Join(err, l.stop()) }()
	if err := store(ctx, l.Program, loadDocument); err != nil {
		return nil, found, err
	}
	if l.files, err = watchFolders(l.Asterisk.RecordingDir); err != nil {
		return nil, found, err
	}
	if l.auditor, err = rig.NewAuditor(l.Program, l.told); err != nil {
		return nil, found, err
	}
	before, err := consumptions(l.Rig)
	if err != nil {
		return nil, found, err
	}
	if err := l.connect(ctx); err != nil {
		return nil, found, err
	}
	var beside *effects
	if b.effects {
		beside, err = l.newEffects(ctx)
		defer beside.close()
		if err != nil {
			return nil, found, err
		}
	}
	if err := l.press(ctx, beside); err != nil {
		return nil, found, err
	}
	list, found = l.tell(before)
	if beside != nil {
		list = append(beside.tell(), list...)
	}
	return list, found, nil
}

// load is one size.
type load struct {
	*loadBench
	*rig.Rig
	auditor *rig.Auditor
	files   *folders
	held    *held
	size    int
	legs    []*leg
	pressed atomic.Int64

	took         time.Duration
	began, ended [processes]consumption

	mu    sync.Mutex
	ran   map[string][]time.Time // arrival of the events of short codes, by the leg's SIP Call-ID
	calls map[string]string      // metaflows' id of the call, likewise
}

// leg is one party of a call, who presses keys that the other hears.
type leg struct {
	presser
	call, other *phone.Call
	want        []token
	keys        []keyTime   // all that was pressed
	codes       []time.Time // the last digit's end of the short codes
	recordings  []time.Time // likewise, of those that start a recording
	err         error
}

// told takes an event at its arrival.
func (l *load) told(n calls.Notice) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n.Type {
	case "action.failed":
		l.ran[n.SIPCallID] = append(l.ran[n.SIPCallID], now)
	case "recording.started":
		l.calls[n.SIPCallID] = n.Call
	}
}

// connect makes the calls.
func (l *load) connect(ctx context.Context) (err error) {
	before := ""
	if l.dial {
		before = "d-"
	}
	if l.held, err = hold(ctx, l.Rig, before, l.size); err != nil {
		return err
	}
	for n, c := range l.held.calls {
		for i, pair := range [][2]*phone.Call{{c.caller, c.callee}, {c.callee, c.caller}} {
			if mine := i == n/2%2; !mine && !l.both { // callers and callees, of both pairs of phones
				continue
			}
			random := rand.New(rand.NewPCG(l.seed, uint64(2*n+i)))
			l.legs = append(l.legs, &leg{call: pair[0], other: pair[1], presser: presser{Rand: random, records: i == 0 || !l.both}})
		}
	}
	return nil
}

// press lets all legs press until there were enough keys, or the time is over, or what is measured beside them is done.
func (l *load) press(ctx context.Context, beside *effects) (err error) {
	limit, cancel := context.WithTimeout(ctx, l.limit)
	if beside != nil {
		limit, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	begin := time.Now()
	if l.began, err = consumptions(l.Rig); err != nil {
		return err
	}
	var all sync.WaitGroup
	for _, each := range l.legs {
		all.Go(func() { each.err = l.pressOn(limit, each) })
	}
	if beside != nil {
		err = beside.run(ctx)
		cancel()
	}
	all.Wait()
	if err != nil {
		return err
	}
	l.took = time.Since(begin)
	if l.ended, err = consumptions(l.Rig); err != nil {
		return err
	}
	for _, each := range l.legs {
		err = errors.Join(err, each.err)
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	return l.settle(ctx)
}

// pressOn is one leg's part. A turn that was begun is finished, also after the limit.
func (l *load) pressOn(limit context.Context, each *leg) error {
	wait := each.between(0, 1500)
	for {
		select {
		case <-time.After(wait):
		case <-limit.Done():
			return nil
		}
		if l.pressed.Load() >= int64(l.digits) && !l.effects {
			return nil
		}
		t := each.next()
		for n, keys := range t.presses {
			if n > 0 {
				<-time.After(time.Second)
			}
			did, err := each.call.Press(context.Background(), keys, t.how)
			if err != nil {
				return err
			}
			l.pressed.Add(int64(len(did.Ends)))
			for i := range did.Ends {
				each.keys = append(each.keys, keyTime{keys[i], did.Begins[i], did.Ends[i], "pressed"})
			}
			switch {
			case t.runs:
				each.codes = append(each.codes, did.End())
			case t.records && n == 0:
				each.recordings = append(each.recordings, did.End())
			}
		}
		if l.dial {
			t.plainly()
		}
		each.want = append(each.want, t.heard...)
		wait = t.pause
	}
}

// settle waits until nothing more is relayed: for three seconds no digit has arrived anywhere.
func (l *load) settle(ctx context.Context) error {
	count := func() (n int) {
		for _, each := range l.legs {
			n += len(each.other.DigitEvents())
		}
		return n
	}
	before, since := count(), time.Now()
	for time.Since(since) < 3*time.Second {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		if now := count(); now != before {
			before, since = now, time.Now()
		}
	}
	return nil
}

func (l *load) stop() error {
	l.held.close()
	if l.auditor != nil {
		l.auditor.Close()
	}
	if l.files != nil {
		l.files.close()
	}
	return l.Stop()
}
