package pbxtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing/synctest"
	"time"

	"metaflows/actions"
	"metaflows/flows/calls"
)

// errLine: a line that is not one of a scenario's.
var errLine = errors.New("this is no line of a scenario")

// line carries out one line:
//
//	recordings are called {id}-{call} | call records say what recordings are called
//	absorb off | recordings last at most 5s | binding digit #          before the first call
//	asterisk answers first     and tells of what was asked for after that; before the first call
//	bob answers after 2s | bob is busy | bob is silent | bob is mute | bob is unregistered | bob rejects after 1s | bob redirects to 1234 | bob redirects untold
//	alice has X=y              a variable of its endpoint (set_var=); "alice has no X"
//	the dialplan has no s@metaflows-predial
//	alice-desk belongs to ann  whose a device is that the directory knows
//	alice brings X=y           a variable of its next call
//	alice was sent acme        its next call is one to it, by Dial(), which somebody has sent on to the context acme; it
//	                           inherits what alice brings
//	alice speaks IAX2          its channels are of another technology than PJSIP
//	alice calls bob            dials it and waits until they talk; the transcript begins after that
//	alice then dials PJSIP/carol,5     when its next call goes on in the dialplan, it is handed over once more
//	alice dials PJSIP/bob,30,g   Stasis(metaflows,dial,...); "alice enters" is Stasis(metaflows)
//	bob presses *9             100 ms each and 100 ms between, or "bob presses *9 at 60/40"; the next line comes after it
//	bob presses *9 and alice presses *9      at the same time
//	bob is still                       no sound flows to it or from it
//	bob ends its hold                  of the other, by its phone's own means
//	bob transfers to 1234              by its phone's own means (REFER)
//	bob moves to another bridge        as another client of ARI may let it; "bob moves to the dialplan"
//	bob hangs up | bob dies with cause 38
//	wait 3s
//	api runs {"module":"hangup"} on alice      see program.go
//	account acme has later     the document of the file "later" takes the place of the account's
//	asterisk refuses Record: unavailable | asterisk loses the answer of Record | asterisk is slow with Record: 300ms
//	asterisk is late with RemoveFromBridge: 3s           it answers that it is unavailable, and carries it out after that
//	asterisk refuses VOLUME(TX)=4: unavailable     how a channel sounds is no SetVariables, here and in "from VOLUME(TX)=4 on"
//	the application stops
//	the application gives up   Asterisk will take no more requests: the calls that nobody has answered end
//	the application is killed for 300ms     and then another process begins
//	alice talks to bob | alice does not talk to bob      must be so now; a party may be an extension, 1234@acme
//	alice goes on | alice is gone                        it has gone on in the dialplan; it has no call
//	alice hears bob | alice does not hear bob | alice hears music | alice hears no music
//	bob is muted | bob is not muted                      nobody hears it
//	alice hears louder by 4 | quieter by 4 | pitched by 1.5 | as it is     by VOLUME(TX) and PITCH_SHIFT(tx)
//	alice is heard louder by 4 | ...                     and so by VOLUME(RX) and PITCH_SHIFT(rx)
//	alice talks to bob or alice talks to 1234@acme       one of them must be so
//	at least once carol rings                            a line of the story so far says so
//	nobody is alone                                      who has a call talks to somebody
//	no state is longer than 2000                         METAFLOWS_STATE of any channel so far, in bytes
//	from Record on alice hears bob                       the line holds unless the application was killed before it asked for that
func (s *scenario) line(text string) error {
	if text == "" || text[0] == '#' {
		return nil
	}
	if done, err := s.setting(text); done || err != nil {
		return err
	}
	s.begin()
	words := strings.Fields(text)
	switch words[0] {
	case "wait":
		d, err := time.ParseDuration(words[1])
		time.Sleep(d)
		synctest.Wait()
		return err
	case "asterisk":
		return s.fault(text)
	}
	if len(words) == 3 && words[1] == "calls" {
		return s.talk(words[0], words[2])
	}
	if done, err := s.ofStory(text); done || err != nil {
		return err
	}
	s.tr.add(0, "%s", text)
	if words[0] == "api" {
		err := s.api(text)
		synctest.Wait()
		return err
	}
	switch text {
	case "the application stops":
		return s.stop()
	case "the application gives up":
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := s.now().calls.GiveUp(ctx)
		synctest.Wait()
		return err
	}
	if rest, ok := strings.CutPrefix(text, "the application is killed for "); ok {
		d, err := time.ParseDuration(rest)
		if err == nil {
			s.kill(d)
		}
		return err
	}
	if some := strings.Split(text, " or "); len(some) > 1 {
		return s.oneOf(some)
	}
	var longest time.Duration
	for part := range strings.SplitSeq(text, " and ") {
		d, err := s.act(strings.Fields(part))
		if err != nil {
			return err
		}
		longest = max(longest, d)
	}
	time.Sleep(longest + time.Millisecond)
	synctest.Wait()
	return nil
}

// talk brings two phones together, without a word about it.
func (s *scenario) talk(a, b string) error {
	s.pbx.Call(a, "s", s.brings[a], "dial", "PJSIP/"+b)
	time.Sleep(2 * time.Second)
	synctest.Wait()
	if !s.pbx.Talking(a, b) {
		return errors.New("they do not talk")
	}
	s.tr.skip()
	s.talked = s.pbx.Sent()
	return nil
}

// setting is a line about how things are.
func (s *scenario) setting(text string) (done bool, err error) {
	words := strings.Fields(text)
	switch {
	case text == "absorb off":
		s.absorb = false
	case text == "asterisk answers first":
		s.pbx.AnswersFirst()
	case strings.HasPrefix(text, "the dialplan has no "):
		s.pbx.Without(words[4])
	case strings.HasPrefix(text, "recordings last at most "):
		s.longest, err = time.ParseDuration(words[4])
	case strings.HasPrefix(text, "recordings are called "):
		s.names, err = actions.ParseRecordingName(words[3])
	case text == "call records say what recordings are called":
		s.cdr = true
	case strings.HasPrefix(text, "binding digit "):
		s.settings.BindingDigit = words[2][0]
	case len(words) == 3 && words[1] == "brings":
		name, value, _ := strings.Cut(words[2], "=")
		if s.brings[words[0]] == nil {
			s.brings[words[0]] = map[string]string{}
		}
		s.brings[words[0]][name] = value
	case len(words) == 4 && words[1] == "was" && words[2] == "sent":
		s.pbx.SentOn(words[0], words[3])
	case len(words) == 3 && words[1] == "speaks":
		s.pbx.Speaks(words[0], words[2])
	case len(words) == 4 && words[1] == "then" && words[2] == "dials":
		s.pbx.Then(words[0], append([]string{"dial"}, strings.Split(words[3], ",")...)...)
	case len(words) == 4 && words[1] == "has" && words[2] == "no":
		s.pbx.CarryNo(words[0], words[3])
	case len(words) == 4 && words[1] == "belongs":
		s.owners[words[0]] = words[3]
	case len(words) == 3 && words[1] == "has":
		name, value, _ := strings.Cut(words[2], "=")
		s.pbx.Carry(words[0], name, value)
	case len(words) >= 2 && s.pbx.phones[words[0]] != nil:
		return s.behaviour(words[0], words[1:])
	default:
		return false, nil
	}
	return true, err
}

// behaviour is what a phone does when it is called.
func (s *scenario) behaviour(name string, words []string) (bool, error) {
	var d time.Duration
	var err error
	if len(words) == 3 && words[1] == "after" {
		if d, err = time.ParseDuration(words[2]); err != nil {
			return true, err
		}
	}
	var b Behaviour
	switch strings.Join(words[:min(2, len(words))], " ") {
	case "answers after":
		b = Answers(d)
	case "rejects after":
		b = Rejects(d)
	case "is busy":
		b = Busy()
	case "is silent":
		b = Silent()
	case "is mute":
		b = Mute()
	case "is unregistered":
		b = Unregistered()
	case "redirects to":
		b = Redirects(words[2])
	case "redirects untold":
		b = Redirects("")
	default:
		return false, nil
	}
	s.pbx.Behave(name, b)
	return true, nil
}

// act is what somebody does; the result is how long it takes.
func (s *scenario) act(words []string) (time.Duration, error) {
	if len(words) < 2 {
		return 0, errLine
	}
	who, rest := words[0], words[2:]
	switch words[1] {
	case "dials", "enters":
		var args []string
		if words[1] == "dials" {
			args = append([]string{"dial"}, strings.Split(strings.Join(rest, ""), ",")...)
		}
		s.pbx.Call(who, "s", s.brings[who], args...)
		s.brings[who] = nil
		return 0, nil
	case "presses":
		hold, gap := 100*time.Millisecond, 100*time.Millisecond
		if len(rest) == 3 && rest[1] == "at" {
			h, g, _ := strings.Cut(rest[2], "/")
			ms, err := strconv.Atoi(h)
			more, err2 := strconv.Atoi(g)
			if err = errors.Join(err, err2); err != nil {
				return 0, err
			}
			hold, gap = time.Duration(ms)*time.Millisecond, time.Duration(more)*time.Millisecond
		}
		s.pressed = append(s.pressed, rest[0])
		return s.pbx.Press(who, rest[0], hold, gap), nil
	case "ends":
		s.pbx.EndHold(who)
		return 0, nil
	case "transfers":
		s.pbx.Transfer(who, rest[len(rest)-1])
		return 0, nil
	case "moves":
		s.pbx.Move(who, rest[len(rest)-1] == "bridge")
		return 0, nil
	case "hangs":
		s.pbx.HangUp(who)
		return 0, nil
	case "dies":
		cause, err := strconv.Atoi(rest[len(rest)-1])
		s.pbx.HangUpWith(who, cause, 0)
		return 0, err
	case "talks", "hears", "does", "goes", "is":
		if strings.Join(words[1:], " ") == "is still" {
			s.pbx.Still(who)
			return 0, nil
		}
		switch so, is := s.stands(who, strings.Join(words[1:], " ")); {
		case !is:
			return 0, errLine
		case !so:
			return 0, fmt.Errorf("it is not so; there are %s", strings.Join(s.pbx.Live(), ", "))
		}
		return 0, nil
	}
	if i := slices.Index(words, "has"); i > 0 && i == len(words)-2 {
		owner, ok := ownerOf(strings.Join(words[:i], " "))
		if text, is := s.files[words[i+1]]; ok && is {
			s.tr.mu.Lock()
			defer s.tr.mu.Unlock()
			s.document(owner, text)
			return 0, nil
		}
	}
	return 0, errLine
}

// fault lets the next command of a verb go wrong.
func (s *scenario) fault(text string) error {
	errs := map[string]error{"gone": calls.ErrGone, "conflict": calls.ErrConflict, "invalid": calls.ErrInvalid, "unavailable": calls.ErrUnavailable}
	verb, how, _ := strings.Cut(text, ": ")
	words := strings.Fields(verb)
	name := words[len(words)-1]
	switch {
	case strings.HasPrefix(text, "asterisk refuses ") && errs[how] != nil:
		s.pbx.Break(name, Fault{Err: errs[how]})
	case strings.HasPrefix(text, "asterisk loses the answer of "):
		s.pbx.Break(name, Fault{Err: calls.ErrUnavailable, Lost: true})
	case strings.HasPrefix(text, "asterisk is slow with "), strings.HasPrefix(text, "asterisk is late with "):
		d, err := time.ParseDuration(how)
		if err != nil {
			return err
		}
		fault := Fault{Slow: d}
		if words[2] == "late" {
			fault = Fault{Err: calls.ErrUnavailable, Late: d}
		}
		s.pbx.Break(name, fault)
	default:
		return errLine
	}
	s.tr.add(0, "%s", text)
	return nil
}

// stop is SIGTERM: the keys are given back, then commands are refused, then every call is left to Asterisk.
func (s *scenario) stop() error {
	s.stopped = true
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.now().calls.HandBack(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	s.pbx.Detach()
	if err := s.now().calls.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}
