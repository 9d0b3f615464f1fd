package ari

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	v5 "github.com/CyCoreSystems/ari/v5"

	"metaflows/flows/calls"
)

// The recordings' part of actions.PBX, and recordings at rest. A name may have folders; it is escaped here.
// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/Recordings_REST_API/

func recordingKey(name string) *v5.Key { return key(v5.LiveRecordingKey, name) }

// StopRecording ends a recording and keeps it; calls.RecordingDone follows. calls.ErrGone when it has ended.
func (c *Client) StopRecording(name string) error {
	return fail("stop recording", name, c.v5.LiveRecording().Stop(recordingKey(name)))
}

// MaskRecording writes silence until UnmaskRecording; the time line is kept. Twice is no error.
func (c *Client) MaskRecording(name string) error {
	return fail("mask recording", name, c.v5.LiveRecording().Mute(recordingKey(name)))
}

// UnmaskRecording ends MaskRecording.
func (c *Client) UnmaskRecording(name string) error {
	return fail("unmask recording", name, c.v5.LiveRecording().Unmute(recordingKey(name)))
}

// Recording says whether a recording of that name is being written now, and else whether one is kept. Asterisk still lists
// one as live for a moment after it has told of its end; the state says that it is over.
func (c *Client) Recording(name string) (live, stored bool, err error) {
	const verb = "look up recording"
	var now struct {
		State string `json:"state"`
	}
	err = fail(verb, name, c.do(request{method: http.MethodGet, path: []string{"recordings", "live", name}}, &now))
	switch {
	case err == nil && now.State == "done":
		return false, true, nil
	case err == nil && (now.State == "failed" || now.State == "canceled"):
		return false, false, nil
	case err == nil || !errors.Is(err, calls.ErrGone):
		return err == nil, false, err
	}
	err = fail(verb, name, c.do(request{method: http.MethodGet, path: []string{"recordings", "stored", name}}, nil))
	if errors.Is(err, calls.ErrGone) {
		return false, false, nil
	}
	return false, err == nil, err
}

// StoredRecordingFile opens a finished recording and says how many bytes it has; the caller closes it. It is not read ahead: what
// is not read yet is not in memory, and Asterisk gives up on who reads nothing for 30 s. calls.ErrGone when there is none. The
// answer must begin within the deadline of a request; reading goes on as long as ctx.
func (c *Client) StoredRecordingFile(ctx context.Context, name string) (file io.ReadCloser, size int64, err error) {
	const verb = "read recording"
	if c.idle() {
		return nil, 0, fail(verb, name, calls.ErrDetached)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	begun := time.AfterFunc(c.cfg.Timeout, func() { cancel(context.DeadlineExceeded) })
	resp, err := c.sendBy(ctx, c.files, request{method: http.MethodGet, path: []string{"recordings", "stored", name, "file"}})
	if err == nil && !begun.Stop() {
		resp.Body.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, 0, fail(verb, name, err)
	}
	if resp.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxText)) // an answer cut short only lacks its text
		resp.Body.Close()
		cancel(nil)
		return nil, 0, fail(verb, name, newStatusError(resp, answer))
	}
	if resp.ContentLength < 0 {
		resp.Body.Close()
		cancel(nil)
		return nil, 0, fail(verb, name, errAnswer) // where it ends could not be told from where it breaks off
	}
	return &body{ReadCloser: resp.Body, cancel: cancel}, resp.ContentLength, nil
}

// maxText bounds what is read of an answer instead of a file.
const maxText = 64 << 10

// body is an answer's body whose context ends when it is closed.
type body struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// DeleteStoredRecording removes a finished recording from Asterisk's folder.
func (c *Client) DeleteStoredRecording(name string) error {
	return fail("delete recording", name, c.v5.StoredRecording().Delete(key(v5.StoredRecordingKey, name)))
}
