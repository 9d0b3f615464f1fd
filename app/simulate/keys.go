package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxKeys is how many keys a simulation may press.
const MaxKeys = 256

// The lengths of things: every key is held for Hold; between two is pause where nothing else is said, and maxPause at most.
const (
	Hold     = 100 * time.Millisecond
	pause    = 100 * time.Millisecond
	maxPause = 60 * time.Second
)

// Press is one key that is pressed.
type Press struct {
	Leg string // a, b
	Key byte
	// At is when it is released, from the first release on.
	At time.Duration
}

// ParseKeys reads the keys of a request: 0-9 * # A-D, each held for 100 ms. <1200> is the silence in ms between the key
// before and the next one, 100 where nothing is said; a: and b: say who presses from there on, a at first. The error says
// what is wrong at which character, and what is accepted.
func ParseKeys(text string) ([]Press, error) {
	var presses []Press
	leg, silence, said := "a", pause, false
	at := -Hold - pause // so that the first release is at 0
	for rest := text; rest != ""; {
		where := len(text) - len(rest) + 1
		switch key := rest[0]; {
		case strings.HasPrefix(rest, "a:"), strings.HasPrefix(rest, "b:"):
			leg, rest = rest[:1], rest[2:]
		case key == '<':
			number, after, closed := strings.Cut(rest[1:], ">")
			ms, err := strconv.ParseUint(number, 10, 31)
			switch {
			case !closed || err != nil || time.Duration(ms)*time.Millisecond > maxPause:
				return nil, fmt.Errorf("character %d: a silence is written <1200>, 0 to %d ms", where, maxPause.Milliseconds())
			case said || len(presses) == 0:
				return nil, fmt.Errorf("character %d: a silence stands once between two keys", where)
			}
			silence, said, rest = time.Duration(ms)*time.Millisecond, true, after
		case strings.IndexByte("0123456789*#ABCD", key) >= 0:
			if len(presses) == MaxKeys {
				return nil, fmt.Errorf("character %d: more than %d keys", where, MaxKeys)
			}
			at += silence + Hold
			presses = append(presses, Press{Leg: leg, Key: key, At: at})
			silence, said, rest = pause, false, rest[1:]
		default:
			return nil, fmt.Errorf("character %d: %q is no key; accepted are 0-9 * # A-D, <1200> for a silence in ms, a: and b: for who presses", where, []rune(rest)[0])
		}
	}
	return presses, nil
}
