package ari

import (
	"net/http"
	"time"

	"metaflows/flows"
)

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
	flows.Channel
	DialplanApp string // the dialplan's application that it runs: Stasis; "" for none
	Created     time.Time
}
