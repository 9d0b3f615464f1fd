package actions

import (
	"errors"
	"time"

	"metaflows/flows/calls"
)

// Recording is what is known of a recording beyond its name and whose it is, here and after a restart.
type Recording struct {
	Masked bool      `json:"m,omitempty"` // Asterisk does not say that it writes silence
	Began  time.Time `json:"b"`
	Until  time.Time `json:"u"` // its time limit
}

// recording is what record_call keeps.
type recording struct {
	Recording
	beside      *beside // by which it hears the call
	beganMasked bool    // since others are
	delivery    calls.Delivery
	// over: Asterisk does not write it any more. failed: what it wrote is not whole.
	over, failed bool
}

// Show is calls.Shower.
func (r *recording) Show() any { return r.Recording }

func recordingIn(k *calls.Kept) *recording { return k.Data.(*recording) }

// recordingsOn are the recordings of a call, one for each account.
func recordingsOn(call *calls.Call) []*calls.Kept { return call.Kept("record_call") }

// recordingOf is the recording that an account has of a call, nil if it has none.
func recordingOf(call *calls.Call, account string) *calls.Kept {
	for _, k := range recordingsOn(call) {
		if k.Account == account {
			return k
		}
	}
	return nil
}

// keepRecording stays with a recording from its beginning to its end: it was stopped, its time is over, or the call is.
func (s *Set) keepRecording(t *calls.Task, k *calls.Kept, rec *recording) error {
	t.Expect(func(ev calls.Event) bool {
		done, ok := ev.(calls.RecordingDone)
		if ok = ok && done.Recording == k.Name; ok {
			rec.over, rec.failed = true, done.Failed
		}
		return ok
	})
	defer s.deafen(t, rec)
	goesOn, err := s.makeSureItRecords(t, k, rec)
	if !goesOn {
		return err
	}
	k.Began()
	t.Go("recording unattended", func(t *calls.Task) error { return s.tellUnattended(t, k, rec) })
	err = s.recordingOver(t, k, rec)
	for err == nil && !rec.over { // it is to end
		if err = s.stopRecording(t, k, rec); err != nil && t.Ending() == nil {
			k.Stays(err)
			err = s.recordingOver(t, k, rec)
		}
	}
	took := time.Since(rec.Began)
	k.Ends()
	switch {
	case errors.Is(err, calls.ErrDetached):
		return err
	case errors.Is(err, calls.ErrTimeout): // Asterisk's own limit runs late, so it is ended from here (ari/ASTERISK.md, Recording)
		return s.endRecording(t, k, rec, took, "time_limit")
	case err != nil:
		return s.endRecording(t, k, rec, took, "call_ended")
	}
	s.recordingStored(t, k, rec, took, "stopped")
	return nil
}

// makeSureItRecords begins a recording, or asks what became of it, tells of its beginning, and says whether it goes on. An
// error is why it has not begun.
func (s *Set) makeSureItRecords(t *calls.Task, k *calls.Kept, rec *recording) (goesOn bool, err error) {
	if k.Again {
		return s.findRecording(t, k, rec)
	}
	asked, err := s.beginRecording(t, k, rec)
	if errors.Is(err, calls.ErrDetached) || errors.Is(t.Ending(), calls.ErrDetached) {
		return false, err
	}
	if err != nil && !asked || errors.Is(err, calls.ErrConflict) { // not noted, or not everybody heard; or another recording is called so
		return false, err
	}
	if err != nil && !s.endedMeanwhile(t, k) {
		// An answer that did not come does not say that nothing is written.
		_ = s.insist(t, func() error { return s.recorded(t, k, s.pbx.StopRecording) }, "stopping a recording that did not start as it should")
		return false, err
	}
	t.Publish(recordingNotice(t, k, "recording.started"))
	if rec.beganMasked {
		t.Publish(recordingNotice(t, k, "recording.masked"))
	}
	if err != nil {
		return false, errors.Join(err, s.endRecording(t, k, rec, time.Since(rec.Began), "call_ended"))
	}
	return true, nil
}

// findRecording asks what became of a recording that a process before this one has noted; where Asterisk does not say, it
// counts as running.
func (s *Set) findRecording(t *calls.Task, k *calls.Kept, rec *recording) (goesOn bool, err error) {
	live, stored, err := s.lookUp(t, k)
	switch {
	case errors.Is(err, calls.ErrDetached):
		return false, err
	case err == nil && !live && !stored: // it was never begun
		return false, nil
	case err == nil:
		s.retellRecording(t, k, rec)
	}
	if stored {
		s.recordingStored(t, k, rec, time.Since(rec.Began), "stopped")
		return false, nil
	}
	if err := s.listen(t, rec); err != nil {
		return true, nil // of the call's end the one who waits for the recording's learns
	}
	_ = rec.beside.listens(t) // what could not be done is logged, and tried again
	mask := s.pbx.UnmaskRecording
	if rec.Masked {
		mask = s.pbx.MaskRecording
	}
	if err := s.insist(t, func() error { return s.recorded(t, k, mask) }, "masking a recording as it was"); errors.Is(err, calls.ErrDetached) {
		return false, err
	}
	return true, nil
}

// endedMeanwhile says that the call has ended while a recording was being started, and that something was written.
func (s *Set) endedMeanwhile(t *calls.Task, k *calls.Kept) bool {
	if !errors.Is(t.Ending(), calls.ErrCallEnded) {
		return false
	}
	live, stored, err := s.lookUp(t, k)
	return err == nil && (live || stored)
}

// beginRecording notes it and asks for it, and returns when Asterisk writes it, and writes silence if the call's recordings are
// masked by then. Where it has failed, asked says that something may be written. It is noted while its ears are made.
func (s *Set) beginRecording(t *calls.Task, k *calls.Kept, rec *recording) (asked bool, err error) {
	if err := s.listen(t, rec); err != nil {
		return false, err
	}
	if _, err := k.Begin(); err != nil {
		return false, err
	}
	if err := rec.beside.listens(t); err != nil {
		return false, err
	}
	begun := t.Expect(func(ev calls.Event) bool { return ev == calls.Event(calls.RecordingStarted{Recording: k.Name}) })
	bridge := rec.beside.bridge
	err = s.recorded(t, k, func(name string) error { return s.pbx.Record(bridge, name, "wav") })
	if err == nil {
		err = s.awaitRecording(t, k, func() bool { return begun() || rec.over })
	}
	switch {
	case err != nil:
		return true, err
	case rec.over:
		return true, calls.ErrUnavailable
	case rec.Masked:
		return true, s.recorded(t, k, s.pbx.MaskRecording)
	}
	return true, nil
}

// awaitRecording returns when what becomes of a recording that was asked for is known. After a gap in the connection, and
// when Asterisk has not told for a while, it is asked.
func (s *Set) awaitRecording(t *calls.Task, k *calls.Kept, known func() bool) error {
	err := t.AwaitUntil(enterWait, isResumed, known)
	for ; err == nil && !known(); err = t.AwaitUntil(enterWait, isResumed, known) {
		if live, _, err := s.lookUp(t, k); live || err != nil {
			return err
		}
	}
	if errors.Is(err, calls.ErrTimeout) {
		if live, _, askErr := s.lookUp(t, k); live {
			return askErr
		}
	}
	return err
}

// isResumed wants the end of a gap in the connection.
func isResumed(ev calls.Event) bool { return ev == calls.Event(calls.Resumed{}) }

// recordingOver waits until a recording is over or is to end, or until its time is over. After a gap in the connection it asks
// whether it still is.
func (s *Set) recordingOver(t *calls.Task, k *calls.Kept, rec *recording) error {
	for !rec.over && !k.Ending() {
		resumed := false
		err := t.AwaitUntil(max(time.Until(rec.Until), time.Millisecond), func(ev calls.Event) bool {
			resumed = isResumed(ev)
			return resumed
		}, func() bool { return rec.over || k.Ending() })
		if err != nil {
			return err
		}
		if resumed && !rec.over {
			if live, _, err := s.lookUp(t, k); err == nil && !live {
				rec.over = true
			}
		}
	}
	return nil
}

// stopRecording stops a recording, once. An error is that it goes on, or the call's end.
func (s *Set) stopRecording(t *calls.Task, k *calls.Kept, rec *recording) error {
	err := s.recorded(t, k, s.pbx.StopRecording)
	if err == nil {
		err = awaitOver(t, func() bool { return rec.over })
	}
	switch {
	case t.Ending() == nil && rec.over: // whatever was answered
	case err != nil && !gone(err): // gone: it has ended by itself
		return err
	}
	rec.over = true
	return nil
}

// endRecording stops a recording and tells of its end. An error is only the process's end.
func (s *Set) endRecording(t *calls.Task, k *calls.Kept, rec *recording, took time.Duration, reason string) error {
	if s.insist(t, func() error { return s.recorded(t, k, s.pbx.StopRecording) }, "stopping a recording") != nil {
		rec.failed = true
	}
	if err := awaitOver(t, func() bool { return rec.over }); err != nil {
		return err
	}
	rec.over = true // also where Asterisk has not told it
	s.recordingStored(t, k, rec, took, reason)
	return nil
}

// recorded sends a request about a recording in the recording's lane, while the call goes on.
func (s *Set) recorded(t *calls.Task, k *calls.Kept, request func(name string) error) error {
	return t.Do(t.Call.Lane(k.Name), func() error { return request(k.Name) })
}

// awaitOver waits, for a while at most, until a recording which was stopped is over, as Asterisk tells. An error is only the
// process's end.
func awaitOver(t *calls.Task, over func() bool) error {
	if err := t.Until(2*time.Second, over); errors.Is(err, calls.ErrDetached) {
		return err
	}
	return nil
}

// lookUp asks whether a recording is being written, and else whether one is kept.
func (s *Set) lookUp(t *calls.Task, k *calls.Kept) (live, stored bool, err error) {
	var writes, keeps bool
	if err := s.recorded(t, k, func(name string) (err error) {
		writes, keeps, err = s.pbx.Recording(name)
		return err
	}); err != nil {
		return false, false, err // and who has not been waited for may write them yet
	}
	return writes, keeps, nil
}
