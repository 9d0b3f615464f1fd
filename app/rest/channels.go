package rest

import (
	"context"
	"net/http"

	"metaflows/app/auth"
	"metaflows/app/live"
)

// Live is the live calls of all instances. *live.Live is one.
type Live interface {
	All() []live.Listed
	Channels(account string, f live.Filter) []live.Channel
	Channel(account, channel string) (d live.Details, ok bool)
	// His says whether a user may act on a channel; known is false where the account has no such channel.
	His(account, channel, user string) (his, known bool)
	// Knows says whether a channel that is not known is none.
	Knows() bool
	Do(ctx context.Context, cmd live.Command) live.Reply
}

// channelRoutes are live calls, as Kazoo's (app/rest/README.md, Channels). A user acts on his own legs, and on an outsider's
// on his calls.
func (a *API) channelRoutes() []route {
	if a.cfg.Live == nil {
		return nil
	}
	return []route{
		{"GET", "/v2/channels", superAdmin, a.listAllChannels},
		{"GET", "/v2/accounts/{account}/channels", members, a.listChannels},
		{"GET", "/v2/accounts/{account}/users/{user}/channels", owners, a.listChannels},
		{"GET", "/v2/accounts/{account}/devices/{device}/channels", owners, a.listChannels},
		{"GET", "/v2/accounts/{account}/channels/{channel}", owners, a.showChannel},
		{"POST", "/v2/accounts/{account}/channels/{channel}", owners, a.actOnChannel},
		{"PUT", "/v2/accounts/{account}/channels/{channel}", owners, a.runOnChannel},
	}
}

// listAllChannels gives those of all accounts.
func (a *API) listAllChannels(x *exchange) { x.succeed(a.cfg.Live.All()) }

// listChannels gives an account's channels, or those of the user or device that the path names; to a user those that he
// may act on.
func (a *API) listChannels(x *exchange) {
	f := live.Filter{User: x.PathValue("user"), Device: x.PathValue("device")}
	if f == (live.Filter{}) {
		f.His = x.whose()
	}
	x.succeed(a.cfg.Live.Channels(x.account, f))
}

// showChannel gives all that is known of one.
func (a *API) showChannel(x *exchange) {
	id := x.PathValue("channel")
	switch d, ok := a.cfg.Live.Channel(x.account, id); {
	case !ok:
		a.noChannel(x, id)
	case !x.mayAct(d):
		x.forbidden()
	default:
		x.succeed(d)
	}
}

// whose is the user to whose own the request is confined, "" for who may do everything in the account.
func (x *exchange) whose() string {
	if x.who.Role == auth.User {
		return x.who.Owner
	}
	return ""
}

// mayAct says whether who asks may act on a channel. The path was looked at before the body came, and the channel may have
// begun since.
func (x *exchange) mayAct(d live.Details) bool {
	user := x.whose()
	return user == "" || d.His(user)
}

// noChannel: there is no such channel, or it is not known whether there is one.
func (a *API) noChannel(x *exchange, id string) {
	if !a.cfg.Live.Knows() {
		x.away("it is not known yet which calls there are")
		return
	}
	x.fail(http.StatusNotFound, "bad identifier", []string{id}) // an array, as for API keys (app/rest/README.md, Errors)
}

// away: whoever handles the call does not answer now.
func (x *exchange) away(message string) {
	x.w.Header().Set("Retry-After", "2")
	x.fail(http.StatusServiceUnavailable, "datastore_unreachable", because(message))
}
