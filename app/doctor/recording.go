package doctor

import (
	"context"
	"errors"
	"fmt"

	"metaflows/flows/calls"
)

// recording writes a short recording where metaflows writes its own, and removes it.
func (p *patient) recording(ctx context.Context) {
	err := p.record(ctx)
	if err != nil {
		p.bad("calls cannot be recorded: "+err.Error(),
			append(p.recordingFolder(), "in modules.conf:", "load = res_ari_recordings.so", "load = res_stasis_recording.so", "load = format_wav.so")...)
		return
	}
	p.good("Asterisk can write recordings")
}

func (p *patient) record(ctx context.Context) error {
	bridge := p.id + "-bridge" // an id that a channel has too would get no events
	if err := p.client.CreateBridge(bridge); err != nil {
		return err
	}
	defer func() { _ = p.client.DeleteBridge(bridge) }()
	if err := p.client.AddToBridge(bridge, p.id, false); err != nil { // so that the bridge's events come to us
		return err
	}
	name := p.id + "-recording" // in no folder, which would stay
	if err := p.client.Record(bridge, name, "wav"); err != nil {
		return err
	}
	var failed error
	writes := p.await(ctx, func(ev calls.Event) bool {
		switch e := ev.(type) {
		case calls.RecordingStarted:
			return e.Recording == name
		case calls.RecordingDone:
			failed = fmt.Errorf("it answers %q", e.Cause)
			return e.Recording == name
		}
		return false
	})
	if failed != nil {
		return failed
	}
	if !writes {
		return errors.New("a recording did not begin")
	}
	err := p.client.StopRecording(name)
	if err == nil {
		p.await(ctx, func(ev calls.Event) bool { done, ok := ev.(calls.RecordingDone); return ok && done.Recording == name })
		err = p.client.DeleteStoredRecording(name)
	}
	if errors.Is(err, calls.ErrGone) { // it began, and ended by itself, or left nothing
		return errors.New("a recording has no file, as where Asterisk may not write it")
	}
	return err
}

// recordingFolder are the lines that make the folder for recordings, which Asterisk does not make itself.
func (p *patient) recordingFolder() []string {
	spool, user := "/var/spool/asterisk", "asterisk"
	if says, err := p.client.Global("ASTSPOOLDIR"); err == nil && says != "" {
		spool = says
	}
	if info, err := p.client.Info(); err == nil && info.User != "" {
		user = info.User
	}
	folder := quote(spool + "/recording")
	return []string{"mkdir -p " + folder, "chown " + user + ": " + folder}
}
