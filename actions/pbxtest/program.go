package pbxtest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"metaflows/flows"
	"metaflows/flows/calls"
)

// programs are who uses the API in a scenario.
type programs struct {
	sent    int
	last    calls.Command
	running sync.WaitGroup
}

// api is a line about a program:
//
//	api runs {"module":"hangup"} on alice               in the name of acme; "api of other runs ..." in that of another account
//	api repeats                                         the last command once more, with the same id
//	api repeats {"module":"none"}                       another one with the same id
//
// What it hears is written as "api <action> begun" and "api <action> <result>".
func (s *scenario) api(text string) error {
	account, rest := "acme", strings.TrimPrefix(text, "api ")
	if of, ok := strings.CutPrefix(rest, "of "); ok {
		account, rest, _ = strings.Cut(of, " ")
	}
	cmd := s.programs.last
	cmd.Account = account
	node, repeats := strings.CutPrefix(rest, "repeats")
	if !repeats {
		var who string
		node = strings.TrimPrefix(rest, "runs ")
		i := strings.LastIndex(node, " on ")
		if i < 0 {
			return errLine
		}
		node, who = node[:i], node[i+len(" on "):]
		s.programs.sent++
		cmd = calls.Command{ID: fmt.Sprintf("c%d", s.programs.sent), Account: account, Channel: s.pbx.channelOf(who), Repeatable: true, Waits: true}
	}
	if node = strings.TrimSpace(node); node != "" {
		var err error
		if cmd.Node, err = flows.ParseNode([]byte(node)); err != nil {
			return err
		}
	}
	if !repeats {
		s.programs.last = cmd
	}
	s.programs.running.Go(func() { s.ask(cmd) })
	return nil
}

// ask sends a command. Where the process is killed meanwhile, it is sent again to the next one, as whoever has no answer
// does.
func (s *scenario) ask(cmd calls.Command) {
	for range 50 {
		answers := make(chan calls.Report, 2)
		taken := s.now().calls.Execute(cmd, func(r calls.Report) {
			s.tr.add(3, "%-8s %s", "api", heard(r))
			answers <- r
		})
		var r calls.Report
		for taken && !r.Over {
			r = <-answers
		}
		switch {
		case taken && !errors.Is(r.Err, calls.ErrDetached):
			return
		case s.stopped, s.interrupted.down == 0:
			if !taken {
				s.tr.add(3, "%-8s no such channel", "api")
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func heard(r calls.Report) string {
	switch {
	case r.Err != nil:
		return r.Err.Error()
	case !r.Over:
		return r.Action + " begun"
	}
	words := []string{r.Action, r.Outcome.Result}
	for _, word := range []string{r.Outcome.Branch, r.Outcome.Reason} {
		if word != "" {
			words = append(words, word)
		}
	}
	if r.Outcome.Path != calls.PathAPI {
		words = append(words, "at", r.Outcome.Path)
	}
	return strings.Join(append(words, "ms="+fmt.Sprint(r.Outcome.Duration.Milliseconds())), " ")
}

// channelOf is the id of a phone's newest channel, "" where it has none.
func (p *PBX) channelOf(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.newest(name); c != nil {
		return c.id
	}
	return ""
}
