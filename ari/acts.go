package ari

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// acts are the requests of which steps are made: calls.Acts, for one turn. A Client has those without a turn.
type acts struct {
	c    *Client
	turn *calls.Turn
}

// In are the requests for one turn of a step.
func (c *Client) In(turn *calls.Turn) calls.Acts { return acts{c, turn} }

func (a acts) do(r request) error {
	r.turn = a.turn
	return a.c.do(r, nil)
}

// CreateChannel makes an outbound channel in the application, state Down, without dialling it. Its arguments are "leg"
// and spec.Args; they must not contain commas. calls.Started follows, and only then can it be dialled or bridged.
func (a acts) CreateChannel(spec calls.ChannelSpec) error {
	query := url.Values{
		"endpoint":  {spec.Endpoint},
		"app":       {a.c.cfg.Application},
		"appArgs":   {strings.Join(append([]string{calls.ArgLeg}, spec.Args...), ",")},
		"channelId": {spec.ID},
	}
	if spec.Originator != "" {
		query.Set("originator", spec.Originator)
	}
	r := request{method: http.MethodPost, path: []string{"channels", "create"}, query: query}
	if len(spec.Variables) > 0 {
		r.body = variables{spec.Variables}
	}
	err := fail("create channel", spec.ID, a.do(r))
	if errors.Is(err, calls.ErrConflict) && !a.c.Exists(spec.ID) {
		// Asterisk keeps the reason of the connection's last failed create: after one id in use, an endpoint that is not
		// registered is reported as that, too (22.10).
		return &Error{Verb: "create channel", ID: spec.ID, Message: "the endpoint is unknown or not registered", kind: calls.ErrUnavailable}
	}
	return err
}

// DialChannel dials a channel made by CreateChannel on behalf of caller. ARI takes whole seconds: the timeout is rounded
// up; 0 is none.
func (a acts) DialChannel(channel, caller string, timeout time.Duration) error {
	seconds := max(0, (timeout+time.Second-1)/time.Second)
	query := url.Values{"timeout": {strconv.FormatInt(int64(seconds), 10)}}
	if caller != "" {
		query.Set("caller", caller)
	}
	return fail("dial", channel, a.do(request{method: http.MethodPost, path: []string{"channels", channel, "dial"}, query: query}))
}

// Hangup ends a channel with a Q.850 cause, which also chooses the SIP status of one that is not answered; 0 is normal
// clearing. calls.CauseAnsweredElsewhere is told by SIP (RFC 3326), so that the phone counts no missed call.
func (a acts) Hangup(channel string, cause int) error {
	query := url.Values{}
	switch cause {
	case 0:
	case calls.CauseAnsweredElsewhere:
		query.Set("reason", "answered_elsewhere")
	default:
		query.Set("reason_code", strconv.Itoa(cause))
	}
	return fail("hang up", channel, a.do(request{method: http.MethodDelete, path: []string{"channels", channel}, query: query}))
}

// AddToBridge puts a channel into a bridge, or adds it again when it is there, with or without absorbing its digits. It
// waits while the channel is busy with digits or a playback. calls.Entered follows each time.
func (a acts) AddToBridge(bridge, channel string, absorb bool) error {
	query := url.Values{"channel": {channel}, "absorbDTMF": {strconv.FormatBool(absorb)}}
	return fail("add to bridge", channel, a.do(request{method: http.MethodPost, path: []string{"bridges", bridge, "addChannel"},
		query: query, timeout: a.c.cfg.LongTimeout}))
}

// AddAllToBridge puts several channels into a bridge, in their order, without absorbing. Where one of them cannot be added those
// behind it are not; one that is not known keeps all out.
func (a acts) AddAllToBridge(bridge string, channels ...string) error {
	query := url.Values{"channel": {strings.Join(channels, ",")}, "absorbDTMF": {"false"}}
	return fail("add to bridge", strings.Join(channels, " "), a.do(request{method: http.MethodPost, path: []string{"bridges", bridge, "addChannel"},
		query: query, timeout: a.c.cfg.LongTimeout}))
}

// RemoveFromBridge takes a channel out of a bridge; calls.ErrConflict when it is not in it. It waits as AddToBridge.
func (a acts) RemoveFromBridge(bridge, channel string) error {
	return fail("remove from bridge", channel, a.do(request{method: http.MethodPost, path: []string{"bridges", bridge, "removeChannel"},
		body: map[string]string{"channel": channel}, timeout: a.c.cfg.LongTimeout}))
}

// SetVariables writes channel variables and functions, which waits while the channel is busy with digits or a playback.
// They travel in the body. Asterisk takes any name and value; to read them is the only proof.
func (a acts) SetVariables(channel string, values map[string]string) error {
	const verb = "set variables of"
	if len(values) == 0 {
		return nil
	}
	if !a.c.oneByOne.Load() {
		err := a.do(request{method: http.MethodPost, path: []string{"channels", channel, "variables"},
			body: variables{values}, timeout: a.c.cfg.LongTimeout})
		if !a.c.mustGoOneByOne(err) {
			return fail(verb, channel, err)
		}
	}
	a.turn = a.turn.First() // what comes next waits for them all
	for _, name := range slices.Sorted(maps.Keys(values)) {
		// Not v5's: it leaves out an empty value, which a function would have to take as none at all.
		body := map[string]string{"variable": name, "value": values[name]}
		err := a.do(request{method: http.MethodPost, path: []string{"channels", channel, "variable"}, body: body, timeout: a.c.cfg.LongTimeout})
		if err != nil {
			return fail(verb, channel, err)
		}
	}
	return nil
}
