package ari

import (
	"net/http"
	"net/url"

	v5 "github.com/CyCoreSystems/ari/v5"
)

// The bridges' part of actions.PBX.
// https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/Bridges_REST_API/

func bridgeKey(id string) *v5.Key { return key(v5.BridgeKey, id) }

// CreateBridge makes a bridge that reports digits: dtmf_events keeps Asterisk from native RTP, where it sees none. Its
// name is its id. calls.ErrConflict when the id is in use.
func (c *Client) CreateBridge(bridge string) error {
	_, err := c.v5.Bridge().Create(bridgeKey(bridge), "mixing,dtmf_events", bridge)
	return fail("create bridge", bridge, err)
}

// maxInterest bounds how often DeleteBridge gives a subscription up: one for each time that a channel was added.
const maxInterest = 16

// DeleteBridge removes a bridge; the channels in it stay in the application. The application's subscription to it is given
// up first: where a channel hung up just when it was added again, Asterisk counts it once too often and would keep the
// subscription for ever (22.10).
func (c *Client) DeleteBridge(bridge string) error {
	r := request{method: http.MethodDelete, path: []string{"applications", c.cfg.Application, "subscription"}, query: url.Values{"eventSource": {"bridge:" + bridge}}}
	for range maxInterest {
		if c.do(r, nil) != nil {
			break
		}
	}
	return fail("delete bridge", bridge, c.v5.Bridge().Delete(bridgeKey(bridge)))
}

// Record starts a recording of a bridge, without limit of time or silence. calls.ErrConflict when the name is in use or
// exists.
func (c *Client) Record(bridge, name, format string) error {
	_, err := c.v5.Bridge().Record(bridgeKey(bridge), name, &v5.RecordingOptions{Format: format, Exists: "fail"})
	return fail("record bridge", bridge, err)
}

// Bridges lists every bridge of this Asterisk, in no order.
func (c *Client) Bridges() ([]BridgeEntry, error) {
	var answer []BridgeEntry
	if err := c.do(request{method: http.MethodGet, path: []string{"bridges"}, timeout: c.cfg.LongTimeout}, &answer); err != nil {
		return nil, fail("list bridges", "", err)
	}
	return answer, nil
}

// BridgeEntry is one bridge of a list.
type BridgeEntry struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Type       string   `json:"bridge_type"`
	Technology string   `json:"technology"` // simple_bridge, native_rtp, softmix
	Channels   []string `json:"channels"`
}
