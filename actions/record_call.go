package actions

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"metaflows/flows/calls"
)

// pathForm is what may become a folder of a recording's name.
var pathForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$`)

// recordData is the data of Kazoo's schema metaflows.record_call, as far as it is built.
type recordData struct {
	Action    string `json:"action"`
	Format    string `json:"format"`
	TimeLimit int    `json:"time_limit"` // seconds
}

// recordCall starts, stops and masks the one recording that a call has for each account.
func (s *Set) recordCall() calls.Module {
	m := calls.Define("record_call", recordData{Action: "toggle"}, s.runRecord)
	m.Owned, m.URL = true, "url"
	m.Serves = []calls.ChannelAction{
		{Name: "start_record", Reply: "recording started", Params: []calls.Param{{Key: "action", Always: "start"}}},
		{Name: "stop_record", Reply: "recording stopped", Params: []calls.Param{{Key: "action", Always: "stop"}}},
	}
	m.Reasons = calls.Reasons{"invalid_id": calls.WrongRequest, "not_recording": calls.WrongMoment, "not_recorded": calls.Asterisk}
	m.Lacks = []calls.Lack{
		{Key: "format", Value: "mp3", Message: "this version records wav only; the action will fail"},
		{Key: "url", Message: "this version does not deliver recordings to a URL; the file stays in Asterisk's recording folder"},
	}
	m.Ends = func(raw json.RawMessage) bool {
		var data recordData
		return json.Unmarshal(raw, &data) == nil && data.Action == "stop"
	}
	return m
}

func (s *Set) runRecord(t *calls.Task, data recordData) (calls.Next, error) {
	account := t.Flow.Account()
	rec := recordingOf(t.Call, account)
	action := data.Action
	if action == "toggle" {
		if action = "stop"; rec == nil {
			action = "start"
		}
	}
	var err error
	switch {
	case action == "start" && rec != nil:
		t.Accept("") // it runs already
	case action == "start":
		err = s.startRecording(t, account, data)
	case action != "stop" && action != "mask" && action != "unmask":
		err = calls.Broken("unsupported", calls.CorrectNode, fmt.Errorf("action %q is not known: accepted are start, stop, toggle, mask, unmask", data.Action))
	case rec == nil:
		err = calls.Fail("not_recording", errors.New("this account records nothing on this call"))
	case action == "stop":
		t.Accept("")
		err = s.stopRecording(t, rec)
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

// stopRecording ends a recording; one that is being started, when it is.
func (s *Set) stopRecording(t *calls.Task, rec *calls.Recording) error {
	if err := known(t, rec); err != nil {
		return err
	}
	err := s.recorded(t, rec, s.pbx.StopRecording)
	if gone(err) {
		rec.Over, err = true, nil // it has ended by itself
	}
	if err != nil {
		return err
	}
	return untilOver(t, rec)
}

// startRecording begins one and returns when Asterisk writes it.
func (s *Set) startRecording(t *calls.Task, account string, data recordData) error {
	if data.Format != "" && data.Format != "wav" {
		return calls.Broken("unsupported", calls.CorrectNode, fmt.Errorf("format %q is not built, wav is", data.Format))
	}
	if !pathForm.MatchString(account) || !pathForm.MatchString(t.Call.ID) {
		return calls.Broken("invalid_id", "give the account an id of [A-Za-z0-9_-]{1,64}: METAFLOWS_ACCOUNT in pjsip.conf", errors.New("the account or the call has an id that cannot be a folder"))
	}
	limit := s.recordingMax
	if d := time.Duration(data.TimeLimit) * time.Second; d > 0 {
		limit = min(limit, d)
	}
	rec := t.Call.NewRecording(account)
	masked := slices.ContainsFunc(t.Call.Recordings, func(r *calls.Recording) bool { return r.Masked })
	rec.Masked, rec.Starting = masked, true
	rec.Began = time.Now()
	rec.Until = rec.Began.Add(limit)
	t.Accept("")
	// From here on it is the account's one, also for a key that is pressed while it starts.
	t.Call.Recordings = append(t.Call.Recordings, rec)
	defer func() { rec.Starting = false }()
	noted := unoccupied(t)
	err := s.save(t, noted, nil)
	if err == nil {
		err = s.beginRecording(t, rec)
	}
	if errors.Is(err, calls.ErrDetached) || errors.Is(t.Ending(), calls.ErrDetached) {
		return err
	}
	if err != nil && !s.endedMeanwhile(t, rec) {
		// An answer that did not come does not say that nothing is written.
		_ = s.insist(t, func() error { return s.recorded(t, rec, s.pbx.StopRecording) }, "stopping a recording that did not start as it should")
		t.Call.ForgetRecording(rec)
		if errors.Is(err, calls.ErrCallEnded) {
			return err
		}
		return calls.Broken("not_recorded", "see that Asterisk can write its recording folder and that there is room on its disk; its own log says more", err)
	}
	t.Publish(recordingNotice(t, rec, "recording.started"))
	if masked {
		t.Publish(recordingNotice(t, rec, "recording.masked"))
	}
	if err != nil {
		return errors.Join(err, s.endRecording(t, rec, time.Since(rec.Began), "call_ended"))
	}
	s.watch(t, rec, noted)
	return nil
}

// endedMeanwhile says that the call has ended while a recording was being started, and that something was written.
func (s *Set) endedMeanwhile(t *calls.Task, rec *calls.Recording) bool {
	if !errors.Is(t.Ending(), calls.ErrCallEnded) {
		return false
	}
	live, stored, err := s.lookUp(t, rec)
	return err == nil && (live || stored)
}

// beginRecording returns when Asterisk writes it, and writes silence if the call's recordings are masked by then.
func (s *Set) beginRecording(t *calls.Task, rec *calls.Recording) error {
	begun := t.Expect(func(ev calls.Event) bool { return ev == calls.Event(calls.RecordingStarted{Recording: rec.Name}) })
	bridge := t.Call.Bridge
	err := s.recorded(t, rec, func(name string) error { return s.pbx.Record(bridge, name, "wav") })
	if err == nil {
		err = s.awaitRecording(t, rec, begun)
	}
	switch {
	case err != nil:
		return err
	case rec.Over:
		return calls.ErrUnavailable
	case rec.Masked:
		return s.recorded(t, rec, s.pbx.MaskRecording)
	}
	return nil
}

// awaitRecording returns when Asterisk writes a recording. After a gap in the connection, and when it has not told for a
// while, it is asked.
func (s *Set) awaitRecording(t *calls.Task, rec *calls.Recording, begun func() bool) error {
	known := func() bool { return begun() || rec.Over }
	err := t.AwaitUntil(enterWait, isResumed, known)
	for ; err == nil && !known(); err = t.AwaitUntil(enterWait, isResumed, known) {
		if live, _, err := s.lookUp(t, rec); live || err != nil {
			return err
		}
	}
	if errors.Is(err, calls.ErrTimeout) {
		if live, _, askErr := s.lookUp(t, rec); live {
			return askErr
		}
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
	recordings := slices.Clone(t.Call.Recordings)
	was := make([]bool, len(recordings))
	for i, rec := range recordings {
		was[i], rec.Masked = rec.Masked, on
	}
	noted := unoccupied(t)
	err := s.save(t, noted, nil)
	for i, rec := range recordings {
		if err == nil {
			err = known(t, rec)
		}
		if err == nil {
			err = s.recorded(t, rec, command)
		}
		if err != nil && !gone(err) {
			if rec.Masked == on { // nobody else has said otherwise meanwhile
				rec.Masked = was[i]
			}
			continue
		}
		err = nil
		if slices.Contains(t.Call.Recordings, rec) {
			t.Publish(recordingNotice(t, rec, kind))
		}
	}
	s.tellOthers(t, noted)
	return err
}
