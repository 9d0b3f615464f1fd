package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
		p.tell(examineReaders(filepath.Join(p.spool(), "recording"), name)...)
		err = p.client.DeleteStoredRecording(name)
	}
	if errors.Is(err, calls.ErrGone) { // it began, and ended by itself, or left nothing
		return errors.New("a recording has no file, as where Asterisk may not write it")
	}
	return err
}

// spool is Asterisk's folder for what it makes.
func (p *patient) spool() string {
	if says, err := p.client.Global("ASTSPOOLDIR"); err == nil && says != "" {
		return says
	}
	return "/var/spool/asterisk"
}

// examineReaders says whether everybody on this machine may read a recording in a folder, where that is on it: all the folders
// above let them through, and the file lets itself be read.
func examineReaders(folder, name string) []finding {
	file, err := os.Stat(filepath.Join(folder, name+".wav"))
	if err != nil || file.Mode().Perm()&0o004 == 0 {
		return nil
	}
	for path := folder; ; path = filepath.Dir(path) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o001 == 0 {
			return nil
		}
		if path == filepath.Dir(path) {
			break
		}
	}
	return []finding{{
		level: note, what: "recordings can be read by everybody on this machine: they are in " + folder,
		lines: []string{"systemctl edit asterisk.service:", "[Service]", "UMask=0027", "and: chmod o-rwx " + quote(folder)},
	}}
}

// recordingFolder are the lines that make the folder for recordings, which Asterisk does not make itself.
func (p *patient) recordingFolder() []string {
	user := "asterisk"
	if info, err := p.client.Info(); err == nil && info.User != "" {
		user = info.User
	}
	folder := quote(p.spool() + "/recording")
	return []string{"mkdir -p " + folder, "chown " + user + ": " + folder}
}
