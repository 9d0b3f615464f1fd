package main

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"metaflows/docker/rig"
	"metaflows/flows/calls"
)

// books are what is on record: the stream of events and the folder of recordings.
type books struct {
	rig    *rig.Rig
	stream *rig.Stream

	events []calls.Notice  // of this run
	ids    map[string]int  // events by id, of all runs
	stored map[string]int  // events recording.stored by the recording's name, of all runs
	known  map[string]bool // recordings of the runs before
}

func newBooks(r *rig.Rig) *books {
	return &books{rig: r, stream: rig.NewStream(r.Program), ids: map[string]int{}, stored: map[string]int{}, known: map[string]bool{}}
}

// audit looks through what has come in this run.
func (b *books) audit(ctx context.Context, scenes []*scene) (found []problem, err error) {
	b.events = nil
	var fresh []string
	// The last event of a call may be on its way when Asterisk has forgotten it.
	for began := time.Now(); ; {
		if err := b.read(ctx); err != nil {
			return nil, err
		}
		if fresh, err = b.recordings(); err != nil {
			return nil, err
		}
		missing := false
		for _, name := range fresh {
			missing = missing || b.stored[name] == 0
		}
		if !missing || time.Since(began) > settleTime {
			break
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for _, name := range fresh {
		b.known[name] = true
		if n := b.stored[name]; n != 1 {
			found = append(found, problem{unrecorded, fmt.Sprintf("recording %s has %d events recording.stored", name, n)})
		}
	}
	for _, s := range scenes {
		calls, count := b.callsOf(s.parties[caller].Name()), 0
		for _, name := range fresh {
			if calls[path.Base(path.Dir(name))] {
				count++
			}
		}
		if most := s.recordings(); count > most {
			found = append(found, problem{twice, fmt.Sprintf("there are %d recordings of %s, for codes to start %d", count, s, most)})
		}
	}
	for _, n := range b.events {
		if b.ids[n.ID] > 1 {
			found = append(found, problem{twice, fmt.Sprintf("the event %s has come %d times with the id %s", rig.Tell(n), b.ids[n.ID], n.ID)})
		}
	}
	return found, nil
}

func (b *books) read(ctx context.Context) error {
	list, err := b.stream.Read(ctx)
	for _, n := range list {
		b.events = append(b.events, n)
		b.ids[n.ID]++
		if n.Type == "recording.stored" {
			b.stored[n.Recording]++
		}
	}
	return err
}

// recordings are the names of those that were not there before this run.
func (b *books) recordings() (fresh []string, err error) {
	root := b.rig.Asterisk.RecordingDir
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".wav") {
			return err
		}
		name, err := filepath.Rel(root, strings.TrimSuffix(path, ".wav"))
		if name = filepath.ToSlash(name); err == nil && !b.known[name] {
			fresh = append(fresh, name)
		}
		return err
	})
	return fresh, err
}

// callsOf are this run's calls that a phone was in, by metaflows' ids.
func (b *books) callsOf(phone string) map[string]bool {
	calls := map[string]bool{}
	for _, n := range b.events {
		if n.Endpoint == "PJSIP/"+phone {
			calls[n.Call] = true
		}
	}
	return calls
}

// story tells this run's events of the calls that a phone was in.
func (b *books) story(phone string) string {
	calls := b.callsOf(phone)
	var words []string
	for _, n := range b.events {
		if calls[n.Call] {
			words = append(words, n.Time.Format("05.000 ")+rig.Tell(n))
		}
	}
	return strings.Join(words, ", ")
}
