package flows

import "time"

// How Asterisk reads digits (main/channel.c, res_rtp_asterisk.c; ari/ASTERISK.md, Digits; Absorb and relay).
const (
	// MinGap: a digit that begins sooner after the last one has no beginning of its own.
	MinGap = 45 * time.Millisecond
	// MinDigit: a shorter one is stretched for the bridge (mindtmfduration in asterisk.conf).
	MinDigit = 80 * time.Millisecond
	// DeafTime is how long after it was sent the beginning or the end of a digit a phone's own beginnings are taken for its
	// echo (dtmfmute). A phone repeats the beginning while the key is down; and the end of it counts.
	DeafTime = 500 * time.Millisecond
)

// Reading is what Asterisk does with the keys of one phone: for simulations and for tests, which have no Asterisk. What a
// call believes of it is package calls'. It is pure: its Bridge has the clock.
type Reading struct {
	Bridge ReadingBridge

	free    time.Time // when the last digit has ended for the bridge, stretched as it may be
	begun   bool      // a digit's beginning was read
	since   time.Time // when that was
	frames  int       // beginnings and ends so far
	putBack bool      // a digit's end waits for its turn: nothing behind it is read
	behind  []keyFrame
	deaf    time.Time
}

// ReadingBridge is what a Reading needs, and whom it tells. It is called from within the Reading's methods.
type ReadingBridge interface {
	Now() time.Time
	// At lets something happen at a time that is not past.
	At(at time.Time, happen func())
	// Reported: the application is told of a key, again since it was put back.
	Reported(key byte, held time.Duration, again bool)
	// Begins: a digit begins for the bridge.
	Begins(key byte)
	// Ends: the digit that has begun ends for the bridge at a time to come, or now.
	Ends(at time.Time)
}

// keyFrame is the beginning or the end of a digit.
type keyFrame struct {
	key   byte
	held  time.Duration
	end   bool
	again bool // it was put back, and its turn has come
}

// Down takes the beginning of a key.
func (r *Reading) Down(key byte) { r.read(keyFrame{key: key}) }

// Up takes the end of a key that was held for a time.
func (r *Reading) Up(key byte, held time.Duration) { r.read(keyFrame{key: key, held: held, end: true}) }

// Sent says that the phone is or was sent the beginning or the end of a digit at a time.
func (r *Reading) Sent(at time.Time) {
	if until := at.Add(DeafTime); until.After(r.deaf) {
		r.deaf = until
	}
}

// read takes a frame, unless something put back is to be read first.
func (r *Reading) read(f keyFrame) {
	switch {
	case r.putBack:
		r.behind = append(r.behind, f)
	case f.end:
		r.up(f)
	default:
		r.down(f)
	}
}

func (r *Reading) down(f keyFrame) {
	now := r.Bridge.Now()
	r.frames++
	switch {
	case now.Before(r.deaf): // before all else
		nth := r.frames
		r.Bridge.At(r.deaf, func() {
			if r.frames == nth { // it is still down
				r.down(f)
			}
		})
	case !now.Before(r.free.Add(MinGap)): // else its beginning is ignored
		r.begun, r.since = true, now
		r.Bridge.Begins(f.key)
	}
}

// up reads the end of a digit, which is reported each time. One that comes too soon is put back until its turn has come.
func (r *Reading) up(f keyFrame) {
	now, open := r.Bridge.Now(), r.free.Add(MinGap)
	r.frames++
	r.Bridge.Reported(f.key, f.held, f.again)
	switch {
	case r.begun:
		r.begun, r.free = false, now.Add(max(0, MinDigit-now.Sub(r.since)))
		r.Bridge.Ends(r.free)
	case now.Before(open):
		r.putBack = true
		r.Bridge.At(open, func() { r.again(f) })
	default: // its beginning was ignored: it begins where it ends
		r.free = now.Add(max(f.held, MinDigit))
		r.Bridge.Begins(f.key)
		r.Bridge.Ends(r.free)
	}
}

// again reads what was put back, and what stands behind it.
func (r *Reading) again(f keyFrame) {
	r.putBack, f.again = false, true
	r.read(f)
	for len(r.behind) > 0 && !r.putBack {
		next := r.behind[0]
		r.behind = r.behind[1:]
		r.read(next)
	}
}
