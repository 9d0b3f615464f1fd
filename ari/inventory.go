package ari

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"

	"metaflows/flows/calls"
)

// The dialplan's applications in which a channel is in one of ARI's.
const (
	stasis    = "Stasis"
	broadcast = "StasisBroadcast"
)

// readers is how many channels are asked at once for what they keep for us.
const readers = 8

// Inventory lists what there is in Asterisk. A channel of the application that known does not know is asked for its
// METAFLOWS_STATE and what belongs to it, too. One that ends meanwhile is left out.
func (c *Client) Inventory(known func(channel string) bool) (calls.Inventory, error) {
	inside, err := c.inside()
	if err != nil {
		return calls.Inventory{}, err
	}
	bridges, err := c.Bridges()
	if err != nil {
		return calls.Inventory{}, err
	}
	entries, err := c.Channels()
	if err != nil {
		return calls.Inventory{}, err
	}
	var inv calls.Inventory
	in := map[string]string{}
	for _, b := range bridges {
		inv.Bridges = append(inv.Bridges, b.ID)
		for _, channel := range b.Channels {
			in[channel] = b.ID
		}
	}
	slices.SortFunc(entries, func(a, b ChannelEntry) int { // the eldest first, so that calls are taken up in their order
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	for _, entry := range entries {
		inv.Channels = append(inv.Channels, calls.Found{
			Channel: entry.Channel, Inside: inside[entry.ID], Elsewhere: entry.DialplanApp != "" && entry.DialplanApp != stasis && entry.DialplanApp != broadcast,
			Args: c.args(entry), Bridge: in[entry.ID],
		})
	}
	err = c.askAll(&inv, known)
	return inv, err
}

// inside are the channels that the application is subscribed to: those in it, and those that it has made.
func (c *Client) inside() (map[string]bool, error) {
	applications, err := c.Applications()
	if err != nil {
		return nil, err
	}
	inside := map[string]bool{}
	for _, a := range applications {
		if a.Name != c.cfg.Application {
			continue
		}
		for _, channel := range a.Channels {
			inside[channel] = true
		}
	}
	return inside, nil
}

// args are what the dialplan gave to Stasis() behind the application's name, or to StasisBroadcast() for who claims the call;
// nil for a channel that it did not hand over. One of ours says that it runs Stasis with the arguments that we gave: of an ear
// they say whose it is.
func (c *Client) args(entry ChannelEntry) []string {
	if calls.Ours(entry.ID) && !calls.IsEar(entry.ID) {
		return nil
	}
	words := splitArgs(entry.AppData, ',')
	switch {
	case entry.DialplanApp == stasis && words[0] == c.cfg.Application:
		return words[1:]
	case entry.DialplanApp == broadcast && len(words) > 2: // time, filter, arguments
		return splitArgs(words[2], ':')
	case entry.DialplanApp == broadcast:
		return []string{}
	}
	return nil
}

// splitArgs splits an application's data as Asterisk does (AST_STANDARD_APP_ARGS, where between is a comma): not inside of
// parentheses, quotes, or behind a backslash.
func splitArgs(data string, between byte) []string {
	words := []string{""}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		char := data[i]
		switch {
		case char == '\\' && i+1 < len(data):
			i++
			char = data[i]
		case char == '"':
			quoted = !quoted
			continue
		case char == '(':
			depth++
		case char == ')' && depth > 0:
			depth--
		case char == between && depth == 0 && !quoted:
			words = append(words, "")
			continue
		}
		words[len(words)-1] += string(char)
	}
	return words
}

// askAll completes the entries of unknown channels.
func (c *Client) askAll(inv *calls.Inventory, known func(string) bool) error {
	work := make(chan *calls.Found)
	errs := make([]error, readers)
	var gone sync.Map
	var wg sync.WaitGroup
	for n := range readers {
		wg.Go(func() {
			for f := range work {
				switch err := c.ask(f); {
				case errors.Is(err, calls.ErrGone):
					gone.Store(f.ID, true)
				case err != nil:
					errs[n] = err
				}
			}
		})
	}
	for i := range inv.Channels {
		if f := &inv.Channels[i]; f.Inside && !calls.IsEar(f.ID) && !known(f.ID) {
			work <- f
		}
	}
	close(work)
	wg.Wait()
	inv.Channels = slices.DeleteFunc(inv.Channels, func(f calls.Found) bool {
		_, ended := gone.Load(f.ID)
		return ended
	})
	return errors.Join(errs...)
}

// ask completes one entry.
func (c *Client) ask(f *calls.Found) error {
	values, err := c.Variables(f.ID, calls.VarState, calls.VarPartner, calls.VarDialled, calls.VarReturning)
	if err != nil {
		return err
	}
	f.State, f.Partner = values[calls.VarState], values[calls.VarPartner]
	f.Dialled = f.Args == nil && values[calls.VarDialled] != ""
	f.Returning = f.State == "" && values[calls.VarReturning] != ""
	return nil
}
