package actions

import (
	"errors"
	"slices"
	"time"

	"metaflows/flows/calls"
)

// recordingOf is the recording that an account has of a call, nil if it has none.
func recordingOf(call *calls.Call, account string) *calls.Recording {
	for _, rec := range call.Recordings {
		if rec.Account == account {
			return rec
		}
	}
	return nil
}

// recorded sends a request about a recording in the recording's lane, while the call goes on.
func (s *Set) recorded(t *calls.Task, rec *calls.Recording, request func(name string) error) error {
	return t.Do(t.Call.Lane(rec.Name), func() error { return request(rec.Name) })
}

// known waits until a recording that is being started runs, or does not.
func known(t *calls.Task, rec *calls.Recording) error {
	return t.Until(0, func() bool { return !rec.Starting })
}

// untilOver waits, for a while at most, until Asterisk has told that a recording which was stopped is over. An error is only
// the process's end.
func untilOver(t *calls.Task, rec *calls.Recording) error {
	if err := t.Until(2*time.Second, func() bool { return rec.Over }); errors.Is(err, calls.ErrDetached) {
		return err
	}
	return nil
}

// lookUp asks whether a recording is being written, and else whether one is kept.
func (s *Set) lookUp(t *calls.Task, rec *calls.Recording) (live, stored bool, err error) {
	var writes, keeps bool
	if err := s.recorded(t, rec, func(name string) (err error) {
		writes, keeps, err = s.pbx.Recording(name)
		return err
	}); err != nil {
		return false, false, err // and who has not been waited for may write them yet
	}
	return writes, keeps, nil
}

// watch stays with a recording beside the task, and lets the legs know of it on which it is not noted yet: one that goes must
// not take the knowledge with it.
func (s *Set) watch(t *calls.Task, rec *calls.Recording, noted *calls.Leg) {
	t.Go("recording", func(t *calls.Task) error {
		s.tellOthers(t, noted)
		return s.watchRecording(t, rec)
	})
}

// isResumed wants the end of a gap in the connection.
func isResumed(ev calls.Event) bool { return ev == calls.Event(calls.Resumed{}) }

// watchRecording stays with a recording to its end: it was stopped, its time is over, or the call is.
func (s *Set) watchRecording(t *calls.Task, rec *calls.Recording) error {
	t.Go("recording unattended", func(t *calls.Task) error { return s.tellUnattended(t, rec) })
	err := s.recordingOver(t, rec, time.Until(rec.Until))
	took := time.Since(rec.Began)
	switch {
	case errors.Is(err, calls.ErrDetached):
		return err
	case errors.Is(err, calls.ErrTimeout): // Asterisk's own limit runs late, so it is ended from here (ari/ASTERISK.md, Recording)
		return s.endRecording(t, rec, took, "time_limit")
	case err != nil:
		return s.endRecording(t, rec, took, "call_ended")
	}
	s.recordingStored(t, rec, took, "stopped")
	s.tellOthers(t, nil)
	return nil
}

// endRecording stops a recording and tells of its end. An error is only the process's end.
func (s *Set) endRecording(t *calls.Task, rec *calls.Recording, took time.Duration, reason string) error {
	if s.insist(t, func() error { return s.recorded(t, rec, s.pbx.StopRecording) }, "stopping a recording") != nil {
		rec.Failed = true
	}
	if err := untilOver(t, rec); err != nil {
		return err
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
			resumed = isResumed(ev)
			return resumed
		}, func() bool { return rec.Over })
		if err != nil {
			return err
		}
		if resumed && !rec.Over {
			if live, _, err := s.lookUp(t, rec); err == nil && !live {
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
		live, stored, err := s.lookUp(t, rec)
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
		if errors.Is(s.insist(t, func() error { return s.recorded(t, rec, mask) }, "masking a recording as it was"), calls.ErrDetached) {
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
