package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/live"
	"metaflows/app/store"
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
		{"the system starts", c.start},
		{"its containers may do little", p.hardened},
		{"a call on each node, with codes", c.begin},
		{"a document that is stored at node a is obeyed at node b", c.document},
		{"the NATS server that leads the documents is killed: calls, codes and documents go on", c.kill},
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

// store stores a document at a node, in which a number records, and waits until the other node knows it.
func (c *cast) store(ctx context.Context, node int, number string) error {
	began := time.Now()
	body := fmt.Sprintf(`{"data":{"numbers":{"0":{"module":"hangup"},%q:{"module":"record_call"}}}}`, number)
	if err := c.asks(ctx, node, http.MethodPost, body, number); err != nil {
		return fmt.Errorf("the document is not stored: %w", err)
	}
	stored := time.Since(began)
	if err := c.asks(ctx, 1-node, http.MethodGet, "", number); err != nil {
		return fmt.Errorf("the other node does not know the document: %w", err)
	}
	c.say("  stored after %d ms, known at the other node after %d ms", stored.Milliseconds(), time.Since(began).Milliseconds())
	return nil
}

// asks sends a request of the account's document until it succeeds and the answer has a number.
func (c *cast) asks(ctx context.Context, node int, method, body, number string) error {
	ctx, cancel := context.WithTimeout(ctx, answered)
	defer cancel()
	for {
		status, text, err := c.ask(ctx, node, method, "/v2/accounts/acme/metaflows", body)
		if err == nil && status == http.StatusOK && strings.Contains(text, fmt.Sprintf("%q:{", number)) {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d %s %w", status, text, err)
		}
	}
}

func (c *cast) document(ctx context.Context) error {
	if err := c.store(ctx, 0, "7"); err != nil {
		return err
	}
	return c.talks[1].press(ctx, "*7") // stops the recording
}

func (c *cast) kill(ctx context.Context) error {
	if _, err := c.leader(ctx, "KV_"+live.Bucket); err != nil {
		return err
	}
	server, err := c.leader(ctx, "KV_"+store.Bucket)
	if err != nil {
		return err
	}
	id, err := c.container(ctx, server)
	if err != nil {
		return err
	}
	if _, err := c.docker(ctx, "kill", id); err != nil {
		return err
	}
	c.say("  it was %s", server)
	for _, talk := range c.talks {
		if err := talk.press(ctx, "*7"); err != nil {
			return err
		}
	}
	if err := c.store(ctx, 1, "6"); err != nil {
		return err
	}
	for node := range c.talks {
		if err := c.ready(ctx, node); err != nil {
			return err
		}
	}
	if err := c.everywhere(ctx); err != nil {
		return err
	}
	return c.talks[0].press(ctx, "*6")
}

// everywhere looks whether each node lists the calls of both.
func (c *cast) everywhere(ctx context.Context) error {
	for node := range c.talks {
		status, text, err := c.ask(ctx, node, http.MethodGet, "/v2/accounts/acme/channels", "")
		if err != nil {
			return err
		}
		for _, talk := range c.talks {
			if status != http.StatusOK || !strings.Contains(text, fmt.Sprintf("%q", talk.id)) {
				return fmt.Errorf("node %c does not list the call %s: %d %s", 'a'+node, talk.id, status, text)
			}
		}
	}
	return nil
}

// leader is the server that leads a stream.
func (c *cast) leader(ctx context.Context, stream string) (string, error) {
	password, err := c.login(ctx, "nats")
	if err != nil {
		return "", err
	}
	conn, err := c.connect("metaflows", password)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return "", err
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return "", fmt.Errorf("stream %s: %w", stream, err)
	}
	info := s.CachedInfo()
	if info.Config.Replicas != c.servers || info.Cluster == nil {
		return "", fmt.Errorf("stream %s has %d replicas", stream, info.Config.Replicas)
	}
	return info.Cluster.Leader, nil
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
