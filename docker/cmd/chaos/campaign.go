package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/program"
	"metaflows/docker/rig"
)

// campaign is all runs.
type campaign struct {
	out    io.Writer
	binary string
	runs   int
	first  int
	seed   uint64
	calls  int
	kill   bool
	folder string

	*rig.Rig
	parties [mostCalls][roles]*party
	books   *books
	counts  [categories]int
	dead    int // calls before they were answered at the kill
}

// dialplan has an extension for each phone, alone, with g, and two at once. Transfers have one of their own, which tells
// the caller nothing when the phone is not reached: what answers would be a target.
const dialplan = `
[acme](+)
exten => _3XX0,1,Stasis(metaflows,dial,PJSIP/${EXTEN},2)
 same => n,ExecIf($["${STASISSTATUS}"="FAILED"]?Dial(PJSIP/${EXTEN},2))
 same => n,Goto(after,${EXTEN},1)
exten => _g3XX0,1,Stasis(metaflows,dial,PJSIP/${EXTEN:1},2,g)
 same => n,ExecIf($["${STASISSTATUS}"="FAILED"]?Dial(PJSIP/${EXTEN:1},2,g))
 same => n,Goto(after,${EXTEN},1)
exten => _m3XX03XX0,1,Set(BOTH=PJSIP/${EXTEN:1:4}&PJSIP/${EXTEN:5:4})
 same => n,Stasis(metaflows,dial,${BOTH},2)
 same => n,ExecIf($["${STASISSTATUS}"="FAILED"]?Dial(${BOTH},2))
 same => n,Goto(after,${EXTEN},1)
exten => _4XX0,1,Stasis(metaflows,dial,PJSIP/3${EXTEN:1},2)
 same => n,ExecIf($["${STASISSTATUS}"="FAILED"]?Dial(PJSIP/3${EXTEN:1},2))
 same => n,Hangup(17)
`

const document = `{"data":{"numbers":{"0":{"module":"hangup"},"9":{"module":"record_call"}},` +
	`"patterns":{"2(\\d{4})":{"module":"transfer","data":{"timeout":2}}}}}`

// run does all runs and returns how many problems there were.
func (c *campaign) run(ctx context.Context) (found int, err error) {
	fmt.Fprintf(c.out, "seed %d\n", c.seed)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := os.MkdirAll(c.folder, 0o755); err != nil {
		return 0, err
	}
	c.Rig, err = rig.Start(ctx, rig.Options{
		Asterisk: pbx.Options{Append: map[string]string{"extensions.conf": dialplan, "pjsip.conf": endpoints()}},
		Program:  program.Options{Binary: c.binary, LogPath: filepath.Join(c.folder, "metaflows.log"), Env: []string{"METAFLOWS_LOG_LEVEL=debug"}},
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	if _, err := c.Program.Request(ctx, "POST", "/v2/accounts/acme/metaflows", document); err != nil {
		return 0, err
	}
	for call := range c.calls {
		for r := range roles {
			if c.parties[call][r], err = newParty(ctx, c.Rig, call, r); err != nil {
				return 0, err
			}
		}
	}
	c.books = newBooks(c.Rig)
	began, failed := time.Now(), 0
	for n := c.first; n < c.first+c.runs; n++ {
		problems, err := c.once(ctx, n)
		if err != nil {
			return found, fmt.Errorf("run %d: %w", n, err)
		}
		found += problems
		if problems > 0 {
			failed++
		}
		if done := n - c.first + 1; done%25 == 0 {
			fmt.Fprintf(c.out, "%d of %d runs, %d with problems, %s\n", done, c.runs, failed, time.Since(began).Round(time.Second))
		}
	}
	c.tell(failed, time.Since(began))
	return found, nil
}

// once is one run: calls, a kill, a new start, judgement, and an end of everything.
func (c *campaign) once(ctx context.Context, n int) (int, error) {
	random := rand.New(rand.NewPCG(c.seed, uint64(n)))
	scenes := make([]*scene, c.calls)
	for i := range scenes {
		scenes[i] = newScene(newPlan(random), c.parties[i])
	}
	when, patience := newInstant(random), restartAfter(random)
	killed, pressing := make(chan struct{}), make(chan struct{}, 100)
	for i, s := range scenes {
		late := time.Duration(i%2) * between(random, 0, 300) // half of them at the same time
		time.AfterFunc(late, func() { s.play(ctx, killed, pressing) })
	}
	what := "nothing was killed"
	if c.kill {
		what = when.wait(ctx, pressing)
		c.Program.Kill()
		close(killed)
		what = fmt.Sprintf("killed %s, started %s later", what, patience)
		select {
		case <-time.After(patience):
		case <-ctx.Done():
		}
		if err := c.Program.Restart(ctx); err != nil {
			return 0, err
		}
	}
	for _, s := range scenes {
		<-s.ended
	}
	found := c.judge(ctx, scenes)
	after, err := c.clear(ctx, scenes)
	if err != nil {
		return 0, err
	}
	return c.report(n, what, scenes, found, after), ctx.Err()
}

// judge asks all scenes at the same time.
func (c *campaign) judge(ctx context.Context, scenes []*scene) [][]problem {
	found := make([][]problem, len(scenes))
	var all sync.WaitGroup
	for i, s := range scenes {
		all.Go(func() { found[i] = s.judge(ctx) })
	}
	all.Wait()
	for i, s := range scenes {
		found[i] = append(found[i], s.rungTooOften()...)
		if s.peer == nil {
			c.dead++
		}
	}
	return found
}

// leftTime is how long Asterisk may take to forget everything once all phones have hung up.
const leftTime = 15 * time.Second

// clear lets everybody hang up and looks what is left, and at the books. What is left is removed for the next run.
func (c *campaign) clear(ctx context.Context, scenes []*scene) (found []problem, err error) {
	var all sync.WaitGroup
	for _, s := range scenes {
		for _, p := range s.parties {
			all.Go(func() { p.hangUp(ctx) })
		}
	}
	all.Wait()
	left, err := c.forgotten(ctx, leftTime)
	if err != nil {
		return nil, err
	}
	if !left.None() {
		found = append(found, problem{leftOver, left.String()})
		if err := c.remove(ctx, left); err != nil {
			return nil, err
		}
	}
	booked, err := c.books.audit(ctx, scenes)
	return append(found, booked...), err
}

// forgotten waits until nothing is left, or the time is over.
func (c *campaign) forgotten(ctx context.Context, limit time.Duration) (left rig.Left, err error) {
	for began := time.Now(); ; {
		if left, err = c.Left(ctx); err != nil || left.None() || time.Since(began) > limit {
			return left, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return left, ctx.Err()
		}
	}
}

// remove ends what was left over, so that it does not count again.
func (c *campaign) remove(ctx context.Context, left rig.Left) error {
	if _, err := c.Asterisk.CLI("channel request hangup all"); err != nil {
		return err
	}
	for _, id := range left.Bridges {
		_ = c.ARI(ctx, "DELETE", "/bridges/"+id, nil) // it may have gone by itself
	}
	left, err := c.forgotten(ctx, 5*time.Second)
	if err != nil || left.None() {
		return err
	}
	// Subscriptions end with the connection.
	if err := errors.Join(c.Program.Stop(), c.Program.Restart(ctx)); err != nil {
		return err
	}
	if left, err = c.forgotten(ctx, 5*time.Second); err == nil && !left.None() {
		err = fmt.Errorf("it cannot be removed: %s", left)
	}
	return err
}

// end stops everything, and keeps Asterisk's log beside metaflows'.
func (c *campaign) end() error {
	var all sync.WaitGroup
	for _, call := range c.parties {
		for _, p := range call {
			if p != nil {
				all.Go(func() { _ = p.Close() })
			}
		}
	}
	all.Wait()
	err := os.WriteFile(filepath.Join(c.folder, "asterisk.log"), []byte(c.Asterisk.Log()), 0o600)
	return errors.Join(err, c.Stop())
}
