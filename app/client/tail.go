package client

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"time"
)

const tailUsage = `metaflows tail [--account A] [--after ID] [--json]

Tells events as they come, one line each, until Ctrl-C; --after 0 begins with all that is kept. When the connection is lost it
is made again, and what came meanwhile is told. With --json a line is the event as it is published, a CloudEvent.

`

// again is after what time a lost feed is opened again.
const again = time.Second

// tailing makes the command tail.
func tailing(flags *flag.FlagSet) func(context.Context, *terminal, []string) error {
	after := flags.String("after", "", "the place in the stream after which to begin; without it with what is still to come")
	return func(ctx context.Context, t *terminal, _ []string) error { return t.tail(ctx, *after) }
}

func (t *terminal) tail(ctx context.Context, after string) error {
	if _, err := strconv.ParseUint(after, 10, 64); after != "" && err != nil {
		return fmt.Errorf("--after %s is wrong; accepted is the place of an event in the stream, a number: the feed's id, 0 for all that is kept", after)
	}
	for first := true; ; first = false {
		feed, err := t.follow(ctx, t.account, after)
		refusal, refused := errors.AsType[*Refusal](err)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (first || refused && refusal.Status < 500 && refusal.Status != 429):
			return err
		case err == nil:
			err = t.tell(feed)
			feed.close()
			if err != nil {
				return err
			}
			if feed.found {
				after = strconv.FormatUint(feed.last, 10)
			}
			if ctx.Err() == nil {
				fmt.Fprintln(t.err, "the connection is lost, and made again")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again):
		}
	}
}

// tell tells a feed to its end. The error is that there is nobody to tell it to.
func (t *terminal) tell(feed *feed) error {
	for {
		data, err := feed.next()
		if err != nil { // it has ended, one way or the other
			return nil
		}
		if data == nil {
			continue
		}
		line := data
		if !t.json {
			e, err := eventOf(data)
			if err != nil {
				fmt.Fprintln(t.err, err)
				continue
			}
			line = []byte(e.line())
		}
		if _, err := t.out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
}
