package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// recordData is the data of Kazoo's schema metaflows.record_call, as far as it is built.
type recordData struct {
	Action    string `json:"action"`
	Format    string `json:"format"`
	TimeLimit int    `json:"time_limit"` // seconds
	URL       string `json:"url"`        // where it is sent when it is over
	Method    string `json:"method"`     // put or post
}

// recordCall starts, stops and masks the one recording that a call has for each account.
func (s *Set) recordCall() calls.Module {
	m := calls.Define("record_call", recordData{Action: "toggle"}, s.runRecord)
	m.Keep = calls.Keeps(s.keepRecording)
	m.Owned, m.URL = true, "url"
	m.Serves = []calls.ChannelAction{
		{Name: "start_record", Reply: "recording started", Params: []calls.Param{{Key: "action", Always: "start"}}},
		{Name: "stop_record", Reply: "recording stopped", Params: []calls.Param{{Key: "action", Always: "stop"}}},
	}
	m.Reasons = calls.Reasons{"not_recording": calls.WrongMoment, "not_recorded": calls.Asterisk}
	m.Lacks = []calls.Lack{
		{Key: "format", Value: "mp3", Message: "this version records wav only; the action will fail"},
	}
	m.Ends = func(raw json.RawMessage) bool {
		var data recordData
		return json.Unmarshal(raw, &data) == nil && data.Action == "stop"
	}
	return m
}

func (s *Set) runRecord(t *calls.Task, data recordData) (calls.Next, error) {
	account := t.Flow.Account()
	k := recordingOf(t.Call, account)
	action := data.Action
	if action == "toggle" {
		if action = "start"; isOn(k) {
			action = "stop"
		}
	}
	var err error
	switch {
	case action == "start":
		err = s.startRecording(t, account, data)
	case action != "stop" && action != "mask" && action != "unmask":
		err = calls.Broken("unsupported", calls.CorrectNode, fmt.Errorf("action %q is not known: accepted are start, stop, toggle, mask, unmask", data.Action))
	case k == nil:
		err = calls.Fail("not_recording", errors.New("this account records nothing on this call"))
	case action == "stop":
		t.Accept("")
		err = t.End(k)
	default:
		err = s.mask(t, action == "mask")
	}
	if err != nil {
		return calls.Stop, err
	}
	if leg := t.Leg; leg.Outsider() || leg.Owner.Account == account { // another account's party is not to notice
		s.sound(t, leg, confirmTone)
	}
	return calls.Continue, nil
}

// startRecording begins one, unless one lasts, and returns when Asterisk writes it. One that is being stopped is over before.
func (s *Set) startRecording(t *calls.Task, account string, data recordData) error {
	if data.Format != "" && data.Format != "wav" {
		return calls.Broken("unsupported", calls.CorrectNode, fmt.Errorf("format %q is not built, wav is", data.Format))
	}
	limit := s.recordingMax
	if d := time.Duration(data.TimeLimit) * time.Second; d > 0 {
		limit = min(limit, d)
	}
	t.Accept("")
	err := calls.ErrConflict
	for again := 0; again < maxNamesakes && errors.Is(err, calls.ErrConflict); again++ {
		for k := recordingOf(t.Call, account); k != nil; k = recordingOf(t.Call, account) {
			if lasts, err := t.Lasts(k); lasts || err != nil {
				return err
			}
		}
		err = s.recordAs(t, account, again, limit, calls.Delivery{URL: data.URL, Method: strings.ToUpper(data.Method)})
	}
	if err == nil || errors.Is(err, calls.ErrDetached) || errors.Is(err, calls.ErrCallEnded) || errors.Is(err, calls.ErrStateTooLong) {
		return err
	}
	return calls.Broken("not_recorded", "see that Asterisk can write its recording folder and that there is room on its disk; its own log says more", err)
}

// recordAs begins a recording by a name that so many others have, but for what is put behind it. ErrConflict: this one, too.
func (s *Set) recordAs(t *calls.Task, account string, again int, limit time.Duration, delivery calls.Delivery) error {
	n := naming{about: noticeTo(t, account, ""), began: time.Now()}
	n.about.Call = t.Call.ID
	t.Call.TellCaller(&n.about)
	masked := slices.ContainsFunc(recordingsOn(t.Call), func(k *calls.Kept) bool { return recordingIn(k).Masked })
	rec := &recording{Recording: Recording{Masked: masked, Began: n.began, Until: n.began.Add(limit)}, beganMasked: masked, delivery: delivery}
	k, err := t.KeepAs(func(id string) string {
		n.id = id
		return s.names.of(n, again)
	}, nil, rec)
	if err == nil && s.cdr {
		s.noteInCDR(t, k)
	}
	return err
}

// mask silences every recording of the call, or ends that.
func (s *Set) mask(t *calls.Task, on bool) error {
	command, kind := s.pbx.UnmaskRecording, "recording.unmasked"
	if on {
		command, kind = s.pbx.MaskRecording, "recording.masked"
	}
	t.Accept("")
	recordings := recordingsOn(t.Call)
	was := make([]bool, len(recordings))
	for i, k := range recordings {
		was[i], recordingIn(k).Masked = recordingIn(k).Masked, on
	}
	var failed []*calls.Kept
	done := false
	err := t.Note(recordings...)
	for i, k := range recordings {
		if err == nil {
			err = t.Known(k)
		}
		if err == nil {
			err = s.recorded(t, k, command)
		}
		if err != nil && !gone(err) {
			if rec := recordingIn(k); rec.Masked == on { // nobody else has said otherwise meanwhile
				rec.Masked = was[i]
				failed = append(failed, k)
			}
			continue
		}
		done = done || err == nil
		err = nil
		if slices.Contains(recordingsOn(t.Call), k) {
			t.Publish(recordingNotice(t, k, kind))
		}
	}
	if failed != nil {
		s.quietly(func() error { return t.Note(failed...) }, "keeping that a recording is masked as it was")
	}
	if err == nil && !done { // what was beginning has not begun, or they have ended
		return calls.Fail("not_recording", errors.New("nothing records on this call any more"))
	}
	return err
}
