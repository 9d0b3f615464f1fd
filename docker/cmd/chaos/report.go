package main

import (
	"fmt"
	"strings"
	"time"
)

// report counts the problems of a run and tells them; found has those of each scene, after those of the whole run.
func (c *campaign) report(n int, what string, scenes []*scene, found [][]problem, after []problem) (problems int) {
	var b strings.Builder
	for i, s := range scenes {
		if len(found[i]) == 0 {
			continue
		}
		fmt.Fprintf(&b, "  %s\n", s)
		problems += c.count(&b, found[i])
		fmt.Fprintf(&b, "    events: %s\n", c.books.story(s.parties[caller].Name()))
	}
	if len(after) > 0 {
		fmt.Fprintf(&b, "  when all had hung up, of the calls\n")
		for _, s := range scenes {
			fmt.Fprintf(&b, "    %s\n", s)
		}
		problems += c.count(&b, after)
	}
	if problems > 0 {
		fmt.Fprintf(c.out, "run %d, at %s: %s; to repeat it: -seed %d -first %d -runs 1\n%s", n, time.Now().Format("15:04:05"), what, c.seed, n, b.String())
	}
	return problems
}

func (c *campaign) count(b *strings.Builder, list []problem) int {
	for _, p := range list {
		c.counts[p.category]++
		fmt.Fprintf(b, "    %s: %s\n", p.category, p.text)
	}
	return len(list)
}

// tell prints the result of all runs.
func (c *campaign) tell(failed int, took time.Duration) {
	kind := "kills"
	if !c.kill {
		kind = "runs without a kill"
	}
	fmt.Fprintf(c.out, "\n%d %s in %s, %d calls in each, %d of all were not answered before; seed %d\n", c.runs, kind, took.Round(time.Second), c.calls, c.dead, c.seed)
	for n, count := range c.counts {
		fmt.Fprintf(c.out, "  %-36s %d\n", category(n), count)
	}
	verdict := "all as it should be"
	if failed > 0 {
		verdict = fmt.Sprintf("%d runs failed; the logs of Asterisk and metaflows are in %s", failed, c.folder)
	}
	fmt.Fprintf(c.out, "%s\n", verdict)
}
