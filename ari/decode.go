package ari

import (
	"encoding/json"
	"errors"
	"time"

	v5 "github.com/CyCoreSystems/ari/v5"

	"metaflows/flows/calls"
)

// errFrame: a frame that is not what its type promises. It says nothing of what the frame holds, because that may be a
// digit; neither may the errors of encoding/json, which quote.
var errFrame = errors.New("not what its type promises")

// decode makes the event of a frame and names the resource whose call it belongs to. arrived is when the frame was read.
func decode(k kind, frame []byte, arrived time.Time) (id string, ev calls.Event, err error) {
	switch k {
	case kindStarted:
		id, ev = decodeStarted(frame)
	case kindEnded:
		id, ev = decodeDestroyed(frame)
	case kindDigit:
		id, ev = decodeDigit(frame, arrived)
	case kindV5:
		said, err := v5.DecodeEvent(frame)
		if err != nil {
			return "", nil, errFrame
		}
		id, ev = translate(said)
	}
	if id == "" {
		return "", nil, errFrame
	}
	return id, ev, nil
}

// translate takes from v5's events what we use. An id of "" means that something is missing.
func translate(said v5.Event) (id string, ev calls.Event) {
	switch e := said.(type) {
	case *v5.ChannelEnteredBridge:
		if e.Bridge.ID == "" {
			return "", nil
		}
		return e.Channel.ID, calls.Entered{Channel: e.Channel.ID, Bridge: e.Bridge.ID, Stamp: time.Time(e.Timestamp)}
	case *v5.ChannelLeftBridge:
		if e.Bridge.ID == "" {
			return "", nil
		}
		return e.Channel.ID, calls.Removed{Channel: e.Channel.ID, Bridge: e.Bridge.ID, Stamp: time.Time(e.Timestamp)}
	case *v5.ChannelStateChange:
		return e.Channel.ID, calls.StateChanged{Channel: e.Channel.ID, State: e.Channel.State}
	case *v5.ChannelUnhold:
		return e.Channel.ID, calls.SourceChanged{Channel: e.Channel.ID}
	case *v5.StasisEnd:
		return e.Channel.ID, calls.Left{Channel: e.Channel.ID}
	case *v5.Dial:
		return e.Peer.ID, calls.Dialed{Channel: e.Peer.ID, Status: e.Dialstatus, Forward: e.Forward}
	case *v5.PlaybackStarted:
		return e.Playback.ID, calls.PlaybackStarted{Playback: e.Playback.ID}
	case *v5.PlaybackFinished:
		return e.Playback.ID, calls.PlaybackDone{Playback: e.Playback.ID, Failed: e.Playback.State == "failed"}
	case *v5.RecordingStarted:
		return e.Recording.Name, calls.RecordingStarted{Recording: e.Recording.Name}
	case *v5.RecordingFinished:
		return e.Recording.Name, calls.RecordingDone{Recording: e.Recording.Name}
	case *v5.RecordingFailed:
		return e.Recording.Name, calls.RecordingDone{Recording: e.Recording.Name, Failed: true, Cause: e.Recording.Cause}
	}
	return "", nil
}

// decodeStarted decodes a StasisStart: v5's channel lacks protocol_id and dialplan.app_data.
func decodeStarted(frame []byte) (id string, ev calls.Event) {
	var e struct {
		Timestamp v5.DateTime `json:"timestamp"`
		Args      []string    `json:"args"`
		Channel   channelData `json:"channel"`
		Replaces  struct {
			ID string `json:"id"`
		} `json:"replace_channel"`
	}
	if json.Unmarshal(frame, &e) != nil || e.Channel.ID == "" {
		return "", nil
	}
	started := calls.Started{Channel: e.Channel.entry().Channel, Args: e.Args, Replaces: e.Replaces.ID, Stamp: time.Time(e.Timestamp)}
	if started.Replaces != "" {
		return started.Replaces, started
	}
	return started.Channel.ID, started
}

// decodeDestroyed decodes a ChannelDestroyed: v5 lacks tech_cause.
func decodeDestroyed(frame []byte) (id string, ev calls.Event) {
	var e struct {
		Cause     int `json:"cause"`
		TechCause int `json:"tech_cause"`
		Channel   struct {
			ID string `json:"id"`
		} `json:"channel"`
	}
	if json.Unmarshal(frame, &e) != nil {
		return "", nil
	}
	return e.Channel.ID, calls.Destroyed{Channel: e.Channel.ID, Cause: e.Cause, TechCause: e.TechCause}
}

// decodeDigit decodes a ChannelDtmfReceived: it is what there is most of, and v5 decodes the whole channel with it.
func decodeDigit(frame []byte, arrived time.Time) (id string, ev calls.Event) {
	var e struct {
		Type      string      `json:"type"`
		Timestamp v5.DateTime `json:"timestamp"`
		Digit     string      `json:"digit"`
		Duration  int64       `json:"duration_ms"`
		Channel   struct {
			ID string `json:"id"`
		} `json:"channel"`
	}
	if json.Unmarshal(frame, &e) != nil || e.Type != "ChannelDtmfReceived" || len(e.Digit) != 1 || e.Duration < 0 {
		return "", nil
	}
	return e.Channel.ID, calls.Digit{
		Channel: e.Channel.ID, Key: e.Digit[0], Duration: time.Duration(e.Duration) * time.Millisecond,
		Stamp: time.Time(e.Timestamp), Arrived: arrived,
	}
}

// channelData is Asterisk's Channel as far as we use it.
// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/Asterisk_REST_Data_Models/#channel
type channelData struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	State      string `json:"state"`
	ProtocolID string `json:"protocol_id"`
	Language   string `json:"language"`
	Caller     struct {
		Name   string `json:"name"`
		Number string `json:"number"`
	} `json:"caller"`
	Dialplan struct {
		Context string `json:"context"`
		Exten   string `json:"exten"`
		AppName string `json:"app_name"`
		AppData string `json:"app_data"`
	} `json:"dialplan"`
	Created v5.DateTime       `json:"creationtime"`
	Vars    map[string]string `json:"channelvars"`
}

func (d *channelData) entry() ChannelEntry {
	return ChannelEntry{
		Channel: calls.Channel{
			ID:        d.ID,
			Name:      d.Name,
			State:     d.State,
			SIPCallID: d.ProtocolID,
			CallerNum: d.Caller.Number,
			CallerNam: d.Caller.Name,
			Language:  d.Language,
			Context:   d.Dialplan.Context,
			Extension: d.Dialplan.Exten,
			AppData:   d.Dialplan.AppData,
			Created:   time.Time(d.Created),
			Vars:      d.Vars,
		},
		DialplanApp: d.Dialplan.AppName,
		Created:     time.Time(d.Created),
	}
}
