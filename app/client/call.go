package client

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const callUsage = `metaflows call [--account A] [--json] CALL|CHANNEL|ENDPOINT|NUMBER

Tells the story of a call: of the live one that has such an id, channel, endpoint or number, else of the latest of those that
are kept. With --json its events, as they were published.

`

// lookedThrough is how many of the newest events are looked through for a call that is over.
const lookedThrough = 100_000

// quietTime is after how long without an event there are no more.
const quietTime = 2 * time.Second

// call tells a call's story.
func call(ctx context.Context, t *terminal, words []string) error {
	story, err := t.storyOf(ctx, words[0])
	if err != nil {
		return err
	}
	if t.json {
		raw := make([]json.RawMessage, len(story))
		for i, e := range story {
			raw[i] = e.raw
		}
		return t.print(raw)
	}
	table := t.table()
	fmt.Fprintf(table, "call %s of %s\n", story[0].fact.Call, story[0].Time.Local().Format("2006-01-02"))
	for _, e := range story {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", e.local(), dash(e.fact.Account), e.kind(), e.what())
	}
	return table.Flush()
}

// storyOf finds the events of the call that a word means.
func (t *terminal) storyOf(ctx context.Context, word string) ([]event, error) {
	live, err := t.channels(ctx, t.account)
	if err != nil {
		return nil, err
	}
	meant := map[string][]string{} // the accounts of the calls that may be meant
	for _, c := range live {
		if c.named(word) {
			meant[c.Call] = nil
		}
	}
	if len(meant) > 1 {
		return nil, fmt.Errorf("%s is on several calls: %s; say which", word, strings.Join(slices.Sorted(maps.Keys(meant)), ", "))
	}
	for _, c := range live {
		if accounts, ok := meant[c.Call]; ok && !slices.Contains(accounts, c.Account) {
			meant[c.Call] = append(accounts, c.Account)
		}
	}
	if len(meant) == 0 {
		if meant, err = t.pastCall(ctx, word); err != nil {
			return nil, err
		}
	}
	var story []event
	for id, accounts := range meant {
		for _, account := range accounts {
			if story, err = t.readStory(ctx, story, account, id); err != nil {
				return nil, err
			}
		}
	}
	if len(story) == 0 {
		return nil, fmt.Errorf("no call is known that has %s as id, channel, endpoint or number", word)
	}
	slices.SortStableFunc(story, func(a, b event) int { return a.Time.Compare(b.Time) }) // of several accounts
	return story, nil
}

// readStory appends what was published about a call under an account.
func (t *terminal) readStory(ctx context.Context, story []event, account, id string) ([]event, error) {
	for start := ""; ; {
		said, err := t.within(ctx, http.MethodGet, storyPath(account, id)+"?page_size=1000&start_key="+start, nil, nil)
		if is(err, http.StatusNotFound) { // nothing was published yet
			return story, nil
		}
		if err != nil {
			return nil, err
		}
		var page []json.RawMessage
		if err := json.Unmarshal(said.Data, &page); err != nil {
			return nil, err
		}
		for _, raw := range page {
			e, err := eventOf(raw)
			if err != nil {
				return nil, err
			}
			story = append(story, e)
		}
		if start = said.Next; start == "" {
			return story, nil
		}
	}
}

// pastCall looks through the newest events that are kept for the latest call that is meant, and its accounts.
func (t *terminal) pastCall(ctx context.Context, word string) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	newest, err := t.follow(ctx, t.account, "")
	if err != nil {
		return nil, err
	}
	_, err = newest.next()
	newest.close()
	if err != nil {
		return nil, fmt.Errorf("the newest event cannot be found: %w", err)
	}
	feed, err := t.follow(ctx, t.account, strconv.FormatUint(newest.last-min(newest.last, lookedThrough), 10))
	if err != nil {
		return nil, err
	}
	defer feed.close()
	quiet := time.AfterFunc(quietTime, cancel) // the newest event may be another account's
	defer quiet.Stop()
	accounts, latest := map[string][]string{}, ""
	for feed.last < newest.last {
		data, err := feed.next()
		if err != nil {
			break
		}
		quiet.Reset(quietTime)
		if data == nil {
			continue
		}
		e, err := eventOf(data)
		if err != nil || e.fact.Call == "" || e.fact.Account == "" {
			continue
		}
		id := e.fact.Call
		if !slices.Contains(accounts[id], e.fact.Account) {
			accounts[id] = append(accounts[id], e.fact.Account)
		}
		if e.about(word) {
			latest = id
		}
	}
	return map[string][]string{latest: accounts[latest]}, nil
}
