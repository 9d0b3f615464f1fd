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
	mine := slices.IndexFunc(t.Call.Recordings, func(r *calls.Recording) bool { return r.Account == account })
	action := data.Action
	if action == "toggle" {
		if action = "stop"; mine < 0 {
			action = "start"
		}
	}
	var err error
	switch {
	case action == "start" && mine >= 0:
		t.Accept("") // it runs already
	case action == "start":
		err = s.startRecording(t, account, data)
	case action != "stop" && action != "mask" && action != "unmask":
		err = calls.Broken("unsupported", calls.CorrectNode, fmt.Errorf("action %q is not known: accepted are start, stop, toggle, mask, unmask", data.Action))
	case mine < 0:
		err = calls.Fail("not_recording", errors.New("this account records nothing on this call"))
	case action == "stop":
		t.Accept("")
		if err = s.pbx.StopRecording(t.Call.Recordings[mine].Name); gone(err) {
			t.Call.Recordings[mine].Over, err = true, nil // it has ended by itself
		}
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
	rec.Masked = slices.ContainsFunc(t.Call.Recordings, func(r *calls.Recording) bool { return r.Masked })
	rec.Began = time.Now()
	rec.Until = rec.Began.Add(limit)
	t.Accept("")
	// From here on it is the account's one, also for a key that is pressed while it starts.
	t.Call.Recordings = append(t.Call.Recordings, rec)
	err := s.tell(t, t.Leg, nil)
	if err == nil {
		err = s.beginRecording(t, rec)
	}
	if err != nil {
		if errors.Is(err, calls.ErrDetached) || errors.Is(t.Ending(), calls.ErrDetached) {
			return err
		}
		// An answer that did not come does not say that nothing is written.
		_ = s.insist(t, func() error { return s.pbx.StopRecording(rec.Name) }, "stopping a recording that did not start as it should")
		t.Call.ForgetRecording(rec)
		return calls.Broken("not_recorded", "see that Asterisk can write its recording folder and that there is room on its disk; its own log says more", err)
	}
	t.Publish(recordingNotice(t, rec, "recording.started"))
	if rec.Masked {
		t.Publish(recordingNotice(t, rec, "recording.masked"))
	}
	s.watch(t, rec)
	return nil
}

// watch stays with a recording beside the task, and lets the other legs know of it, too: one that goes must not take the
// knowledge with it.
func (s *Set) watch(t *calls.Task, rec *calls.Recording) {
	t.Go("recording", func(t *calls.Task) error {
		s.tellOthers(t, t.Leg)
		return s.watchRecording(t, rec)
	})
}

// beginRecording returns when Asterisk writes it, and writes silence if the call's recordings are masked.
func (s *Set) beginRecording(t *calls.Task, rec *calls.Recording) error {
	if err := s.pbx.Record(t.Call.Bridge, rec.Name, "wav"); err != nil {
		return err
	}
	err := s.awaitRecording(t, rec)
	switch {
	case err != nil:
		return err
	case rec.Over:
		return calls.ErrUnavailable
	case rec.Masked:
		return s.pbx.MaskRecording(rec.Name)
	}
	return nil
}

// awaitRecording returns when Asterisk writes a recording. After a gap in the connection it asks.
func (s *Set) awaitRecording(t *calls.Task, rec *calls.Recording) error {
	for {
		resumed := false
		err := t.AwaitUntil(enterWait, func(ev calls.Event) bool {
			started, ok := ev.(calls.RecordingStarted)
			_, resumed = ev.(calls.Resumed)
			return ok && started.Recording == rec.Name || resumed
		}, func() bool { return rec.Over })
		if err != nil || !resumed {
			return err
		}
		if live, _, err := s.pbx.Recording(rec.Name); live || err != nil {
			return err
		}
	}
}

// watchRecording stays with a recording to its end: it was stopped, its time is over, or the call is.
func (s *Set) watchRecording(t *calls.Task, rec *calls.Recording) error {
	t.Go("recording unattended", func(t *calls.Task) error { return s.tellUnattended(t, rec) })
	err := s.recordingOver(t, rec, time.Until(rec.Until))
	if errors.Is(err, calls.ErrDetached) {
		return err
	}
	took, reason := time.Since(rec.Began), "stopped"
	if err != nil { // Asterisk's own limit runs late, so it is ended from here (ari/ASTERISK.md, Recording)
		if reason = "call_ended"; errors.Is(err, calls.ErrTimeout) {
			reason = "time_limit"
		}
		if s.insist(t, func() error { return s.pbx.StopRecording(rec.Name) }, "stopping a recording") != nil {
			rec.Failed = true
		}
		if errors.Is(t.Until(2*time.Second, func() bool { return rec.Over }), calls.ErrDetached) {
			return calls.ErrDetached
		}
	}
	s.recordingStored(t, rec, took, reason)
	if t.Ending() == nil {
		s.tellOthers(t, nil)
	}
	return nil
}

// tellUnattended tells when a recording goes on although the last leg of its account has left: by a transfer, or since
// somebody has taken its place. From then on only the account's programs can stop it. A transfer that is under way may
// come back.
func (s *Set) tellUnattended(t *calls.Task, rec *calls.Recording) error {
	err := t.Until(0, func() bool {
		return rec.Over || !t.Call.Attended(rec.Account) && !t.Call.Held() && !t.Call.Over()
	})
	if err != nil || rec.Over {
		return err
	}
	t.Publish(recordingNotice(t, rec, "recording.unattended"))
	return nil
}

// recordingOver waits until a recording is over. After a gap in the connection it asks whether it still is.
func (s *Set) recordingOver(t *calls.Task, rec *calls.Recording, limit time.Duration) error {
	deadline := time.Now().Add(max(limit, time.Millisecond))
	for !rec.Over {
		resumed := false
		err := t.AwaitUntil(max(time.Until(deadline), time.Millisecond), func(ev calls.Event) bool {
			_, resumed = ev.(calls.Resumed)
			return resumed
		}, func() bool { return rec.Over })
		if err != nil {
			return err
		}
		if resumed && !rec.Over {
			if live, _, err := s.pbx.Recording(rec.Name); err == nil && !live {
				rec.Over = true
			}
		}
	}
	return nil
}

// recordingStored tells of a recording that is over.
func (s *Set) recordingStored(t *calls.Task, rec *calls.Recording, took time.Duration, reason string) {
	t.Call.ForgetRecording(rec)
	n := recordingNotice(t, rec, "recording.stored")
	n.Duration, n.Reason, n.Result = took.Milliseconds(), reason, "stored"
	if rec.Failed {
		n.Result, n.Reason = "failed", "failed"
		t.Call.Log.Error("a recording is not whole", "recording", rec.Name,
			"do", "see that there is room on Asterisk's disk, and what its own log says at this time")
	}
	t.Publish(n)
}

// takeUpRecordings goes on with the recordings that a process before this one has noted: Asterisk is asked what became
// of them, and where it does not say they count as running. An error is only the process's end.
func (s *Set) takeUpRecordings(t *calls.Task) error {
	for _, rec := range slices.Clone(t.Call.Recordings) {
		live, stored, err := s.pbx.Recording(rec.Name)
		switch {
		case errors.Is(err, calls.ErrDetached):
			return err
		case err == nil && !live && stored:
			s.retellRecording(t, rec)
			s.recordingStored(t, rec, time.Since(rec.Began), "stopped")
			continue
		case err == nil && !live: // it was never begun
			t.Call.ForgetRecording(rec)
			continue
		}
		if live {
			s.retellRecording(t, rec)
		}
		mask := s.pbx.UnmaskRecording // Asterisk does not say whether it writes silence
		if rec.Masked {
			mask = s.pbx.MaskRecording
		}
		if errors.Is(s.insist(t, func() error { return mask(rec.Name) }, "masking a recording as it was"), calls.ErrDetached) {
			return calls.ErrDetached
		}
		t.Go("recording", func(t *calls.Task) error { return s.watchRecording(t, rec) })
	}
	return nil
}

// retellRecording tells the beginning of a recording that was found: the process that began it may not have come to that.
func (s *Set) retellRecording(t *calls.Task, rec *calls.Recording) {
	if time.Since(rec.Began) > retold {
		return
	}
	n := recordingNotice(t, rec, "recording.started")
	n.Time = rec.Began
	t.Publish(n)
}

// mask silences every recording of the call, or ends that.
func (s *Set) mask(t *calls.Task, on bool) error {
	command, kind := s.pbx.UnmaskRecording, "recording.unmasked"
	if on {
		command, kind = s.pbx.MaskRecording, "recording.masked"
	}
	t.Accept("")
	was := make([]bool, len(t.Call.Recordings))
	for i, rec := range t.Call.Recordings {
		was[i], rec.Masked = rec.Masked, on
	}
	err := s.tell(t, t.Leg, nil)
	for i, rec := range t.Call.Recordings {
		if err == nil {
			err = command(rec.Name)
		}
		if err != nil && !gone(err) {
			rec.Masked = was[i]
			continue
		}
		err = nil
		t.Publish(recordingNotice(t, rec, kind))
	}
	s.tellOthers(t, t.Leg)
	return err
}

// recordingNotice is an event about a recording, under the account whose it is. That it has begun or ended is told once,
// whoever learns of it.
func recordingNotice(t *calls.Task, rec *calls.Recording, kind string) calls.Notice {
	var n calls.Notice
	if t.Flow != nil {
		n = t.Notice(kind)
	}
	id := n.ID
	if t.Flow == nil || rec.Account != n.Account { // whose leg pressed what is another account's business
		n = calls.Notice{Type: kind, Account: rec.Account}
		for _, leg := range t.Call.Legs {
			if leg.Owner.Account == rec.Account {
				n = t.Call.NoticeAbout(leg, kind)
				break
			}
		}
	}
	n.Recording = rec.Name
	if n.ID = id + ":" + rec.Name; kind != "recording.masked" && kind != "recording.unmasked" {
		n.ID = calls.RecordingEventID(rec.Name, kind)
	}
	return n
}
