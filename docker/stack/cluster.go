package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"metaflows/docker/phone"
)

// cast is the trial of compose.cluster.yaml: alice and bob are at node a, carol and dave at node b.
type cast struct {
	*project
	talks [2]*conversation
}

func cluster(p *project) []step {
	c := &cast{project: p}
	return []step{
		{"the images are built", p.build},
		{"the system starts", c.start},
		{"its containers may do little", p.hardened},
		{"a call on each node, with codes", c.begin},
		{"a document that is stored at node a is obeyed at node b", c.document},
		{"a NATS server is killed: calls, codes and documents go on", c.kill},
		{"the calls end", c.end},
	}
}

func (c *cast) start(ctx context.Context) error {
	if _, err := c.compose(ctx, "up", "--detach", "--no-build"); err != nil {
		return err
	}
	for node := range c.talks {
		if err := c.ready(ctx, node); err != nil {
			return err
		}
	}
	if err := c.healthy(ctx, "asterisk-a", "asterisk-b", "metaflows-a", "metaflows-b"); err != nil {
		return err
	}
	if err := c.visit(ctx); err != nil {
		return err
	}
	return c.stored(ctx)
}

func (c *cast) begin(ctx context.Context) error {
	for node, who := range [][3]string{{"alice", "1002", "bob"}, {"carol", "1004", "dave"}} {
		var pair [2]*phone.Phone
		for i, name := range []string{who[0], who[2]} {
			var err error
			if pair[i], err = c.phone(ctx, name, node); err != nil {
				return err
			}
		}
		talk, err := c.call(ctx, pair[0], who[1], pair[1])
		if err != nil {
			return err
		}
		c.talks[node] = talk
		if err := talk.press(ctx, "*9"); err != nil {
			return err
		}
		n, err := c.told(ctx, "recording.started", talk.id)
		if err != nil {
			return err
		}
		if want := string("ab"[node]); n.Node != want {
			return fmt.Errorf("the event is of node %q, want %s", n.Node, want)
		}
	}
	return nil
}

// store stores a document at a node, in which a number records.
func (c *cast) store(ctx context.Context, node int, number string) error {
	body := fmt.Sprintf(`{"data":{"numbers":{"0":{"module":"hangup"},%q:{"module":"record_call"}}}}`, number)
	deadline := time.Now().Add(answered)
	for {
		status, text, err := c.ask(ctx, node, http.MethodPost, "/v2/accounts/acme/metaflows", body)
		if err == nil && status == http.StatusOK {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("the document is not stored: %d %s %w", status, text, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (c *cast) document(ctx context.Context) error {
	if err := c.store(ctx, 0, "7"); err != nil {
		return err
	}
	return c.talks[1].press(ctx, "*7") // stops the recording
}

func (c *cast) kill(ctx context.Context) error {
	id, err := c.container(ctx, "nats-3")
	if err != nil {
		return err
	}
	if _, err := c.docker(ctx, "kill", id); err != nil {
		return err
	}
	for _, talk := range c.talks {
		if err := talk.press(ctx, "*7"); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := c.store(ctx, 1, "6"); err != nil {
		return err
	}
	c.say("  a document was stored %.1f s after", time.Since(began).Seconds())
	for node := range c.talks {
		if err := c.ready(ctx, node); err != nil {
			return err
		}
	}
	return c.talks[0].press(ctx, "*6")
}

func (c *cast) end(ctx context.Context) error {
	for _, talk := range c.talks {
		if err := talk.end(ctx); err != nil {
			return err
		}
		if _, err := c.told(ctx, "call.ended", talk.id); err != nil {
			return err
		}
	}
	return nil
}
