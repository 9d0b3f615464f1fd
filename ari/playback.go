package ari

import (
	"net/url"

	v5 "github.com/CyCoreSystems/ari/v5"
)

// The playbacks' part of actions.PBX.
// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/Playbacks_REST_API/

// Play plays media on a channel that is in no bridge: on a bridged one it cuts off the others, and every command for the
// channel waits until it ends.
func (c *Client) Play(channel, playback, media string) error {
	_, err := c.v5.Channel().Play(channelKey(channel), url.PathEscape(playback), media)
	return fail("play on", channel, err)
}

// StopPlayback ends a playback at once; calls.PlaybackDone follows. calls.ErrGone when it has ended already.
func (c *Client) StopPlayback(playback string) error {
	return fail("stop playback", playback, c.v5.Playback().Stop(key(v5.PlaybackKey, playback)))
}
