package ari

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Who has the application. Asterisk gives it to whoever connects last and does not say who that is, or whether it still
// lives (ari/ASTERISK.md, "Who has an application"). So who has it says so, again and again, in a global variable of
// Asterisk, and who was replaced looks at that.

const (
	beatInterval = 5 * time.Second  // between signs of life
	lookInterval = time.Second      // between looks of who was replaced
	staleAfter   = 15 * time.Second // of the same sign of life its process counts as gone
	// fightLimit is how often the application may be lost within fightWindow. Two of whom neither sees the other's signs of
	// life take it from each other every staleAfter, so that each loses it every second time.
	fightLimit  = 3
	fightWindow = 2 * fightLimit * staleAfter
)

// signTime is RFC 3339 with milliseconds.
const signTime = "2006-01-02T15:04:05.000Z07:00"

// released begins what is written by who goes and leaves the application to others.
const released = "released"

// holder is what a process knows of who has the application. It belongs to the goroutine of Run; name and variable never
// change.
type holder struct {
	name     string // this process's, unlike every other's
	variable string // of Asterisk
	had      bool   // the application was this process's once
	over     string // what the variable said when its writer counted as gone
	lost     []time.Time
	warned   bool // that there is a fight
}

func newHolder(process, application string) *holder {
	return &holder{
		name:     fmt.Sprintf("%s-%d-%s", process, os.Getpid(), strings.ToLower(rand.Text()[:6])),
		variable: "METAFLOWS_HOLDER_" + application,
	}
}

// sign is a sign of life, different each time.
func (h *holder) sign(now time.Time) string { return h.name + " " + now.UTC().Format(signTime) }

func (h *holder) farewell(now time.Time) string { return released + " by " + h.sign(now) }

// owner is the process that a value is of, "" for none: nobody has written one, or it has been released.
func owner(value string) string {
	name, _, _ := strings.Cut(value, " ")
	if name == released {
		return ""
	}
	return name
}

// another says whether a value names another process that may live.
func (h *holder) another(value string) bool {
	name := owner(value)
	return name != "" && name != h.name && value != h.over
}

// loses notes that another process has taken the application over, and says whether that was once too often.
func (h *holder) loses(now time.Time) (tooOften bool) {
	h.lost = append(slices.DeleteFunc(h.lost, func(at time.Time) bool { return now.Sub(at) > fightWindow }), now)
	if len(h.lost) == 1 {
		h.warned = false
	}
	return len(h.lost) >= fightLimit
}

// fights says, once in each fight, that the next loss is the last.
func (h *holder) fights() bool {
	if h.warned || len(h.lost) < fightLimit-1 {
		return false
	}
	h.warned = true
	return true
}

// Why the application can be taken back.
var (
	errReleased = errors.New("it was released")
	errSilent   = fmt.Errorf("who has it has given no sign of life for %v", staleAfter)
)

// await returns when who has the application has gone: errReleased or errSilent, or ctx's error. read is the variable's
// value; seen is told each new one. A sign of life counts as fresh when it is seen, by the clock of who looks: the clocks of
// two machines need not agree. While Asterisk does not answer no time passes.
func (h *holder) await(ctx context.Context, read func(context.Context) (string, error), seen func(value string)) error {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	value, since, looked := "", time.Now(), false
	for {
		now, err := read(ctx)
		switch {
		case err != nil:
			looked = false
		case !looked || now != value:
			news := now != value
			value, since, looked = now, time.Now(), true
			if news {
				seen(value)
			}
		}
		switch {
		case looked && strings.HasPrefix(value, released+" ") && value != h.over:
			h.over = value
			return errReleased
		case looked && time.Since(since) >= staleAfter:
			h.over = value
			return errSilent
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// signs gives one sign of life. As a real request it also tries out whether Asterisk takes any: a *problem is that it refuses.
func (c *Client) signs(ctx context.Context, by func(context.Context, request, any) error) error {
	err := by(ctx, setGlobal(c.holder.variable, c.holder.sign(time.Now())), nil)
	if e, ok := errors.AsType[*Error](err); ok && e.refused {
		return c.refusal(e.Status)
	}
	return err
}

// beat gives signs of life, at intervals and when Asterisk has refused something, until ctx ends or Asterisk refuses them,
// which it returns when that has been seen to.
func (c *Client) beat(ctx context.Context) error {
	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	told := false
	for {
		select {
		case <-tick.C:
		case <-c.suspected:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := c.signs(ctx, c.doPlain)
		refused, is := errors.AsType[*problem](err)
		switch {
		case err == nil || ctx.Err() != nil:
		case is:
			c.withdraw(ctx, refused)
			return refused
		case !told:
			told = true
			c.cfg.Log.Warn("it cannot be written into Asterisk who has the application: another process may take it", "variable", c.holder.variable, "error", err)
		}
	}
}

// claim says who has the application, before it is taken. A login that may not write is refused here, before calls enter.
func (c *Client) claim(ctx context.Context) error {
	select {
	case <-c.suspected: // of the connection before
	default:
	}
	if c.holder == nil {
		return nil
	}
	if refused, is := errors.AsType[*problem](c.signs(ctx, c.doPlain)); is {
		return refused
	}
	return nil
}

// release tells who waits for the application that it is free.
func (c *Client) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, politeness)
	defer cancel()
	if err := c.doPlain(ctx, setGlobal(c.holder.variable, c.holder.farewell(time.Now())), nil); err != nil {
		c.cfg.Log.Debug("it could not be written into Asterisk that the application is free", "error", err)
	}
}

// takenInGap says whether another process has taken over the application of this one while it was not connected.
func (c *Client) takenInGap(ctx context.Context) (bool, error) {
	if c.holder == nil || !c.holder.had {
		return false, nil
	}
	value, err := c.global(ctx, c.holder.variable)
	return err == nil && c.holder.another(value), err
}

// standBy is what there is to do when the application is another's: to leave the calls to it, and not to fight for them. It
// returns nil when the application is free again, else why it never will be for this process.
func (c *Client) standBy(ctx context.Context) error {
	c.away.Store(true) // also when it was only found out, and Asterisk has not told it
	tooOften := c.holder == nil || c.holder.loses(time.Now())
	c.replaced("")
	if c.cfg.OnReplaced != nil {
		c.cfg.OnReplaced(ctx)
	}
	if tooOften {
		c.giveUp()
		return ErrReplaced
	}
	c.cfg.Log.Warn("another process has taken over the ARI application; this one handles no calls until that one is gone", "application", c.cfg.Application)
	why := c.holder.await(ctx, func(ctx context.Context) (string, error) { return c.global(ctx, c.holder.variable) }, func(value string) {
		if name := owner(value); name != "" && name != c.holder.name {
			c.replaced(name)
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.cfg.Log.Info("the ARI application is taken back", "application", c.cfg.Application, "because", why, "last", c.holder.over)
	if c.holder.fights() {
		c.cfg.Log.Error("processes take the ARI application from each other; the one that loses it once more stops handling calls", "application", c.cfg.Application,
			"do", "end all of them but one, or give each a METAFLOWS_ARI_APPLICATION of its own")
	}
	return nil
}

// replaced notes that another process has the application.
func (c *Client) replaced(by string) {
	if by == "" {
		by = "another process"
	} else {
		by = "another process, " + by + ","
	}
	c.setProblem(fmt.Sprintf("%s has taken over the ARI application %q; this one takes calls again when that one is gone", by, c.cfg.Application))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Replaced = true
}

// giveUp is for good.
func (c *Client) giveUp() {
	c.setProblem(fmt.Sprintf("another process has taken over the ARI application %q; this one takes no calls until it is started again: end all but one", c.cfg.Application))
	if c.holder != nil && c.holder.warned { // of this
		c.cfg.Log.Warn("the ARI application was taken over once more; this process handles no calls until it is started again", "application", c.cfg.Application)
		return
	}
	c.cfg.Log.Error("another process has taken over the ARI application; this one handles no calls until it is started again", "application", c.cfg.Application,
		"do", "end all processes with this METAFLOWS_ARI_APPLICATION but one; metaflows doctor names the one that has it")
}

// Holder is the process that has an application, and when it has last said so, by its own clock; "" when nobody has it. One
// that was killed is named until another comes.
func (c *Client) Holder(application string) (process, at string, err error) {
	value, err := c.global(context.Background(), newHolder("", application).variable)
	if err != nil {
		return "", "", fail("read who has", application, err)
	}
	_, at, _ = strings.Cut(value, " ")
	return owner(value), at, nil
}

// Global reads a global variable of Asterisk, also one of its own, as ASTETCDIR and ASTSPOOLDIR; "" when it is not set.
func (c *Client) Global(name string) (string, error) {
	value, err := c.global(context.Background(), name)
	return value, fail("read the global variable", name, err)
}

// global reads a global variable of Asterisk; "" when it is not set. It works also while the client must not act.
func (c *Client) global(ctx context.Context, name string) (string, error) {
	var answer struct {
		Value string `json:"value"`
	}
	query := url.Values{"variable": {name}}
	err := c.doPlain(ctx, request{method: http.MethodGet, path: []string{"asterisk", "variable"}, query: query}, &answer)
	return answer.Value, err
}

// setGlobal is the request that sets one.
func setGlobal(name, value string) request {
	return request{method: http.MethodPost, path: []string{"asterisk", "variable"}, body: map[string]string{"variable": name, "value": value}}
}
