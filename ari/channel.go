package ari

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	v5 "github.com/CyCoreSystems/ari/v5"

	"metaflows/flows/calls"
)

// The channels' part of actions.PBX.
// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/Channels_REST_API/

// relayed is a variable that nobody reads: to set it takes as long as the channel is busy with digits.
const relayed = "METAFLOWS_RELAYED"

// key names a resource to v5, which puts it into the path as it is.
func key(kind, id string) *v5.Key { return v5.NewKey(kind, url.PathEscape(id)) }

func channelKey(id string) *v5.Key { return key(v5.ChannelKey, id) }

// Exists says whether there is a channel of this id; when in doubt, yes.
func (c *Client) Exists(channel string) bool {
	err := c.do(request{method: http.MethodGet, path: []string{"channels", channel}}, nil)
	return !errors.Is(fail("look up", channel, err), calls.ErrGone)
}

// Answer answers a channel; one that is up already stays so, without an error.
func (c *Client) Answer(channel string) error {
	return fail("answer", channel, c.v5.Channel().Answer(channelKey(channel)))
}

// Ring indicates ringing to a channel that is not answered.
func (c *Client) Ring(channel string) error {
	return fail("ring", channel, c.v5.Channel().Ring(channelKey(channel)))
}

// StopRinging ends Ring.
func (c *Client) StopRinging(channel string) error {
	return fail("stop ringing", channel, c.v5.Channel().StopRing(channelKey(channel)))
}

// Progress sends early media (183).
func (c *Client) Progress(channel string) error {
	return fail("progress", channel, c.do(request{method: http.MethodPost, path: []string{"channels", channel, "progress"}}, nil))
}

// Continue gives a channel back to the dialplan at the priority after the Stasis() in which it is.
func (c *Client) Continue(channel string) error {
	return fail("continue", channel, c.do(request{method: http.MethodPost, path: []string{"channels", channel, "continue"}}, nil))
}

// MoveChannel lets a channel of this application go into another, with arguments that contain no commas. calls.Left follows
// if somebody is connected as that; else it stays.
func (c *Client) MoveChannel(channel, application string, args ...string) error {
	query := url.Values{"app": {application}, "appArgs": {strings.Join(args, ",")}}
	return fail("move", channel, c.do(request{method: http.MethodPost, path: []string{"channels", channel, "move"}, query: query}, nil))
}

// SendDigits plays digits to a channel, 100 ms each with 100 ms between, and returns when they are played. The command
// after them on the same channel waits for that (about 100 ms and 200 ms a digit), which is how we know. At most four
// digits should go in one call: everything else for that channel waits meanwhile. The error is a calls.ErrUnsent where
// Asterisk has refused them or was not reached.
func (c *Client) SendDigits(channel, digits string) error {
	if digits == "" {
		return nil
	}
	const verb = "send digits to"
	err := c.v5long.Channel().SendDTMF(channelKey(channel), digits,
		&v5.DTMFOptions{Duration: 100 * time.Millisecond, Between: 100 * time.Millisecond})
	switch {
	case err == nil:
		return fail(verb, channel, c.v5long.Channel().SetVariable(channelKey(channel), relayed, ""))
	case undone(err):
		return calls.Unsent(fail(verb, channel, err))
	}
	return fail(verb, channel, err)
}

// StartMOH plays music to a channel; class "" is the channel's own.
func (c *Client) StartMOH(channel, class string) error {
	return fail("start music on", channel, c.v5.Channel().MOH(channelKey(channel), class))
}

// StopMOH ends StartMOH.
func (c *Client) StopMOH(channel string) error {
	return fail("stop music on", channel, c.v5.Channel().StopMOH(channelKey(channel)))
}

// StartSilence sends a channel silence and nothing else, until StopSilence.
func (c *Client) StartSilence(channel string) error {
	return fail("silence", channel, c.v5.Channel().Silence(channelKey(channel)))
}

// StopSilence ends StartSilence.
func (c *Client) StopSilence(channel string) error {
	return fail("end the silence of", channel, c.v5.Channel().StopSilence(channelKey(channel)))
}

// Mute drops the sound that a channel sends, but for its digits, until Unmute. Nobody can be asked whether it is muted.
func (c *Client) Mute(channel string) error { return c.mute("mute", http.MethodPost, channel) }

// Unmute ends Mute.
func (c *Client) Unmute(channel string) error { return c.mute("unmute", http.MethodDelete, channel) }

func (c *Client) mute(verb, method, channel string) error {
	return fail(verb, channel, c.do(request{method: method, path: []string{"channels", channel, "mute"}, query: url.Values{"direction": {"in"}}}, nil))
}

// Snoop makes a channel that whispers to another: what is played on it only that other hears. calls.Started follows
// with the argument "snoop".
func (c *Client) Snoop(channel, snoop string) error {
	_, err := c.v5.Channel().Snoop(channelKey(channel), url.PathEscape(snoop), &v5.SnoopOptions{
		App: c.cfg.Application, AppArgs: calls.ArgSnoop, Spy: v5.DirectionNone, Whisper: v5.DirectionOut})
	return fail("snoop on", channel, err)
}

// Overhear makes a channel that hears what another sends, wherever that is, and nothing of what it is sent. calls.Started
// follows with the argument "rec" and args, which must not contain commas; calls.Left when the other has ended.
func (c *Client) Overhear(channel, ear string, args ...string) error {
	_, err := c.v5.Channel().Snoop(channelKey(channel), url.PathEscape(ear), &v5.SnoopOptions{
		App: c.cfg.Application, AppArgs: strings.Join(append([]string{calls.ArgEar}, args...), ","), Spy: v5.DirectionIn, Whisper: v5.DirectionNone})
	return fail("overhear", channel, err)
}

// Channels lists every channel of this Asterisk, in and out of the application, in no order.
func (c *Client) Channels() ([]ChannelEntry, error) {
	var answer []channelData
	if err := c.do(request{method: http.MethodGet, path: []string{"channels"}, timeout: c.cfg.LongTimeout}, &answer); err != nil {
		return nil, fail("list channels", "", err)
	}
	list := make([]ChannelEntry, 0, len(answer))
	for i := range answer {
		list = append(list, answer[i].entry())
	}
	return list, nil
}

// ChannelEntry is one channel of a list.
type ChannelEntry struct {
	calls.Channel
	DialplanApp string // the dialplan's application that it runs: Stasis; "" for none
	Created     time.Time
}
