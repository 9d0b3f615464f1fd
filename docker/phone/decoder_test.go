package phone

import (
	"testing"
	"time"
)

// packet is one telephone-event packet of a table test.
type packet struct {
	at        int // ms
	timestamp uint32
	event     byte
	end       bool
	duration  uint16
}

func TestDecoder(t *testing.T) {
	start := time.Now()
	ms := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }
	for name, tt := range map[string]struct {
		packets []packet
		tick    int // ms
		want    string
		length  time.Duration // of the first digit
	}{
		"usual": {[]packet{{0, 1000, 5, false, 160}, {20, 1000, 5, false, 320}, {40, 1000, 5, true, 320}}, 40, "5", 40 * time.Millisecond},
		"end three times": {[]packet{{0, 1000, 5, false, 160}, {20, 1000, 5, true, 160}, {20, 1000, 5, true, 160}, {20, 1000, 5, true, 160}},
			500, "5", 20 * time.Millisecond},
		"begin lost":    {[]packet{{40, 1000, 10, false, 480}, {60, 1000, 10, true, 480}}, 60, "*", 60 * time.Millisecond},
		"only an end":   {[]packet{{40, 1000, 11, true, 800}}, 60, "#", 100 * time.Millisecond},
		"ends lost":     {[]packet{{0, 1000, 1, false, 160}, {20, 1000, 1, false, 320}}, 400, "1", 40 * time.Millisecond},
		"still down":    {[]packet{{0, 1000, 1, false, 160}, {20, 1000, 1, false, 320}}, 100, "", 0},
		"late repeat":   {[]packet{{0, 1000, 1, true, 800}, {50, 2000, 2, false, 160}, {51, 1000, 1, true, 800}, {70, 2000, 2, true, 320}}, 70, "12", 100 * time.Millisecond},
		"ends lost, 22": {[]packet{{0, 1000, 2, false, 160}, {60, 1480, 2, false, 160}, {80, 1480, 2, true, 320}}, 80, "22", 20 * time.Millisecond},
		"same key twice": {[]packet{{0, 1000, 7, false, 160}, {20, 1000, 7, true, 160}, {60, 1480, 7, false, 160}, {80, 1480, 7, true, 160}},
			80, "77", 20 * time.Millisecond},
		"after its time-out": {[]packet{{0, 1000, 7, false, 160}, {400, 1000, 7, true, 3200}}, 400, "7", 20 * time.Millisecond},
		"out of order":       {[]packet{{0, 1000, 7, false, 160}, {1, 1000, 7, false, 480}, {2, 1000, 7, false, 320}, {60, 1000, 7, true, 480}}, 60, "7", 60 * time.Millisecond},
		"letters":            {[]packet{{0, 1, 12, true, 160}, {1, 2, 15, true, 160}, {2, 3, 16, true, 160}}, 2, "AD", 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			var d decoder
			now := 0
			tickTo := func(at int) {
				for ; now+20 <= at; now += 20 {
					d.tick()
				}
			}
			for _, p := range tt.packets {
				tickTo(p.at)
				d.event(99, p.timestamp, eventPayload(p.event, p.end, p.duration), ms(p.at))
			}
			tickTo(tt.tick)
			if d.keys() != tt.want {
				t.Fatalf("heard %q, want %q: %v", d.keys(), tt.want, d.digits)
			}
			if len(d.digits) > 0 && d.digits[0].Duration != tt.length {
				t.Errorf("heard %v, want %s", d.digits[0], tt.length)
			}
		})
	}
}

func TestParseInfo(t *testing.T) {
	for body, want := range map[string]struct {
		key    byte
		length time.Duration
	}{
		"Signal=5\r\nDuration=160\r\n": {'5', 160 * time.Millisecond},
		"Signal= *\r\nDuration= 40":    {'*', 40 * time.Millisecond},
		"signal=11\r\n":                {'#', 100 * time.Millisecond},
		"d":                            {'D', 100 * time.Millisecond},
		"Signal=x":                     {},
		"Signal=1\r\nDuration=long":    {},
		"":                             {},
	} {
		key, length, err := parseInfo(body)
		if key != want.key || length != want.length || (err == nil) != (want.key != 0) {
			t.Errorf("%q: %q %s %v", body, key, length, err)
		}
	}
}
