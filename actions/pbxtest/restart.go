package pbxtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"

	"metaflows/actions"
	"metaflows/flows/calls"
)

// Restarts plays a scenario again and again, each time with the process killed before another of its commands and a new
// one begun after down. The lines of the call say what must be so all the same. Nothing may be done twice: no phone rings
// and no recording begins more often than without, and no subroutine runs twice on the caller's channel. extra are
// modules that package actions does not have, made as its own are.
func Restarts(t *testing.T, file *txtar.Archive, down time.Duration, extra ...Module) {
	t.Helper()
	want := replay(t, file, interruption{}, extra)
	for n := 1; n <= want.sent; n++ {
		name := fmt.Sprintf("killed before request %d of %d", n, want.sent)
		if !t.Run(name, func(t *testing.T) {
			got := replay(t, file, interruption{before: n, down: down}, extra)
			for phone, times := range got.rung {
				if times > want.rung[phone] {
					t.Errorf("%s rang %d times, without a restart %d times", phone, times, want.rung[phone])
				}
			}
			if !maps.Equal(got.ran, want.ran) {
				t.Errorf("on the caller's channel ran %v, without a restart %v", got.ran, want.ran)
			}
			if got.recordings > want.recordings {
				t.Errorf("%d recordings, without a restart %d", got.recordings, want.recordings)
			}
			if t.Failed() || testing.Verbose() {
				t.Logf("it went so:\n%s", got.transcript)
			}
		}) {
			return
		}
	}
}

// Hangups plays a scenario again and again, each time with a phone hanging up before another of the commands that come when two
// of them talk ("alice calls bob"), and the process killed at that moment for down, unless that is 0. The lines of the call say
// what must be so all the same.
func Hangups(t *testing.T, file *txtar.Archive, phone string, down time.Duration, extra ...Module) {
	t.Helper()
	whole := replay(t, file, interruption{}, extra)
	for n := whole.talk + 1; n <= whole.sent; n++ {
		if !t.Run(fmt.Sprintf("%s hangs up before request %d of %d", phone, n, whole.sent), func(t *testing.T) {
			got := replay(t, file, interruption{n, down, phone}, extra)
			if t.Failed() || testing.Verbose() {
				t.Logf("it went so:\n%s", got.transcript)
			}
		}) {
			return
		}
	}
}

// interruption is what happens before a command, counted from 1; none before 0.
type interruption struct {
	before int
	down   time.Duration // the process is killed for so long; 0: it is not
	hangUp string        // a phone that hangs up
}

// Module makes a module on a set of actions, as the methods of that do.
type Module func(*actions.Set) calls.Module

// replayed is what a scenario has come to.
type replayed struct {
	transcript string
	sent       int // commands
	talk       int // and how many until two phones talked
	rung, ran  map[string]int
	recordings int
}

func replay(t *testing.T, file *txtar.Archive, interrupted interruption, extra []Module) (r replayed) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScenario(t, file)
		s.interrupted, s.extra = interrupted, extra
		if err := s.play(); err != nil {
			s.finishEarly()
			t.Errorf("%v\n%s", err, s.tr.text())
			return
		}
		s.finish()
		if t.Failed() {
			t.Logf("it went so:\n%s", s.tr.text())
		}
		r = replayed{s.tr.text(), s.pbx.Sent(), s.talked, s.pbx.Rung(), s.pbx.Ran(), len(s.pbx.Recordings())}
	})
	return r
}

// finishEarly ends what a scenario that has failed has begun, so that its bubble can end.
func (s *scenario) finishEarly() {
	s.downs.Wait()
	s.pbx.Close()
	s.pbx.Detach()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = s.now().calls.Shutdown(ctx)
	s.programs.running.Wait()
}

// Sent is how many commands there were.
func (p *PBX) Sent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// Asked says whether a verb was asked for.
func (p *PBX) Asked(verb string) bool { return p.askedSoFar()[verb] }

func (p *PBX) askedSoFar() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.verbs)
}

// countdown is called before each command.
func (s *scenario) countdown() {
	if s.pbx.Sent()+1 != s.interrupted.before {
		return
	}
	if phone := s.interrupted.hangUp; phone != "" {
		s.pbx.HangUp(phone)
	}
	if s.interrupted.down > 0 {
		s.kill(s.interrupted.down)
	}
}

// kill lets the process end where it stands: no command of it goes out any more, nobody hears what it says. After down
// another begins. One that is dead already is not killed.
func (s *scenario) kill(down time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again.Before(s.killed) {
		return
	}
	if s.restarts++; s.restarts == 1 {
		s.asked = s.pbx.askedSoFar()
	}
	s.killed = time.Now()
	s.pbx.Detach()
	s.pbx.Listen(nil)
	s.tr.add(2, "the application is killed")
	s.tr.silence(true)
	dead := s.calls
	s.downs.Go(func() {
		if err := dead.Shutdown(context.Background()); err != nil {
			s.t.Error(err)
		}
		time.Sleep(down)
		s.tr.silence(false)
		s.tr.add(2, "the application begins again")
		s.beginAgain()
	})
}

// beginAgain starts another process and connects it.
func (s *scenario) beginAgain() {
	p := s.start()
	s.mu.Lock()
	s.again = time.Now()
	s.mu.Unlock()
	s.pbx.Attach()
	inv, err := s.pbx.Inventory(p.calls.Has)
	if err != nil {
		s.t.Error(err)
	}
	for n := range inv.Channels {
		s.know(&inv.Channels[n].Channel)
	}
	p.calls.Connected(inv)
	p.janitor.Sweep(inv)
	s.tellLost(p)
	s.pbx.Listen(knowing{p.calls, s})
}

// tellLost tells of the actions that a process before this one has begun and none goes on with, as app/server does.
func (s *scenario) tellLost(p process) {
	for _, n := range s.tr.unfinishedActions() {
		p.calls.Lost(n)
	}
}

// unfinishedActions are those that have begun, or were to, and have no end told, in the order of their ids.
func (tr *transcript) unfinishedActions() (open []calls.Notice) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	unfinished := calls.Unfinished{}
	for _, n := range tr.notices {
		unfinished.See(n)
	}
	for _, n := range unfinished {
		if strings.HasPrefix(n.Type, "action.") {
			open = append(open, n)
		}
	}
	slices.SortFunc(open, func(a, b calls.Notice) int { return strings.Compare(a.Action, b.Action) })
	return open
}

// tidyUp lets the janitor look around for a while.
func (s *scenario) tidyUp() {
	for range 3 {
		time.Sleep(actions.Grace)
		p := s.now()
		inv, err := s.pbx.Inventory(p.calls.Has)
		if err != nil {
			s.t.Error(err)
		}
		p.janitor.Look(inv)
	}
}

// finishRestarted looks at what must hold after a restart: every recording that Asterisk has kept has one end in the
// stream, and a beginning, every action that has begun, or was to run next, has one end, no event comes twice, and nobody told
// digits. The end of a call that was over before the new process began is
// told by app/server, from the stream.
func (s *scenario) finishRestarted() {
	stored, ids, started, ended := map[string]int{}, map[string]int{}, map[string]bool{}, map[string]int{}
	for _, n := range s.tr.notices {
		if ids[n.ID]++; ids[n.ID] > 1 {
			s.t.Errorf("an event is there %d times: %s", ids[n.ID], s.tr.words(n))
		}
		switch n.Type {
		case "action.finished", "action.failed":
			if ended[n.Action]++; ended[n.Action] > 1 {
				s.t.Errorf("an action has %d ends: %s", ended[n.Action], s.tr.words(n))
			}
		case "recording.started":
			started[n.Recording] = true
		case "recording.stored":
			if stored[n.Recording]++; !started[n.Recording] {
				s.t.Errorf("nobody was told of the beginning of recording %s", n.Recording)
			}
		}
	}
	for _, n := range s.tr.unfinishedActions() {
		s.t.Errorf("an action has no end: %s", s.tr.words(n))
	}
	for _, r := range s.pbx.Recordings() {
		meanwhile := !r.Ended.Before(s.killed) && r.Ended.Before(s.again)
		failed := !started[r.Name] && r.Ended.Before(s.killed) // it did not start as it should, and was stopped: not_recorded
		if stored[r.Name] > 1 || stored[r.Name] < 1 && !meanwhile && !failed {
			s.t.Errorf("recording %s has ended by %d events", r.Name, stored[r.Name])
		}
	}
	if strings.Contains(s.tr.logged.String(), "panicked") {
		s.t.Errorf("a task panicked: %s", s.tr.logged.String())
	}
	if leaks := s.tr.leaks(s.pressed); leaks != nil {
		s.t.Errorf("digits that were no code were published or logged: %v", leaks)
	}
}

// oneOf says that one of several things must be so.
func (s *scenario) oneOf(some []string) error {
	var errs []error
	for _, text := range some {
		_, err := s.act(strings.Fields(text))
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
