package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const codesUsage = `metaflows codes [--account A] [--json] ENDPOINT|USER|DEVICE

Shows the codes that hold for somebody, where each comes from, and where they are in each other's way. The endpoint, as
PJSIP/alice or alice, the user or the device is looked for in the directory and on live calls; with --account also among those
who have a document. With --json as the API's metaflows/effective.

`

// holder is a user or device of an account whose codes are shown.
type holder struct {
	account, kind, id string // kind is user or device
	owner             string // of a device, where that is known
}

func (h holder) String() string {
	if h.owner != "" && h.kind == "device" {
		return fmt.Sprintf("device %s of user %s, account %s", h.id, h.owner, h.account)
	}
	return fmt.Sprintf("%s %s, account %s", h.kind, h.id, h.account)
}

func (h holder) path() string {
	return accountPath(h.account) + "/" + h.kind + "s/" + url.PathEscape(h.id) + "/metaflows"
}

// effective is what the API says of a holder.
type effective struct {
	Metaflows struct {
		BindingDigit string         `json:"binding_digit"`
		Numbers      ordered[entry] `json:"numbers"`
		Patterns     ordered[entry] `json:"patterns"`
	} `json:"metaflows"`
	Origins struct {
		Numbers  map[string]origin `json:"numbers"`
		Patterns map[string]origin `json:"patterns"`
	} `json:"origins"`
	Conflicts []struct {
		Code    string `json:"code"`
		Entry   string `json:"entry"`
		Message string `json:"message"`
	} `json:"conflicts"`
}

// entry is a node, as far as it is shown.
type entry struct {
	Module string          `json:"module"`
	Data   json.RawMessage `json:"data"`
}

type origin struct {
	Source   string   `json:"source"`
	ID       string   `json:"id"`
	Replaced []string `json:"replaced"`
}

func (o origin) String() string {
	text := strings.TrimSpace(o.Source + " " + o.ID)
	if len(o.Replaced) > 0 {
		text += ", instead of the one of the " + strings.Join(o.Replaced, " and the ")
	}
	return text
}

// codes shows them.
func codes(ctx context.Context, t *terminal, words []string) error {
	h, err := t.holder(ctx, words[0])
	if err != nil {
		return err
	}
	path := h.path() + "/effective"
	if h.owner != "" {
		path += "?user=" + url.QueryEscape(h.owner)
	}
	var raw json.RawMessage
	if err := t.get(ctx, path, &raw); err != nil {
		return err
	}
	if t.json {
		return t.print(raw)
	}
	var e effective
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	fmt.Fprintln(t.out, h)
	binding := cmp.Or(e.Metaflows.BindingDigit, t.binding)
	if len(e.Metaflows.Numbers)+len(e.Metaflows.Patterns) == 0 {
		fmt.Fprintln(t.out, "there are no codes")
	}
	table := t.table()
	for _, part := range []struct {
		entries ordered[entry]
		origins map[string]origin
	}{{e.Metaflows.Numbers, e.Origins.Numbers}, {e.Metaflows.Patterns, e.Origins.Patterns}} {
		for _, m := range part.entries {
			fmt.Fprintf(table, "%s%s\t%s\t%s\t%s\n", binding, m.key, m.value.Module, m.value.Data, part.origins[m.key])
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range e.Conflicts {
		fmt.Fprintf(t.out, "%s: %s: %s\n", c.Code, c.Entry, c.Message)
	}
	return nil
}

// holder finds who is meant by a word.
func (t *terminal) holder(ctx context.Context, word string) (holder, error) {
	var found []holder
	add := func(h holder) {
		if i := slices.IndexFunc(found, func(o holder) bool { return o.account == h.account && o.kind == h.kind && o.id == h.id }); i < 0 {
			found = append(found, h)
		} else if found[i].owner == "" {
			found[i].owner = h.owner
		}
	}
	accounts, err := t.accounts(ctx)
	if err != nil {
		return holder{}, err
	}
	for _, account := range accounts {
		if err := t.listed(ctx, account, word, add); err != nil {
			return holder{}, err
		}
	}
	live, err := t.channels(ctx, t.account)
	if err != nil {
		return holder{}, err
	}
	for _, c := range live {
		switch device := c.device(); {
		case c.Outsider:
		case device != "" && (device == word || c.Endpoint == word || resource(c.Endpoint) == word):
			add(holder{c.Account, "device", device, c.User})
		case c.User != "" && (c.User == word || c.Endpoint == word || resource(c.Endpoint) == word):
			add(holder{c.Account, "user", c.User, ""})
		}
	}
	if len(found) == 0 && t.account != "" {
		if err := t.documented(ctx, word, add); err != nil {
			return holder{}, err
		}
	}
	if slices.ContainsFunc(found, func(h holder) bool { return h.kind == "device" }) { // the more specific one, which has the user's codes too
		found = slices.DeleteFunc(found, func(h holder) bool { return h.kind != "device" })
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return holder{}, fmt.Errorf("%s is several: %s; say the account, or the device's id", word, join(found))
	case t.account == "":
		return holder{}, fmt.Errorf("%s is neither in the directory nor on a call; with --account its documents are looked for", word)
	}
	return holder{}, fmt.Errorf("account %s has no user, device or endpoint %s in its directory, on a call or with a document", t.account, word)
}

func join(found []holder) string {
	var all []string
	for _, h := range found {
		all = append(all, h.String())
	}
	return strings.Join(all, "; ")
}

// accounts are those in which somebody is looked for: what --account says, or all of the directory.
func (t *terminal) accounts(ctx context.Context) (ids []string, err error) {
	if t.account != "" {
		return []string{t.account}, nil
	}
	var all []struct{ ID string }
	err = t.get(ctx, "/v2/accounts?paginate=false", &all)
	for _, a := range all {
		ids = append(ids, a.ID)
	}
	return ids, err
}

// listed adds whom the directory of an account has under a word.
func (t *terminal) listed(ctx context.Context, account, word string, add func(holder)) error {
	var devices []struct {
		ID, Endpoint string
		Owner        string `json:"owner_id"`
	}
	if err := t.get(ctx, accountPath(account)+"/devices?paginate=false", &devices); err != nil {
		return err
	}
	for _, d := range devices {
		if d.ID == word || d.Endpoint == word || resource(d.Endpoint) == word {
			add(holder{account, "device", d.ID, d.Owner})
		}
	}
	var users []struct{ ID, Username string }
	if err := t.get(ctx, accountPath(account)+"/users?paginate=false", &users); err != nil {
		return err
	}
	for _, u := range users {
		if u.ID == word || u.Username == word {
			add(holder{account, "user", u.ID, ""})
		}
	}
	return nil
}

// documented adds whom of the account has a document under a word.
func (t *terminal) documented(ctx context.Context, word string, add func(holder)) error {
	for _, kind := range []string{"device", "user"} {
		h := holder{account: t.account, kind: kind, id: word}
		var document map[string]json.RawMessage
		err := t.get(ctx, h.path(), &document)
		if is(err, http.StatusNotFound) { // no id, or not in a strict directory
			continue
		}
		if err != nil {
			return err
		}
		if len(document) > 0 {
			add(h)
		}
	}
	return nil
}
