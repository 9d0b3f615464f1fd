package main

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// ariEvent is what the witness reads of an event.
type ariEvent struct {
	Type      string  `json:"type"`
	Timestamp ariTime `json:"timestamp"`
	Channel   struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		State string `json:"state"`
	} `json:"channel"`
	Bridge struct {
		ID string `json:"id"`
	} `json:"bridge"`
	Recording struct {
		Name string `json:"name"`
	} `json:"recording"`
	Playback struct {
		Media  string `json:"media_uri"`
		Target string `json:"target_uri"`
	} `json:"playback"`
	App     string `json:"dialplan_app"`
	AppData string `json:"dialplan_app_data"`
	Contact struct {
		URI    string `json:"uri"`
		Status string `json:"contact_status"`
		AOR    string `json:"aor"`
	} `json:"contact_info"`
}

// ariTime is a time as Asterisk writes it.
type ariTime struct{ time.Time }

// UnmarshalJSON is json.Unmarshaler.
func (t *ariTime) UnmarshalJSON(raw []byte) (err error) {
	t.Time, err = time.Parse(`"2006-01-02T15:04:05.000-0700"`, string(raw))
	return err
}

// effect is what happened in Asterisk, in words.
type effect struct {
	at    time.Time
	kind  string // the event's type, or rejoined
	about string // the short name of the channel, if it is about one
	text  string
	takes string // what was told of the same channel just before and is part of this: a kind; empty: nothing
	event ariEvent
}

// rejoined is the kind of an effect for a channel that was put into its bridge again, which is how metaflows switches
// the absorbing of keys on and off.
const rejoined = "rejoined"

// teller puts events into words. It remembers the channels' names, since some events have ids only.
type teller struct {
	names    map[string]string
	left     map[string]effect // by channel: when it left its bridge
	recorded []string          // what was told of recordings: Asterisk reports it once for the bridge and once for all
}

func newTeller() *teller { return &teller{names: map[string]string{}, left: map[string]effect{}} }

const (
	snoop = "Snoop/"
	again = 20 * time.Millisecond // a channel that is back after less never was gone to a person
)

var serial = regexp.MustCompile(`-[0-9a-f]{8}(;[12])?$`)

// short is a channel's name for people: alice of PJSIP/alice-0000001e, Local/1234@acme of Local/1234@acme-00000000;1,
// bob of Snoop/1795378482.1-00000000 where bob is that channel.
func (t *teller) short(name string) string {
	if id, ok := strings.CutPrefix(name, snoop); ok {
		return t.names[serial.ReplaceAllString(id, "")]
	}
	return strings.TrimPrefix(serial.ReplaceAllString(name, ""), "PJSIP/")
}

// shownApps are applications of the dialplan that a person hears, or sees the phone do.
var shownApps = []string{"MusicOnHold", "Playtones", "Echo", "Read", "Busy", "Ringing", "Dial", "Pickup"}

// tell says what an event means; false when it means nothing to a person.
func (t *teller) tell(ev ariEvent) (effect, bool) {
	name := t.short(ev.Channel.Name)
	if ev.Channel.ID != "" {
		t.names[ev.Channel.ID] = name
	}
	e := effect{at: ev.Timestamp.Time, kind: ev.Type, about: name, event: ev}
	// The far half of a Local channel and a whisper are told by what is heard of them.
	hidden := strings.HasSuffix(ev.Channel.Name, ";2") || strings.HasPrefix(ev.Channel.Name, snoop)
	switch ev.Type {
	case "ChannelCreated":
		e.text = "new channel " + name
	case "ChannelDestroyed":
		e.text = "channel " + name + " is gone"
		if t.back(ev) {
			e.takes = "ChannelLeftBridge"
		}
		delete(t.names, ev.Channel.ID)
	case "ChannelStateChange":
		if hidden = hidden || ev.Channel.State != "Ringing" && ev.Channel.State != "Up"; ev.Channel.State == "Up" {
			e.text = name + " is up"
		} else {
			e.text = name + " is ringing"
		}
	case "ChannelEnteredBridge":
		e.text = name + " enters the bridge"
		if t.back(ev) {
			e.kind, e.text, e.takes = rejoined, name+" rejoins the bridge", "ChannelLeftBridge"
		}
	case "ChannelLeftBridge":
		e.text = name + " leaves the bridge"
		t.left[ev.Channel.ID] = e
	case "ChannelDialplan":
		e.text, hidden = name+" runs "+ev.App, !slices.Contains(shownApps, ev.App)
		if application, what, _ := strings.Cut(ev.AppData, ","); ev.App == "Stasis" && strings.HasPrefix(what, "dial,") {
			e.text, hidden = name+" runs Stasis("+application+")", false
		}
	case "BridgeCreated":
		e.text = "new bridge"
	case "BridgeDestroyed":
		e.text = "the bridge is gone"
	case "RecordingStarted":
		e.text, hidden = "the recording begins", t.twice(ev)
	case "RecordingFinished":
		e.text, hidden = "the recording ends", t.twice(ev)
	case "PlaybackStarted":
		kind, id, _ := strings.Cut(ev.Playback.Target, ":")
		if e.text = ev.Playback.Media + " to " + t.names[id]; kind == "bridge" {
			e.text = ev.Playback.Media + " to all"
		}
	case "ContactStatusChange":
		e.about = ev.Contact.AOR
	default:
		return e, false
	}
	return e, !hidden
}

// back says whether a channel left its bridge only just now.
func (t *teller) back(ev ariEvent) bool {
	left, ok := t.left[ev.Channel.ID]
	delete(t.left, ev.Channel.ID)
	return ok && ev.Timestamp.Sub(left.at) < again && (ev.Bridge.ID == "" || ev.Bridge.ID == left.event.Bridge.ID)
}

// twice says whether the same was told of a recording before.
func (t *teller) twice(ev ariEvent) bool {
	what := ev.Type + " " + ev.Recording.Name
	if slices.Contains(t.recorded, what) {
		return true
	}
	t.recorded = append(t.recorded, what)
	return false
}
