package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"metaflows/app/recordings"
	"metaflows/app/schema"
)

// soundTime is how long a client may take nothing of a recording's sound.
const soundTime = 30 * time.Second

// Recordings are what was recorded. *recordings.Recordings is one; for its errors see there.
type Recordings interface {
	List(ctx context.Context, account string) ([]recordings.Metadata, error)
	Get(ctx context.Context, account, id string) (m recordings.Metadata, ok bool, err error)
	Open(ctx context.Context, account, id string) (*recordings.Sound, error)
	Played(ctx context.Context, account, id string)
	Delete(ctx context.Context, account, id string) error
}

// recordingRoutes are recordings, as Kazoo's. A user has those that he or a phone of his has begun.
func (a *API) recordingRoutes() []route {
	if a.cfg.Recordings == nil {
		return nil
	}
	return []route{
		{"GET", "/v2/accounts/{account}/recordings", members, a.listRecordings},
		{"GET", "/v2/accounts/{account}/users/{user}/recordings", owners, a.listRecordings},
		{"GET", "/v2/accounts/{account}/recordings/{recording}", members, a.showRecording},
		{"DELETE", "/v2/accounts/{account}/recordings/{recording}", admins, a.deleteRecording},
	}
}

// recordingKey is a place in a list: lists are sorted by it, the latest first.
func recordingKey(m recordings.Metadata) string { return fmt.Sprintf("%d-%s", m.Start, m.ID) }

// listRecordings gives a page of them, of those that the query wants.
func (a *API) listRecordings(x *exchange) {
	size, ok := x.pageSize()
	if !ok {
		return
	}
	from, ok1 := x.seconds("created_from")
	to, ok2 := x.seconds("created_to")
	if !ok1 || !ok2 {
		return
	}
	ctx, cancel := context.WithTimeout(x.Context(), storyTimeout)
	defer cancel()
	list, err := a.cfg.Recordings.List(ctx, x.account)
	if err != nil {
		x.unavailable(err)
		return
	}
	owner, call, number := x.PathValue("user"), x.param("call"), x.param("number")
	if owner == "" {
		owner = x.whose()
	}
	list = slices.DeleteFunc(list, func(m recordings.Metadata) bool {
		return owner != "" && m.Owner != owner || from > 0 && m.Start < from || to > 0 && m.Start > to ||
			call != "" && call != m.Call && call != m.CallID && call != m.InteractionID || number != "" && number != m.From && number != m.To
	})
	start := x.param("start_key")
	if start != "" {
		i := slices.IndexFunc(list, func(m recordings.Metadata) bool { return recordingKey(m) == start })
		if i < 0 {
			x.invalid(schema.One("start_key", "wrong_format", schema.Detail{"message": "Value is not the next_start_key of an answer", "value": start}))
			return
		}
		list = list[i:]
	}
	if len(list) > size {
		x.answer.NextStartKey = recordingKey(list[size])
		list = list[:size]
	}
	x.answer.StartKey, x.answer.PageSize = start, new(len(list))
	x.succeed(list)
}

// seconds is a parameter in Gregorian seconds, 0 where there is none.
func (x *exchange) seconds(name string) (int64, bool) {
	wish := x.param(name)
	if wish == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(wish, 10, 64)
	if err != nil || n < 1 {
		x.invalid(schema.One(name, "type", schema.Detail{"message": "Value is a time in Gregorian seconds", "value": wish}))
		return 0, false
	}
	return n, true
}

// showRecording gives what is known of one, or its sound.
func (a *API) showRecording(x *exchange) {
	id := x.PathValue("recording")
	m, ok, err := a.cfg.Recordings.Get(x.Context(), x.account, id)
	switch owner := x.whose(); {
	case err != nil:
		x.unavailable(err)
	case !ok:
		x.badIdentifier(id)
	case owner != "" && m.Owner != owner:
		x.forbidden()
	case x.wantsSound():
		a.playRecording(x, m)
	default:
		x.succeed(m)
	}
}

// wantsSound says whether the client asks for sound: by Accept, or by accept in the query for who cannot set headers.
func (x *exchange) wantsSound() bool {
	wish := x.URL.Query().Get("accept")
	if wish == "" {
		wish = x.Header.Get("Accept")
	}
	return strings.HasPrefix(strings.TrimSpace(wish), "audio/")
}

// playRecording answers with the sound, or a range of it.
func (a *API) playRecording(x *exchange, m recordings.Metadata) {
	sound, err := a.cfg.Recordings.Open(x.Context(), x.account, m.ID)
	switch {
	case errors.Is(err, recordings.ErrNone):
		x.badIdentifier(m.ID)
		return
	case err != nil:
		x.unavailable(err)
		return
	}
	defer sound.Close()
	if from := x.Header.Get("Range"); from == "" || strings.HasPrefix(from, "bytes=0-") {
		a.cfg.Recordings.Played(x.Context(), x.account, m.ID)
	}
	place := "attachment"
	if inline, err := strconv.ParseBool(x.URL.Query().Get("inline")); err == nil && inline {
		place = "inline"
	}
	x.header(m.ContentType)
	x.w.Header().Set("Content-Disposition", place+`; filename="`+m.Name+`"`)
	x.w.Header().Set("ETag", `"`+m.ID+`"`) // it never changes
	http.ServeContent(x.w, x.Request, "", time.Time{}, &patient{sound, http.NewResponseController(x.w)})
}

// patient lets an answer take as long as its client goes on taking it.
type patient struct {
	io.ReadSeeker
	control *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(soundTime)) // a recorder in a test has none
	return p.ReadSeeker.Read(b)
}

func (a *API) deleteRecording(x *exchange) {
	id := x.PathValue("recording")
	m, ok, err := a.cfg.Recordings.Get(x.Context(), x.account, id)
	if err == nil && ok {
		err = a.cfg.Recordings.Delete(x.Context(), x.account, id)
	}
	switch {
	case !ok && err == nil, errors.Is(err, recordings.ErrNone):
		x.badIdentifier(id)
	case errors.Is(err, recordings.ErrRuns), errors.Is(err, recordings.ErrElsewhere):
		x.fail(http.StatusConflict, "conflict", because(err.Error()))
	case err != nil:
		x.unavailable(err)
	default:
		x.succeed(m)
	}
}
