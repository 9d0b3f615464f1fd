package live

import "time"

// Filter says which channels of an account are listed. The zero value is all.
type Filter struct {
	User   string // whose own they are
	Device string // by which they came
	His    string // a user's own, and outsiders' on his calls
}

// Channels are the channels of an account, the oldest first, from memory.
func (l *Live) Channels(account string, f Filter) []Channel {
	return l.index.list(account, time.Now(), func(e *Entry, leg *Leg) bool {
		return (f.User == "" || leg.OwnerID == f.User) && (f.His == "" || his(leg, e.Legs, f.His)) &&
			(f.Device == "" || leg.AuthorizingType == "device" && leg.AuthorizingID == f.Device)
	})
}

// Listed is a channel with the account under which it is listed.
type Listed struct {
	Account string `json:"account_id"`
	Channel
}

// All are the channels of all accounts, account by account and in each the oldest first, from memory. An outsider's is
// listed under each account on its call.
func (l *Live) All() []Listed {
	all := []Listed{}
	for _, account := range l.index.accounts() {
		for _, c := range l.Channels(account, Filter{}) {
			all = append(all, Listed{account, c})
		}
	}
	return all
}

// Channel is all that is known of one; ok is false where the account has no such channel.
func (l *Live) Channel(account, channel string) (d Details, ok bool) {
	e, leg, there := l.index.find(account, channel, time.Now())
	if !there {
		return Details{}, false
	}
	return Details{
		Channel: e.channel(leg), CallID: leg.UUID, OtherCallID: leg.OtherLeg, CallAnswered: e.Answered,
		Legs: e.Legs, Actions: e.Actions, Recordings: e.Recordings,
	}, true
}

// His says whether a user may act on a channel of his account; known is false where there is no such channel.
func (l *Live) His(account, channel, user string) (may, known bool) {
	e, leg, _ := l.index.find(account, channel, time.Now())
	if e == nil {
		return false, false
	}
	return his(leg, e.Legs, user), true
}

// His says whether a user of the account may act on it.
func (d Details) His(user string) bool { return his(&d.Leg, d.Legs, user) }

// Knows says whether a channel that is not listed is none: what there was in Asterisk has been taken up, and other
// instances' calls are known.
func (l *Live) Knows() bool { return l.knows() }
