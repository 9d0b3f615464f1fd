package actions

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"metaflows/flows/calls"
)

// hangups is a telephone system that is only told to hang up.
type hangups struct {
	PBX
	ended []string
}

func (h *hangups) Hangup(channel string, _ int) error {
	h.ended = append(h.ended, channel)
	return nil
}

// TestCircles: Local channels that lead to each other and to nobody are hung up where they are in a bridge of ours, not before
// they were seen so twice.
func TestCircles(t *testing.T) {
	for name, tt := range map[string]struct{ channels, want string }{
		"two calls of ours":       {"mf-1 Local/x-1;1, mf-1 Local/y-2;1, mf-2 Local/x-1;2, mf-2 Local/y-2;2", "Local/x-1;1 Local/y-2;1 Local/x-1;2 Local/y-2;2"},
		"one bridge, both halves": {"mf-1 Local/x-1;1, mf-1 Local/x-1;2", "Local/x-1;1 Local/x-1;2"},
		"the dialplan's bridge":   {"mf-1 Local/x-1;1, mf-1 Local/y-2;2, 77 Local/x-1;2, 77 Local/y-2;1", "Local/x-1;1 Local/y-2;2"},
		"none of ours":            {"77 Local/x-1;1, 77 Local/y-2;1, 78 Local/x-1;2, 78 Local/y-2;2", ""},
		"a phone listens":         {"mf-1 Local/x-1;1, mf-1 Local/y-2;1, mf-2 Local/x-1;2, mf-2 Local/y-2;2, mf-2 PJSIP/bob-3", ""},
		"an extension that plays": {"mf-1 Local/x-1;1, mf-1 Local/y-2;1, mf-2 Local/x-1;2, mf-2 Local/y-2;2, mf-2 Local/z-3;1,  Local/z-3;2", ""},
		"a phone behind":          {"mf-1 Local/x-1;1, mf-1 Local/y-2;1, mf-2 Local/x-1;2, mf-2 PJSIP/bob-3, mf-3 Local/y-2;2, mf-3 PJSIP/carol-4", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var inv calls.Inventory
			for one := range strings.SplitSeq(tt.channels, ",") {
				bridge, channel, _ := strings.Cut(strings.TrimPrefix(one, " "), " ")
				inv.Channels = append(inv.Channels, calls.Found{Channel: calls.Channel{ID: channel, Name: channel}, Inside: true, Bridge: bridge})
			}
			pbx := &hangups{}
			janitor := New(Config{PBX: pbx, Log: slog.New(slog.DiscardHandler)}).NewJanitor(func(string) bool { return true })
			janitor.Look(inv)
			if len(pbx.ended) > 0 {
				t.Errorf("hung up at the first look: %v", pbx.ended)
			}
			janitor.Look(inv)
			if want := strings.Fields(tt.want); !slices.Equal(pbx.ended, want) {
				t.Errorf("hung up %v, want %v", pbx.ended, want)
			}
		})
	}
}

// TestLeftEars: an ear of a call that is over ends, also where it is in a bridge; one of a call that goes on does not.
func TestLeftEars(t *testing.T) {
	pbx := &hangups{}
	live := "rec-live-1"
	janitor := New(Config{PBX: pbx, Log: slog.New(slog.DiscardHandler)}).NewJanitor(func(id string) bool { return id == live })
	var inv calls.Inventory
	for _, id := range []string{live, "rec-over-1", "rec-over-2"} {
		inv.Channels = append(inv.Channels, calls.Found{Channel: calls.Channel{ID: id, Name: "Snoop/x-" + id}, Inside: true, Bridge: "mf-x-rec"})
	}
	inv.Channels[2].Bridge = ""
	for range 2 {
		janitor.Look(inv)
	}
	if want := []string{"rec-over-1", "rec-over-2"}; !slices.Equal(pbx.ended, want) {
		t.Errorf("hung up %v, want %v", pbx.ended, want)
	}
}
