package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// burstSeconds is for how many seconds of its rate a client that was quiet may ask at once: Kazoo's 100 tokens at 10 a
// second.
const burstSeconds = 10

const (
	generation = time.Minute // after which buckets that were not used are dropped: they are full by then
	maxBuckets = 16 << 10    // of one generation
)

// Limiter is a token bucket for each client and account (app/rest/README.md, Rate limit). Its methods may be called by any
// goroutine and
// do not block.
//
// Buckets that nobody has used for a while are dropped; with too many clients at once some are dropped before they are
// full, so that memory is bounded.
type Limiter struct {
	rate  rate.Limit
	burst int

	mu    sync.Mutex
	young map[who]*rate.Limiter
	old   map[who]*rate.Limiter // of the generation before
	since time.Time             // when the young generation began
}

type who struct {
	client  netip.Prefix
	account string
}

// NewLimiter makes a Limiter that lets each client spend perSecond tokens a second for each account, and as much as ten
// seconds bring at once. perSecond is above 0.
func NewLimiter(perSecond int) *Limiter {
	return &Limiter{rate: rate.Limit(perSecond), burst: burstSeconds * perSecond, young: map[who]*rate.Limiter{}}
}

// Allow takes cost tokens of a client's bucket, or none and says after what time there will be enough. The account is ""
// for who has not logged in. The client is an IP address; of IPv6 its first 64 bits count, since that is what one
// subscriber has.
func (l *Limiter) Allow(client, account string, cost int) (wait time.Duration, ok bool) {
	now := time.Now()
	b := l.bucket(client, account, now)
	if cost = min(cost, l.burst); b.AllowN(now, cost) {
		return 0, true
	}
	missing := max(0, float64(cost)-b.TokensAt(now)) // nothing is reserved: many who are refused at once do not make others wait
	return time.Duration(missing / float64(l.rate) * float64(time.Second)), false
}

// GiveBack puts tokens back that Allow has taken a moment ago.
func (l *Limiter) GiveBack(client, account string, cost int) {
	now := time.Now()
	l.bucket(client, account, now).AllowN(now, -min(cost, l.burst)) // it adds them, up to the burst
}

func (l *Limiter) bucket(client, account string, now time.Time) *rate.Limiter {
	w := who{network(client), account}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= generation || len(l.young) >= maxBuckets {
		l.old, l.young, l.since = l.young, map[who]*rate.Limiter{}, now
	}
	b := l.young[w]
	if b == nil {
		if b = l.old[w]; b == nil {
			b = rate.NewLimiter(l.rate, l.burst)
		}
		l.young[w] = b
	}
	return b
}

// network is the client's address, or what one subscriber has of IPv6; what is no address is one client.
func network(client string) netip.Prefix {
	ip, err := netip.ParseAddr(client)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // the number of bits is right
	return p
}
