package pbxtest

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// asItIs are the functions for how a channel sounds, TX and tx what it is sent, RX and rx what it sends, with the values by which
// they change nothing.
var asItIs = map[string]float64{"VOLUME(TX)": 0, "VOLUME(RX)": 0, "PITCH_SHIFT(tx)": 1, "PITCH_SHIFT(rx)": 1}

// setSound writes one of those functions; what it does not take changes nothing (ari/ASTERISK.md, Media).
func (c *channel) setSound(name, value string) {
	is, err := strconv.ParseFloat(value, 64)
	off := asItIs[name]
	switch {
	case err != nil || off == 1 && (is <= 0 || is > 4):
	case is == off:
		delete(c.sound, name)
	default:
		if c.sound == nil {
			c.sound = map[string]float64{}
		}
		c.sound[name] = is
	}
}

// soundVerb is the verb of a request that writes one of those functions, as VOLUME(TX)=4; "" of any other.
func soundVerb(vars map[string]string) string {
	for name, value := range vars {
		if _, sounds := asItIs[name]; sounds {
			return name + "=" + value
		}
	}
	return ""
}

// altered is what somebody has made of what a channel hears and what is heard of it, and has not undone.
func (c *channel) altered() (what []string) {
	if c.music {
		what = append(what, "music")
	}
	if c.silence {
		what = append(what, "silence")
	}
	if c.muted {
		what = append(what, "mute")
	}
	for name, value := range c.sound {
		what = append(what, name+"="+strconv.FormatFloat(value, 'f', -1, 64))
	}
	slices.Sort(what)
	return what
}

// Sound is how the channel of a phone sounds, by those functions that change something; one behind a Local channel does by that.
func (p *PBX) Sound(name string) map[string]float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.newest(name); c != nil {
		return maps.Clone(c.inner().sound)
	}
	return nil
}

// sounds says whether it is so with what a phone hears, or is heard of it, as a line has it, and whether the line is one of these.
func (s *scenario) sounds(who, text string) (so, is bool) {
	volume, pitch := "VOLUME(TX)", "PITCH_SHIFT(tx)"
	how, hears := strings.CutPrefix(text, "hears ")
	if !hears {
		volume, pitch = "VOLUME(RX)", "PITCH_SHIFT(rx)"
		if how, is = strings.CutPrefix(text, "is heard "); !is {
			return false, false
		}
	}
	sound := s.pbx.Sound(who)
	if how == "as it is" {
		return sound[volume] == 0 && sound[pitch] == 0, s.pbx.Has(who)
	}
	how, by, _ := strings.Cut(how, " by ")
	value, err := strconv.ParseFloat(by, 64)
	switch how {
	case "louder":
		return sound[volume] == value, err == nil
	case "quieter":
		return sound[volume] == -value, err == nil
	case "pitched":
		return sound[pitch] == value, err == nil
	}
	return false, false
}

// Hears is that of PBX, of tones: one of another pitch is another one.
func (w fakeWorld) Hears(phone, source string) bool {
	return w.PBX.Hears(phone, source) && w.Sound(phone)["PITCH_SHIFT(tx)"] == 0 && w.Sound(source)["PITCH_SHIFT(rx)"] == 0
}

// Level is what VOLUME makes of what a phone sends.
func (w fakeWorld) Level(phone, source string) float64 {
	if !w.Hears(phone, source) {
		return math.Inf(-1)
	}
	level := -12.0
	for _, by := range []float64{w.Sound(source)["VOLUME(RX)"], w.Sound(phone)["VOLUME(TX)"]} {
		if by != 0 {
			level += math.Copysign(20, by) * math.Log10(math.Abs(by))
		}
	}
	return level
}
