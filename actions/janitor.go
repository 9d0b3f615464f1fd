package actions

import (
	"errors"
	"slices"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// Grace is how long something of ours may belong to nothing: a call that is just beginning or ending is not disturbed.
const Grace = 30 * time.Second

// Janitor removes what is ours in the telephone system and belongs to no call, or to one in which nobody is: Asterisk keeps
// a bridge for ever. A recording ends with its bridge.
type Janitor struct {
	set  *Set
	has  func(id string) bool // whether a live call has the id
	seen map[string]bool      // belonged to nothing, or was in a circle, at the last look
}

// NewJanitor makes a janitor; has says whether a live call has an id.
func (s *Set) NewJanitor(has func(id string) bool) *Janitor { return &Janitor{set: s, has: has} }

// Look removes what belonged to nothing at the last look already. Looks are to be Grace apart, and not at the same time.
func (j *Janitor) Look(inv calls.Inventory) {
	now := map[string]bool{}
	for _, bridge := range j.bridges(inv) {
		if now[bridge] = true; j.seen[bridge] {
			j.removed("bridge", bridge, j.set.pbx.DeleteBridge(bridge))
		}
	}
	for _, f := range inv.Channels {
		if !f.Inside || f.Bridge != "" && !calls.IsEar(f.ID) || j.has(f.ID) || !calls.Ours(f.ID) {
			continue
		}
		if now[f.ID] = true; j.seen[f.ID] {
			j.removed("channel", f.Name, j.set.pbx.Hangup(f.ID, causeNormal))
		}
	}
	for _, f := range circles(inv) {
		if now[f.ID] = true; j.seen[f.ID] {
			j.set.log.Info("Local channels that lead to each other and to nobody are hung up", "channel", f.ID, "bridge", f.Bridge)
			j.set.quietly(func() error { return j.set.pbx.Hangup(f.ID, causeNormal) }, "hanging up a Local channel that leads to nobody")
		}
	}
	j.seen = now
}

// Sweep removes at once the empty bridges that a process before this one has left. A live call's is registered before it
// is made.
func (j *Janitor) Sweep(inv calls.Inventory) {
	for _, bridge := range j.bridges(inv) {
		j.removed("bridge", bridge, j.set.pbx.DeleteBridge(bridge))
	}
}

func (j *Janitor) removed(kind, name string, err error) {
	if err == nil {
		j.set.log.Info("something that belonged to no call was removed from Asterisk", kind, name)
	} else if !errors.Is(err, calls.ErrGone) && !errors.Is(err, calls.ErrDetached) {
		j.set.log.Warn("something that belongs to no call could not be removed from Asterisk", kind, name, "error", err)
	}
}

// circles are the channels in bridges of ours in which nobody is: only halves of Local channels, whose other halves are in
// bridges of that kind. So it is when a party has called itself and joins its two calls (ari/ASTERISK.md, Local channels).
func circles(inv calls.Inventory) []calls.Found {
	bridge := map[string]string{} // by the name of the channel in it
	hollow := map[string]bool{}
	for _, f := range inv.Channels {
		bridge[f.Name], hollow[f.Bridge] = f.Bridge, true
	}
	delete(hollow, "")
	for found := true; found; {
		found = false
		for _, f := range inv.Channels {
			if other := otherHalf(f.Name); hollow[f.Bridge] && (other == "" || !hollow[bridge[other]]) {
				delete(hollow, f.Bridge)
				found = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(inv.Channels), func(f calls.Found) bool {
		return !hollow[f.Bridge] || !strings.HasPrefix(f.Bridge, calls.BridgePrefix)
	})
}

// otherHalf is the name of a Local channel's other half, "" where the name is another channel's.
func otherHalf(name string) string {
	if !strings.HasPrefix(name, "Local/") {
		return ""
	}
	if of, near := strings.CutSuffix(name, ";1"); near {
		return of + ";2"
	}
	return strings.TrimSuffix(name, ";2") + ";1"
}

// bridges are those of ours that are empty and belong to no call.
func (j *Janitor) bridges(inv calls.Inventory) []string {
	used := map[string]bool{}
	for _, f := range inv.Channels {
		used[f.Bridge] = true
	}
	var left []string
	for _, bridge := range inv.Bridges {
		if strings.HasPrefix(bridge, calls.BridgePrefix) && !used[bridge] && !j.has(bridge) {
			left = append(left, bridge)
		}
	}
	return left
}
