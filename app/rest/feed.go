package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"metaflows/app/events"
	"metaflows/app/schema"
)

const (
	heartbeat        = 15 * time.Second // of a quiet feed: proxies end what says nothing for a minute
	patience         = 10 * time.Second // for a listener to take what is written
	mostListeners    = 128              // of all accounts
	accountListeners = 16               // of one account, and of the super-admin
)

// Why a feed ends, as its last line says.
var (
	errStops    = errors.New("metaflows stops")
	errNoLonger = errors.New("the token holds no longer")
	errNoStream = errors.New("the event stream cannot be read now")
)

// feedRoutes tell events as they come, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
func (a *API) feedRoutes() []route {
	if a.cfg.Stories == nil {
		return nil
	}
	return []route{
		{"GET", "/v2/events", superAdmin, a.feed},
		{"GET", "/v2/accounts/{account}/events", admins, a.feed},
	}
}

// feed tells what is published under the account of the path, or of all, until the listener goes, its token holds no longer
// or the process stops. An event's id is its place in the stream: Last-Event-ID is the place after which it begins.
func (a *API) feed(x *exchange) {
	after := uint64(events.Now)
	if last := x.Header.Get("Last-Event-ID"); last != "" {
		var err error
		if after, err = strconv.ParseUint(last, 10, 64); err != nil {
			x.invalid(schema.One("Last-Event-ID", "wrong_format", schema.Detail{"message": "Value is not the id of an event", "value": last}))
			return
		}
	}
	ctx, leave, ok := a.listeners.enter(x)
	if !ok {
		x.tooManyRequests(heartbeat, "too many listen to events already")
		return
	}
	defer leave()
	opening, opened := context.WithTimeout(ctx, storyTimeout)
	feed, at, err := a.cfg.Stories.Follow(opening, x.account, after)
	opened()
	if err != nil {
		x.unavailable(err)
		return
	}
	defer feed.Close()
	l := &listener{exchange: x, control: http.NewResponseController(x.w), patience: a.listeners.patience}
	if !l.begin(at) {
		return
	}
	for {
		quiet, heard := context.WithTimeout(ctx, a.listeners.heartbeat)
		event, at, err := feed.Next(quiet)
		heard()
		switch {
		case ctx.Err() != nil:
			l.end(context.Cause(ctx))
			return
		case !x.holds():
			l.end(errNoLonger)
			return
		case errors.Is(err, events.ErrUnavailable):
			a.cfg.Log.Info("a feed of events ends", "account", x.account, "request", x.answer.RequestID, "error", err)
			l.end(errNoStream)
			return
		case err != nil:
			ok = l.write(":\n\n")
		default:
			ok = l.tell(at, event)
		}
		if !ok {
			a.cfg.Log.Info("a listener has gone, or takes no events", "account", x.account, "from", x.client(), "request", x.answer.RequestID)
			return
		}
	}
}

// holds says whether the token of the request is still one: it may have been revoked since.
func (x *exchange) holds() bool {
	_, err := x.api.cfg.Authenticator.Authenticate(x.secret)
	return err == nil
}

// listener is an answer that goes on. A listener that does not take what is written for it is cut.
type listener struct {
	*exchange
	control  *http.ResponseController
	patience time.Duration
}

// begin sends the head of the answer, and the place after which its events come, so that who is cut before the first one
// knows where to go on.
func (l *listener) begin(at uint64) bool {
	_ = l.control.SetReadDeadline(time.Time{}) // its passing would end the request; a recorder in a test has none
	l.header("text/event-stream")
	l.w.Header().Set("X-Accel-Buffering", "no") // a proxy holds nothing back
	l.w.WriteHeader(http.StatusOK)
	return l.write(fmt.Sprintf("retry: 2000\nid: %d\n\n", at))
}

// tell sends an event. It has no event line: who listens with an EventSource gets all of them as messages, those too whose
// types it does not know.
func (l *listener) tell(at uint64, e events.Event) bool {
	var data strings.Builder
	encoder := json.NewEncoder(&data) // one line, and its end
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		l.api.cfg.Log.Error("an event cannot be told", "at", at, "error", err, "do", "report it, with the lines around it")
		return true
	}
	return l.write(fmt.Sprintf("id: %d\ndata: %s\n", at, data.String()))
}

// end says why there is no more.
func (l *listener) end(why error) { l.write(": " + why.Error() + "\n\n") }

func (l *listener) write(text string) bool {
	_ = l.control.SetWriteDeadline(time.Now().Add(l.patience))
	if _, err := l.w.Write([]byte(text)); err != nil {
		return false
	}
	return l.control.Flush() == nil
}

// listeners are who hears events now.
type listeners struct {
	heartbeat, patience time.Duration
	life                context.Context // of all of them
	end                 context.CancelFunc

	mu  sync.Mutex
	by  map[string]int // account, "" for the super-admin
	all int            // without the super-admin's, which can always look
}

func newListeners() *listeners {
	l := &listeners{heartbeat: heartbeat, patience: patience, by: map[string]int{}}
	l.life, l.end = context.WithCancel(context.Background())
	return l
}

// enter takes a place, if there is one. The context ends with the request, with the token's time and at the stop.
func (l *listeners) enter(x *exchange) (ctx context.Context, leave func(), ok bool) {
	account := x.who.Account
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life.Err() != nil || l.by[account] >= accountListeners || account != "" && l.all >= mostListeners {
		return nil, nil, false
	}
	l.count(account, 1)
	ctx, cancel := context.WithCancelCause(x.Context())
	onward := context.AfterFunc(l.life, func() { cancel(errStops) })
	expire := context.CancelFunc(func() {})
	if !x.who.Expires.IsZero() {
		ctx, expire = context.WithDeadlineCause(ctx, x.who.Expires, errNoLonger)
	}
	return ctx, func() {
		onward()
		expire()
		cancel(nil)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.count(account, -1)
	}, true
}

// count is called with the lock.
func (l *listeners) count(account string, n int) {
	if l.by[account] += n; l.by[account] == 0 {
		delete(l.by, account)
	}
	if account != "" {
		l.all += n
	}
}

// EndFeeds ends all answers that tell events, which would hold up a stop, and begins no more. It does not wait for them.
func (a *API) EndFeeds() { a.listeners.end() }
