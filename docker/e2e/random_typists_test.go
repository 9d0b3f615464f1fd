package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"metaflows/actions"
	"metaflows/actions/pbxtest/typists"
	"metaflows/docker/phone"
)

// The stories of TestTypists (package actions), some at once, on real phones and a real Asterisk.
func TestRandomTypists(t *testing.T) {
	t.Parallel()
	const seed, calls = 1000, 6
	o := ownNodeOf(t, intruders(), "lab", nil)
	heard := o.overhear()
	modules := slices.DeleteFunc(slices.Collect(maps.Keys(actions.New(actions.Config{}).Modules())), func(module string) bool {
		return module == "mute" // the stories of these seeds are those without it; TestMute has it
	})
	story := func(n int) typists.Story {
		nn := fmt.Sprintf("%02d", n)
		return typists.New(seed+uint64(n), modules, "a"+nn, "b"+nn)
	}
	phones := map[string]*phone.Phone{}
	for n := range calls {
		nn := fmt.Sprintf("%02d", n)
		o.document("acme"+nn, story(n).Document)
		phones["a"+nn], phones["b"+nn] = o.phone("a"+nn), o.phone("b"+nn)
	}
	o.steadily("typists", func() error {
		heard.forget()
		errs := make([]error, calls)
		var all sync.WaitGroup
		for n := range calls {
			nn, story := fmt.Sprintf("%02d", n), story(n)
			a, b := o.call(phones["a"+nn], "b"+nn, phones["b"+nn])
			t.Logf("seed %d takes %s", story.Seed, story.Length())
			all.Go(func() {
				outcome, began := o.typed(&story, a, b)
				outcome.Reported, outcome.Joined = heard.keysOf(&story, began), heard.joinsOf(&story, began)
				if err := story.Judge(outcome, 2*time.Second); err != nil {
					errs[n] = fmt.Errorf("%w\n%s", err, story.Tell(outcome))
				}
			})
		}
		all.Wait()
		return errors.Join(errs...)
	})
}

// typed lets both type, and tells what came of it; the story then has the times at which they did.
func (o *own) typed(story *typists.Story, a, b *phone.Call) (out typists.Outcome, began time.Time) {
	began = time.Now()
	var both sync.WaitGroup
	for _, c := range []*phone.Call{a, b} {
		both.Go(func() {
			for i := range story.Keys {
				k := &story.Keys[i]
				if k.Who != c.Phone().Name() {
					continue
				}
				select {
				case <-c.Ended():
					return
				case <-time.After(time.Until(began.Add(k.Down))):
				}
				p, err := c.Press(o.ctx, string(k.Key), phone.Press{Digit: k.Up - k.Down, Gap: time.Millisecond})
				if err != nil || len(p.Ends) != 1 {
					return // the call has ended
				}
				k.Down, k.Up = p.Begins[0].Sub(began), p.Ends[0].Sub(began)
			}
		})
	}
	both.Wait()
	select { // what is to be relayed, and a time-out
	case <-a.Ended():
		out.Over = time.Since(began)
	case <-time.After(8 * time.Second):
	}
	for _, c := range []*phone.Call{a, b} {
		for _, d := range c.DigitEvents() {
			out.Heard = append(out.Heard, typists.Digit{Who: c.Phone().Name(), Key: d.Key, From: d.Begin.Sub(began), To: d.End.Sub(began)})
		}
	}
	_ = a.Hangup(o.soon(5 * time.Second)) // it may be over
	_ = b.Hangup(o.soon(5 * time.Second))
	name := a.Phone().Name()
	o.eventOf("call.ended", 1, func(e event) bool { return e.Account == "acme"+name[1:] })
	for _, e := range o.events() {
		if e.Account == "acme"+name[1:] {
			out.Told(e.Kind, e.Action, typists.Code{Who: strings.TrimPrefix(e.Endpoint, "PJSIP/"), Path: e.Path, At: e.At.Sub(began)})
		}
	}
	return out, began
}

// overheard is what Asterisk tells of phones, by their names, as it tells metaflows.
type overheard struct {
	mu    sync.Mutex
	keys  map[string][]report
	joins map[string][]time.Time // when they were added to a bridge
}

type report struct {
	key  byte
	hold time.Duration
	at   time.Time
}

// overhear connects another application, which is told of all channels.
func (o *own) overhear() *overheard {
	o.Helper()
	address := "ws" + strings.TrimPrefix(o.ARIURL, "http") + "/events?app=overhears&subscribeAll=true&api_key=" + url.QueryEscape(o.ARIUser+":"+o.ARIPassword)
	ws, _, err := websocket.Dial(o.ctx, address, nil)
	o.must(err)
	ws.SetReadLimit(1 << 20)
	o.Cleanup(func() { _ = ws.CloseNow() })
	heard := &overheard{keys: map[string][]report{}, joins: map[string][]time.Time{}}
	go heard.read(o.ctx, ws)
	return heard
}

func (h *overheard) read(ctx context.Context, ws *websocket.Conn) {
	for {
		_, frame, err := ws.Read(ctx)
		if err != nil {
			return
		}
		var e struct {
			Type, Digit string
			Duration    int `json:"duration_ms"`
			Channel     struct{ Name string }
		}
		if json.Unmarshal(frame, &e) != nil {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(e.Channel.Name, "PJSIP/"), "-")
		h.mu.Lock()
		switch e.Type {
		case "ChannelDtmfReceived":
			h.keys[name] = append(h.keys[name], report{e.Digit[0], time.Duration(e.Duration) * time.Millisecond, time.Now()})
		case "ChannelEnteredBridge":
			h.joins[name] = append(h.joins[name], time.Now())
		}
		h.mu.Unlock()
	}
}

// forget lets what was heard be that of a try before.
func (h *overheard) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.keys)
	clear(h.joins)
}

// joinsOf are the moments at which those of a story were added to their bridge.
func (h *overheard) joinsOf(story *typists.Story, began time.Time) (joins []typists.Joined) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, who := range story.People() {
		for _, at := range h.joins[who] {
			joins = append(joins, typists.Joined{Who: who, At: at.Sub(began)})
		}
	}
	return joins
}

// keysOf are the keys of a story as they were told, each once: a key that was put back is told again.
func (h *overheard) keysOf(story *typists.Story, began time.Time) (keys []typists.Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := map[string]int{} // of the reports
	for _, k := range story.Keys {
		all := h.keys[k.Who]
		i := next[k.Who]
		for i < len(all) && i > 0 && all[i].key == all[i-1].key && all[i].hold == all[i-1].hold && (all[i].key != k.Key || all[i].at.Sub(began) < k.Up) {
			i++
		}
		if i < len(all) {
			at := all[i].at.Sub(began)
			keys = append(keys, typists.Key{Who: k.Who, Key: all[i].key, Down: at - all[i].hold, Up: at})
		}
		next[k.Who] = i + 1
	}
	return keys
}
