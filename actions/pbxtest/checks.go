package pbxtest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing/synctest"
)

// ofStory is a line about what there was so far.
func (s *scenario) ofStory(text string) (done bool, err error) {
	if words, ok := strings.CutPrefix(text, "at least once "); ok {
		synctest.Wait()
		if !s.tr.tells(words) {
			return true, errors.New("it was not once so")
		}
		return true, nil
	}
	if text == "nobody is alone" {
		synctest.Wait()
		if who := s.pbx.Alone(); who != nil {
			return true, fmt.Errorf("%v talk to nobody", who)
		}
		return true, nil
	}
	if limit, ok := strings.CutPrefix(text, "no state is longer than "); ok {
		if most, err := strconv.Atoi(limit); err != nil || s.pbx.LongestState() > most {
			return true, errors.Join(err, fmt.Errorf("one has %d bytes", s.pbx.LongestState()))
		}
		return true, nil
	}
	rest, ok := strings.CutPrefix(text, "from ")
	if !ok {
		return false, nil
	}
	verb, line, ok := strings.Cut(rest, " on ")
	switch {
	case !ok:
		return true, errLine
	case s.restarts == 0 && !s.pbx.Asked(verb):
		return true, fmt.Errorf("nobody has asked for %s", verb)
	case s.restarts > 0 && !s.asked[verb]:
		return true, nil
	}
	return true, s.line(line)
}

// stands says whether it is with a phone as a line has it, and whether the line is one of these.
func (s *scenario) stands(who, text string) (so, is bool) {
	if so, is := s.sounds(who, text); is {
		return so, true
	}
	words := strings.Fields(text)
	other := words[len(words)-1]
	switch strings.Join(words[:len(words)-1], " ") {
	case "talks to":
		return s.pbx.Talking(who, other), true
	case "does not talk to":
		return !s.pbx.Talking(who, other), true
	case "does not hear":
		return !s.pbx.Hears(who, other), true
	case "hears":
		if other != "music" {
			return s.pbx.Hears(who, other), true
		}
	}
	switch text {
	case "hears music", "hears no music":
		return s.pbx.Altered(who, "music") == (text == "hears music"), true
	case "is muted", "is not muted":
		return s.pbx.Altered(who, "mute") == (text == "is muted"), s.pbx.Has(who)
	case "is gone": // it has no call
		return !s.pbx.Has(who), true
	case "goes on": // in the dialplan, by now
		return s.pbx.WentOn(who), true
	}
	return false, false
}
