package client

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const runUsage = `metaflows run [--account A] [--wait SECONDS] [--json] CHANNEL|ENDPOINT|NUMBER NODE

Runs a node on a live call, as if the channel's party had pressed a code for it, and says how that has ended. The node is a
module's name, as hangup, or JSON: '{"module":"record_call","data":{"action":"start"}}'. With --json as the API's answer.

`

// mostWait is how long the API waits for an outcome at most, in seconds.
const mostWait = 120

// running makes the command run.
func running(flags *flag.FlagSet) func(context.Context, *terminal, []string) error {
	wait := flags.Float64("wait", 10, "for how long the outcome is waited for, in seconds, 120 at most")
	return func(ctx context.Context, t *terminal, words []string) error {
		if !(*wait >= 0 && *wait <= mostWait) {
			return fmt.Errorf("--wait %v is wrong; accepted is 0 to %d seconds", *wait, mostWait)
		}
		return t.runNode(ctx, words[0], words[1], *wait)
	}
}

// nodeOf is the node that somebody has typed.
func nodeOf(text string) (json.RawMessage, error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return json.Marshal(map[string]string{"module": text})
	}
	var node map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &node); err != nil {
		return nil, fmt.Errorf("the node is no JSON: %w", err)
	}
	return json.RawMessage(text), nil
}

func (t *terminal) runNode(ctx context.Context, word, text string, wait float64) error {
	node, err := nodeOf(text)
	if err != nil {
		return err
	}
	c, err := t.find(ctx, t.account, word)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"action": "metaflow", "data": node})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout+time.Duration(wait*float64(time.Second)))
	defer cancel()
	path := accountPath(c.Account) + "/channels/" + url.PathEscape(c.ID) + "?wait=" + strconv.FormatFloat(wait, 'f', -1, 64)
	said, err := t.ask(ctx, http.MethodPut, path, body, nil)
	if err != nil {
		return err
	}
	if t.json {
		return t.print(map[string]any{"action_id": said.Action, "call_id": said.Call, "channel": c.ID, "outcome": said.Outcome})
	}
	for _, w := range said.Warnings {
		fmt.Fprintf(t.err, "warning: %s: %s\n", w.Path, w.Message)
	}
	if said.Outcome == nil {
		fmt.Fprintf(t.out, "it runs on %s of call %s; metaflows call %s tells how it ends\n", c.ID, said.Call, said.Call)
		return nil
	}
	fmt.Fprintf(t.out, "%s on %s of call %s: %s after %s\n", said.Outcome.Module, c.ID, said.Call,
		strings.TrimSpace(said.Outcome.Result+" "+said.Outcome.Branch), time.Duration(said.Outcome.Duration)*time.Millisecond)
	return nil
}
