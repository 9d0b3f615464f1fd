package actions

import (
	"slices"
	"time"

	"metaflows/flows/calls"
)

// recordingNotice is an event about a recording, under the account whose it is. That it has begun or ended is told once,
// whoever learns of it.
func recordingNotice(t *calls.Task, k *calls.Kept, kind string) calls.Notice {
	var n calls.Notice
	if t.Flow != nil {
		n = t.Notice(kind)
	}
	id := n.ID
	if t.Flow == nil || k.Account != n.Account { // whose leg pressed what is another account's business
		n = noticeTo(t, k.Account, kind)
	}
	n.Recording = k.Name
	if kind == "recording.started" && !k.Again { // else a process before this one has told
		delivery := recordingIn(k).delivery
		n.Delivery = &delivery
	}
	if n.ID = id + ":" + k.Name; kind != "recording.masked" && kind != "recording.unmasked" {
		n.ID = calls.RecordingEventID(k.Name, kind)
	}
	return n
}

// recordedLeg is the leg of an account that its recording is about: the one that has pressed, or the first; nil for none.
func recordedLeg(t *calls.Task, account string) *calls.Leg {
	if t.Leg != nil && t.Leg.Owner.Account == account {
		return t.Leg
	}
	if i := slices.IndexFunc(t.Call.Legs, func(l *calls.Leg) bool { return l.Owner.Account == account }); i >= 0 {
		return t.Call.Legs[i]
	}
	return nil
}

// noticeTo is a notice to an account about the leg of its own that is recorded.
func noticeTo(t *calls.Task, account, kind string) calls.Notice {
	if leg := recordedLeg(t, account); leg != nil {
		return t.Call.NoticeAbout(leg, kind)
	}
	return calls.Notice{Type: kind, Account: account}
}

// retellRecording tells the beginning of a recording that was found: the process that began it may not have come to that.
func (s *Set) retellRecording(t *calls.Task, k *calls.Kept, rec *recording) {
	if time.Since(rec.Began) > retold {
		return
	}
	n := recordingNotice(t, k, "recording.started")
	n.Time = rec.Began
	t.Publish(n)
}

// tellUnattended tells when a recording goes on although the last leg of its account has left: by a transfer, or since
// somebody has taken its place. From then on only the account's programs can stop it. A transfer that is under way may
// come back.
func (s *Set) tellUnattended(t *calls.Task, k *calls.Kept, rec *recording) error {
	err := t.Until(0, func() bool {
		return rec.over || !t.Call.Attended(k.Account) && !t.Call.Held() && !t.Call.Over()
	})
	if err != nil || rec.over {
		return err
	}
	t.Publish(recordingNotice(t, k, "recording.unattended"))
	return nil
}

// recordingStored tells of a recording that is over.
func (s *Set) recordingStored(t *calls.Task, k *calls.Kept, rec *recording, took time.Duration, reason string) {
	n := recordingNotice(t, k, "recording.stored")
	n.Duration, n.Reason, n.Result = took.Milliseconds(), reason, "stored"
	if rec.failed {
		n.Result, n.Reason = "failed", "failed"
		t.Call.Log.Error("a recording is not whole", "recording", k.Name,
			"do", "see that there is room on Asterisk's disk, and what its own log says at this time")
	}
	t.Publish(n)
}
