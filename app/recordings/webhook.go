package recordings

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// hookJob begins a job that is to tell an account's webhook of a recording that has arrived.
const hookJob = "webhook:"

// tell tells an account's webhook of a recording, as Standard Webhooks has it (standardwebhooks.com), by the URL and the secret that
// the account has now.
func (r *Recordings) tell(ctx context.Context, s *stores, key string, e *Entry, job jetstream.Msg) {
	url, secret := r.cfg.Webhook(e.Told.Account)
	now := time.Now()
	switch {
	case url == "":
		_ = job.TermWithReason("the account has no webhook any more")
		return
	case now.Before(e.Hook.Next):
		_ = job.NakWithDelay(e.Hook.Next.Sub(now))
		return
	}
	body, err := json.Marshal(struct {
		Type string    `json:"type"`
		Time time.Time `json:"timestamp"`
		Data Metadata  `json:"data"`
	}{"recording.delivered", e.Done.UTC(), e.Metadata()})
	if err == nil {
		err = r.sender.send(ctx, url, parcel{
			method: http.MethodPost, size: int64(len(body)), header: signed(e.ID, now, secret, body),
			open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
		})
	}
	if ctx.Err() != nil && err != nil {
		_ = job.Nak() // for the next process
		return
	}
	answer, is := errors.AsType[*refused](err)
	gone, again := is && answer.status == http.StatusGone, false
	e, noteErr := s.index.change(ctx, key, func(e *Entry) bool {
		again = e.ID != "" && e.Hook.tried(now, e.Done.Add(r.cfg.DeliveryFor), r.cfg.Pauses, err) && !gone
		return e.ID != ""
	})
	switch {
	case err == nil:
		_ = job.Ack()
	case noteErr != nil:
		_ = job.NakWithDelay(lookAgain)
		r.reopen(noteErr)
	case again:
		_ = job.NakWithDelay(time.Until(e.Hook.Next))
	default:
		r.cfg.Log.Error("an account's webhook is not told of a recording", "account", e.Told.Account, "recording", e.Told.Recording, "tries", e.Hook.Tries, "error", err,
			"do", "see why it refuses that; the recording itself has arrived")
		_ = job.TermWithReason("refused")
	}
}

// signed are the headers of a message, with its signature where there is a secret.
func signed(id string, at time.Time, secret string, body []byte) map[string]string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	header := map[string]string{"Content-Type": "application/json", "Webhook-Id": id, "Webhook-Timestamp": stamp}
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err == nil && secret != "" {
		mac := hmac.New(sha256.New, raw)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		header["Webhook-Signature"] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return header
}
