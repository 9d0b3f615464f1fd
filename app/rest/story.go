package rest

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"metaflows/app/auth"
	"metaflows/app/events"
	"metaflows/app/schema"
)

const (
	storyTimeout = 5 * time.Second
	longestStory = 1000 // events of an answer, also with paginate=false
	longestCall  = 200  // characters of a call's id
)

// Stories are what was published. *events.Reader is one; its error is events.ErrUnavailable, see there.
type Stories interface {
	Story(ctx context.Context, account, call string, from uint64, most int) (page []events.Event, next uint64, err error)
	Follow(ctx context.Context, account string, after uint64) (feed events.Feed, at uint64, err error)
}

// storyRoutes tell what has happened on a call. A user may read of the calls in which he took part.
func (a *API) storyRoutes() []route {
	if a.cfg.Stories == nil {
		return nil
	}
	return []route{{"GET", "/v2/accounts/{account}/calls/{call}/events", members, a.story}}
}

// story answers with a page of a call's events, running or past, as they were published under the account. start_key is a
// place in the stream.
func (a *API) story(x *exchange) {
	size, ok := x.pageSize()
	if !ok {
		return
	}
	size = min(size, longestStory)
	call, start := x.PathValue("call"), x.param("start_key")
	var from uint64
	if start != "" {
		var err error
		if from, err = strconv.ParseUint(start, 10, 64); err != nil {
			x.invalid(schema.One("start_key", "wrong_format", schema.Detail{"message": "Value is not the next_start_key of an answer", "value": start}))
			return
		}
	}
	if len(call) > longestCall {
		x.badIdentifier(call)
		return
	}
	ctx, cancel := context.WithTimeout(x.Context(), storyTimeout)
	defer cancel()
	known, err := true, error(nil)
	if x.who.Role == auth.User || from > 0 { // else the page itself tells whether there is anything
		known, err = a.mayRead(ctx, x, call)
	}
	var page []events.Event
	var next uint64
	if err == nil && known {
		page, next, err = a.cfg.Stories.Story(ctx, x.account, call, from, size)
		known = len(page) > 0 || from > 0
	}
	switch {
	case err != nil:
		x.unavailable(err)
		return
	case !known:
		x.badIdentifier(call)
		return
	}
	if next > 0 {
		x.answer.NextStartKey = strconv.FormatUint(next, 10)
	}
	if page == nil {
		page = []events.Event{}
	}
	x.answer.StartKey, x.answer.PageSize = start, new(len(page))
	x.succeed(page)
}

// mayRead says whether there is anything of a call that who asks may know of.
func (a *API) mayRead(ctx context.Context, x *exchange, call string) (bool, error) {
	most := longestStory
	if x.who.Role != auth.User {
		most = 1
	}
	for from := uint64(0); ; {
		page, next, err := a.cfg.Stories.Story(ctx, x.account, call, from, most)
		if err != nil || len(page) == 0 {
			return false, err
		}
		for _, e := range page {
			if x.who.Role != auth.User || x.tookPart(e) {
				return true, nil
			}
		}
		if from = next; next == 0 {
			return false, nil
		}
	}
}

// tookPart says whether an event is about a leg of the user who asks, or of a device of his.
func (x *exchange) tookPart(e events.Event) bool {
	if x.who.Owner == "" {
		return false
	}
	var of struct {
		User        string
		Device      string
		OtherUser   string `json:"other_user"`
		OtherDevice string `json:"other_device"`
	}
	if json.Unmarshal(e.Data, &of) != nil {
		return false
	}
	if of.User == x.who.Owner || of.OtherUser == x.who.Owner {
		return true
	}
	for _, device := range []string{of.Device, of.OtherDevice} {
		if device == "" || x.api.cfg.Owners == nil {
			continue
		}
		if owner, ok := x.api.cfg.Owners.OwnerOf(x.account, device); ok && owner == x.who.Owner {
			return true
		}
	}
	return false
}
