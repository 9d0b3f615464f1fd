package phone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
)

// errEnded is the error of what needs a call that is over.
var errEnded = errors.New("the call has ended")

// Side says which end of a call did something.
type Side string

// The two ends of a call.
const (
	Local  Side = "local"  // this phone
	Remote Side = "remote" // the other side
)

// End says how a call ended.
type End struct {
	// By is who ended it: by BYE, CANCEL, or a final answer other than 2xx.
	By Side
	// Cancelled is true when the call was cancelled before it was answered.
	Cancelled bool
	// Reason is the value of the Reason header of the message that ended the
	// call (RFC 3326), Cause the Q.850 cause in it, or 0.
	Reason string
	Cause  int
	// Err is why an outgoing call was not answered, often a [*Rejected]; nil
	// for a call that was.
	Err error
	// Time is when.
	Time time.Time
}

// Call is one call of a phone, in or out. All methods may be called from any
// goroutine, and after the call's end: what was heard stays readable.
type Call struct {
	phone    *Phone
	incoming bool
	peer     string // who, for errors
	key      dialogKey
	media    *media
	log      *slog.Logger
	created  time.Time

	local  sip.Uri // our From, or their To
	remote sip.Uri

	ringing, early, answered, ended chan struct{}

	negotiating sync.Mutex // one re-INVITE of ours at a time
	answering   sync.Mutex // held while our 200 goes out

	mu        sync.Mutex
	remoteTag string
	target    sip.Uri // the other side's Contact
	routes    []string
	cseq      uint32
	status    int
	phrase    string
	identity  string
	theirs    direction // the other side's in its last offer
	holding   bool      // we hold the other side
	version   uint64
	offered   uint8     // payload type of telephone-event in our sessions
	pending   bool      // a re-INVITE of ours has no answer yet
	invited   time.Time // the INVITE was sent, or came
	end       End
	acks      map[uint32]chan struct{} // by CSeq, closed when our 2xx is acknowledged
	notified  chan int                 // statuses of a transfer of ours, or nil

	out outgoing
	in  arrival
}

// newCall makes a call with open media that is not yet in the phone's table.
func (p *Phone) newCall(callID, localTag string) (*Call, error) {
	m, err := openMedia(p.addr.IP, p.cfg.Tone)
	if err != nil {
		return nil, err
	}
	c := &Call{
		phone: p, key: dialogKey{callID, localTag}, media: m, created: time.Now(),
		log:     p.log.With("call_id", callID),
		ringing: make(chan struct{}), early: make(chan struct{}),
		answered: make(chan struct{}), ended: make(chan struct{}),
		acks: make(map[uint32]chan struct{}), theirs: sendRecv, invited: time.Now(),
	}
	if !p.cfg.NoEvents {
		c.offered = payloadEvent
	}
	if !p.goTracked(m.receive) || !p.goTracked(m.send) {
		m.close()
		return nil, errClosed
	}
	return c, nil
}

func newCallID() string { return uuid.NewString() }

// String says whose call it is, as in "alice on call to bob".
func (c *Call) String() string {
	if c.incoming {
		return c.phone.cfg.User + " on call from " + c.peer
	}
	return c.phone.cfg.User + " on call to " + c.peer
}

// Phone returns the phone whose call it is.
func (c *Call) Phone() *Phone { return c.phone }

// Incoming reports whether the other side called.
func (c *Call) Incoming() bool { return c.incoming }

// ID returns the SIP Call-ID; Asterisk shows it as the channel's protocol_id.
func (c *Call) ID() string { return c.key.callID }

// Ringing is closed when 180 was received, or sent.
func (c *Call) Ringing() <-chan struct{} { return c.ringing }

// EarlyMedia is closed when a session description came, or went, with a 18x.
func (c *Call) EarlyMedia() <-chan struct{} { return c.early }

// Answered is closed when the call was answered.
func (c *Call) Answered() <-chan struct{} { return c.answered }

// Ended is closed when the call is over, by whichever side.
func (c *Call) Ended() <-chan struct{} { return c.ended }

// Invited returns when the INVITE came, or was sent: the one with credentials,
// once they were asked for.
func (c *Call) Invited() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.invited
}

// Status returns the last status of the INVITE that was received, or sent: 100
// to 183 while it rings, 200 after the answer, 300 and more when it failed.
func (c *Call) Status() (code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status, c.phrase
}

// HowEnded says how the call ended; false while it has not.
func (c *Call) HowEnded() (End, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end, !c.end.Time.IsZero()
}

// Held reports whether the other side has put this phone on hold.
func (c *Call) Held() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.theirs.receives()
}

// ConnectedIdentity returns the last P-Asserted-Identity that the other side
// sent, with the call or later in it (RFC 3325); empty if there was none.
func (c *Call) ConnectedIdentity() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

// WaitRinging blocks until 180 was received or sent.
func (c *Call) WaitRinging(ctx context.Context) error { return c.await(ctx, c.ringing, "ringing") }

// WaitEarlyMedia blocks until there is early media.
func (c *Call) WaitEarlyMedia(ctx context.Context) error {
	return c.await(ctx, c.early, "early media")
}

// WaitAnswered blocks until the call is answered. When it ends instead the error
// is, or wraps, a [*Rejected] if there was a final answer. When ctx is done the
// call goes on ringing.
func (c *Call) WaitAnswered(ctx context.Context) error { return c.await(ctx, c.answered, "the answer") }

// WaitEnded blocks until the call is over.
func (c *Call) WaitEnded(ctx context.Context) error { return c.await(ctx, c.ended, "the call's end") }

// await waits for one of the call's milestones; its end is an error unless it
// came first.
func (c *Call) await(ctx context.Context, milestone <-chan struct{}, what string) error {
	start := time.Now()
	select {
	case <-milestone:
		return nil
	case <-c.ended:
	case <-ctx.Done():
	}
	select {
	case <-milestone: // both at once
		return nil
	default:
	}
	end, over := c.HowEnded()
	switch {
	case !over:
		return fmt.Errorf("%s: waited %s for %s, last status %s: %w", c, since(start), what, c.statusText(), ctx.Err())
	case end.Err != nil:
		return end.Err
	}
	return fmt.Errorf("%s: waiting for %s: %w (by the %s side)", c, what, errEnded, end.By)
}

// statusText is the last status for an error.
func (c *Call) statusText() string {
	code, reason := c.Status()
	if code == 0 {
		return "none"
	}
	return fmt.Sprintf("%d %s", code, reason)
}

// note records the status of the INVITE.
func (c *Call) note(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status, c.phrase = code, reason
	if code == 180 {
		closeOnce(c.ringing)
	}
}

// markEarly records that there is early media.
func (c *Call) markEarly() {
	c.mu.Lock()
	defer c.mu.Unlock()
	closeOnce(c.early)
}

// markAnswered records the answer.
func (c *Call) markAnswered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	closeOnce(c.answered)
}

// isAnswered reports whether the call was answered.
func (c *Call) isAnswered() bool { return isClosed(c.answered) }

// up reports whether the call is answered and not over. The caller may learn of
// our 200 before we have noted it: hence the lock.
func (c *Call) up() bool {
	c.answering.Lock()
	defer c.answering.Unlock()
	return c.isAnswered() && !isClosed(c.ended)
}

// finish ends the call with all it holds; only the first end counts, and
// reports true.
func (c *Call) finish(end End) bool {
	c.mu.Lock()
	first := c.end.Time.IsZero()
	if first {
		end.Time = time.Now()
		c.end = end
	}
	c.mu.Unlock()
	if !first {
		return false
	}
	c.media.close()
	c.phone.remove(c)
	close(c.ended)
	return true
}

// Hangup ends the call in the way that fits its state: BYE after the answer,
// CANCEL for an outgoing and 603 for an incoming call before it. It blocks for
// the other side's answer; the call counts as ended in any case. Hanging up an
// ended call does nothing.
func (c *Call) Hangup(ctx context.Context) error {
	switch {
	case isClosed(c.ended):
		return nil
	case c.up():
		return c.bye(ctx)
	case c.incoming:
		return c.Reject(603)
	}
	return c.Cancel(ctx)
}

// closeOnce closes ch unless it is closed. Its callers hold the call's lock.
func closeOnce(ch chan struct{}) {
	if !isClosed(ch) {
		close(ch)
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}
