package ari

import (
	"net/http"
	"strings"

	v5 "github.com/CyCoreSystems/ari/v5"
)

// The playbacks' part of actions.PBX.
// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/Playbacks_REST_API/

// Play plays media on a channel that is in no bridge: on a bridged one it cuts off the others, and every command for the
// channel waits until it ends. Several media, one behind the other, are written with & between them, as Playback() has them.
//
// Not v5's: it knows one only, and Asterisk takes commas in the body for a part of the name.
func (c *Client) Play(channel, playback, media string) error {
	body := map[string][]string{"media": strings.Split(media, "&")}
	return fail("play on", channel, c.do(request{method: http.MethodPost, path: []string{"channels", channel, "play", playback}, body: body}, nil))
}

// StopPlayback ends a playback at once; calls.PlaybackDone follows. calls.ErrGone when it has ended already.
func (c *Client) StopPlayback(playback string) error {
	return fail("stop playback", playback, c.v5.Playback().Stop(key(v5.PlaybackKey, playback)))
}
