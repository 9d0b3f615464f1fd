package ari

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"metaflows/flows/calls"
)

// claimCall takes a call that the dialplan offers (StasisBroadcast): it enters the application then, as by Stasis(). Where
// nobody claims it in time it goes on in the dialplan, so that one that hangs, or whose requests Asterisk refuses, holds no
// call (ari/ASTERISK.md, "Calls that are offered"). Without a Process none is claimed: a doctor has no use for a call. It does
// not block.
func (c *Client) claimCall(frame []byte) {
	if c.holder == nil {
		return
	}
	channel, err := offered(frame)
	if err != nil {
		c.broken.Add(1)
		return
	}
	go func() {
		query := url.Values{"channelId": {channel}, "application": {c.cfg.Application}}
		err := c.do(request{method: http.MethodPost, path: []string{"events", "claim"}, query: query}, nil)
		if err != nil && !errors.Is(err, calls.ErrDetached) { // another application may have been faster
			c.cfg.Log.Info("a call that was offered could not be had", "channel", channel, "error", err)
		}
	}()
}

// offered is the channel of a CallBroadcast.
func offered(frame []byte) (channel string, err error) {
	var offer struct {
		Channel struct{ ID string }
	}
	if err := json.Unmarshal(frame, &offer); err != nil || offer.Channel.ID == "" {
		return "", errAnswer
	}
	return offer.Channel.ID, nil
}
