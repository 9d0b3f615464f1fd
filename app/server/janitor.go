package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"metaflows/ari"
	"metaflows/flows"
)

// grace is how long something of ours may belong to nothing: a call that is just beginning or ending is not disturbed.
const grace = 30 * time.Second

// janitor removes what is ours in Asterisk and belongs to no call: Asterisk keeps a bridge for ever. A recording ends with
// its bridge.
type janitor struct {
	client *ari.Client
	calls  *flows.Calls
	log    *slog.Logger
	seen   map[string]bool // belonged to nothing at the last look
}

// run looks around until ctx ends. What belongs to nothing twice in a row is removed.
func (j *janitor) run(ctx context.Context) {
	tick := time.NewTicker(grace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !j.client.Status().Connected {
			continue
		}
		inv, err := j.client.Inventory(j.calls.Has)
		if err != nil {
			j.log.Debug("could not look for what is left over in Asterisk", "error", err)
			continue
		}
		j.look(inv)
	}
}

// look removes what belonged to nothing at the last look already.
func (j *janitor) look(inv flows.Inventory) {
	now := map[string]bool{}
	for _, bridge := range j.bridges(inv) {
		if now[bridge] = true; j.seen[bridge] {
			j.removed("bridge", bridge, j.client.DeleteBridge(bridge))
		}
	}
	for _, f := range inv.Channels {
		if !f.Inside || f.Bridge != "" || j.calls.Has(f.ID) || !flows.Ours(f.ID) {
			continue
		}
		if now[f.ID] = true; j.seen[f.ID] {
			j.removed("channel", f.Name, j.client.Hangup(f.ID, 0))
		}
	}
	j.seen = now
}

func (j *janitor) removed(kind, name string, err error) {
	if err == nil {
		j.log.Info("something that belonged to no call was removed from Asterisk", kind, name)
	} else if !errors.Is(err, flows.ErrGone) {
		j.log.Warn("something that belongs to no call could not be removed from Asterisk", kind, name, "error", err)
	}
}

// sweep removes the empty bridges that a process before this one has left. A live call's is registered before it is made.
func (j *janitor) sweep(inv flows.Inventory) error {
	for _, bridge := range j.bridges(inv) {
		if err := j.client.DeleteBridge(bridge); err != nil && !errors.Is(err, flows.ErrGone) {
			return err
		}
	}
	return nil
}

// bridges are those of ours that are empty and belong to no call.
func (j *janitor) bridges(inv flows.Inventory) []string {
	used := map[string]bool{}
	for _, f := range inv.Channels {
		used[f.Bridge] = true
	}
	var left []string
	for _, bridge := range inv.Bridges {
		if strings.HasPrefix(bridge, flows.BridgePrefix) && !used[bridge] && !j.calls.Has(bridge) {
			left = append(left, bridge)
		}
	}
	return left
}
