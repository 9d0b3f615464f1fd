package client

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// channel is a leg of a live call, as the API lists it.
type channel struct {
	Account         string `json:"account_id"` // under which it is listed
	Call            string `json:"call"`
	Node            string `json:"node"`
	ID              string `json:"uuid"`
	Role            string `json:"role"`
	State           string `json:"state"`
	Endpoint        string `json:"endpoint"`
	Number          string `json:"caller_id_number"`
	Name            string `json:"caller_id_name"`
	Destination     string `json:"destination"`
	User            string `json:"owner_id"`
	AuthorizingID   string `json:"authorizing_id"`
	AuthorizingType string `json:"authorizing_type"`
	Outsider        bool   `json:"outsider"`
	Began           int64  `json:"timestamp"` // in Gregorian seconds
}

// gregorian is the year 1970 in seconds from the year 0.
const gregorian = 62167219200

func (c channel) began() time.Time { return time.Unix(c.Began-gregorian, 0) }

// device is the leg's, "" where it is not known by which it came.
func (c channel) device() string {
	if c.AuthorizingType != "device" {
		return ""
	}
	return c.AuthorizingID
}

// named says whether somebody means the leg by a word: its channel, its endpoint with or without its technology, its number,
// or its call.
func (c channel) named(word string) bool {
	return word != "" && slices.Contains([]string{c.ID, c.Endpoint, resource(c.Endpoint), c.Number, c.Call}, word)
}

// channels are the live channels of an account, "" for all accounts: there an outsider's is listed under each account on its
// call.
func (a *API) channels(ctx context.Context, account string) (all []channel, err error) {
	path := "/v2/channels"
	if account != "" {
		path = accountPath(account) + "/channels"
	}
	if err := a.get(ctx, path, &all); err != nil {
		return nil, err
	}
	for i := range all {
		if account != "" {
			all[i].Account = account
		}
	}
	return all, nil
}

func accountPath(account string) string { return "/v2/accounts/" + url.PathEscape(account) }

// find is the live channel that a word means.
func (a *API) find(ctx context.Context, account, word string) (channel, error) {
	all, err := a.channels(ctx, account)
	if err != nil {
		return channel{}, err
	}
	meant := slices.DeleteFunc(all, func(c channel) bool { return c.ID != word && (c.Call == word || !c.named(word)) })
	slices.SortStableFunc(meant, func(x, y channel) int { return strings.Compare(x.ID, y.ID) })
	meant = slices.CompactFunc(meant, func(x, y channel) bool { return x.ID == y.ID }) // an outsider is listed under each account
	switch len(meant) {
	case 0:
		return channel{}, fmt.Errorf("there is no live channel %s; metaflows calls lists them", word)
	case 1:
		return meant[0], nil
	}
	var ids []string
	for _, c := range meant {
		ids = append(ids, c.ID)
	}
	return channel{}, fmt.Errorf("%s is several channels: %s; say which", word, strings.Join(ids, ", "))
}
