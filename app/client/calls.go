package client

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const callsUsage = `metaflows calls [--account A] [--json]

Lists the live calls, one line for each channel. Calls on which nobody has an account are not among them: they have no codes.

`

// calls lists them.
func calls(ctx context.Context, t *terminal, _ []string) error {
	all, err := t.channels(ctx, t.account)
	if err != nil {
		return err
	}
	if t.json {
		return t.print(all)
	}
	if len(all) == 0 {
		fmt.Fprintln(t.out, "there are no calls")
		return nil
	}
	began := map[string]int64{}
	for _, c := range all {
		began[c.Call] = min(cmp.Or(began[c.Call], c.Began), c.Began)
	}
	slices.SortStableFunc(all, func(x, y channel) int {
		return cmp.Or(cmp.Compare(began[x.Call], began[y.Call]), strings.Compare(x.Call, y.Call), cmp.Compare(x.Began, y.Began), strings.Compare(x.ID, y.ID))
	})
	table := t.table()
	fmt.Fprintln(table, "CALL\tROLE\tCHANNEL\tENDPOINT\tNUMBER\tACCOUNT\tUSER\tDEVICE\tSTATE\tFOR")
	last := channel{}
	for _, c := range all {
		call := c.Call
		if c.Call == last.Call {
			call = ""
		}
		if c.ID == last.ID && c.Call == last.Call { // an outsider, whom two accounts see
			continue
		}
		account := c.Account
		if c.Outsider {
			account = ""
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			call, c.Role, c.ID, c.Endpoint, c.Number, dash(account), dash(c.User), dash(c.device()), c.State, lasting(time.Since(c.began())))
		last = c
	}
	return table.Flush()
}

// dash stands where there is nothing.
func dash(text string) string { return cmp.Or(text, "-") }

// lasting is how long something lasts, as 1:02:03 or 0:42.
func lasting(d time.Duration) string {
	s := max(0, int(d.Seconds()))
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
