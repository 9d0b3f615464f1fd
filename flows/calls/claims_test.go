package calls

import (
	"slices"
	"testing"
)

// A facet has the value of who has claimed it last; what was claimed before comes back, and nothing ends for who still claims it.
func TestClaimsAreCounted(t *testing.T) {
	leg := &Leg{}
	inForce := func(what string, changes, want bool, value string) {
		t.Helper()
		got, claimed := leg.InForce(Music)
		if got != value || claimed != (value != "") || changes != want {
			t.Errorf("%s: in force is %q, which changes: %v; want %q, %v", what, got, changes, value, want)
		}
	}
	inForce("jazz for hold", leg.claim(Music, "hold", "jazz"), true, "jazz")
	inForce("jazz for park", leg.claim(Music, "park", "jazz"), false, "jazz")
	inForce("folk for transfer", leg.claim(Music, "transfer", "folk"), true, "folk")
	inForce("another facet", leg.claim(Muted, "mute", ""), true, "folk")
	inForce("hold ends", leg.giveUp(Music, "hold"), false, "folk")
	inForce("it ends once", leg.giveUp(Music, "hold"), false, "folk")
	inForce("transfer ends", leg.giveUp(Music, "transfer"), true, "jazz")
	inForce("park wants another", leg.claim(Music, "park", "swing"), true, "swing")
	inForce("park ends", leg.giveUp(Music, "park"), true, "")
	if _, muted := leg.InForce(Muted); !muted || leg.claimed(Muted, "mute") < 0 || leg.claimed(Muted, "hold") >= 0 {
		t.Error("who was muted by itself is not any more")
	}
	if leg.forget(Music, ""); len(leg.claims) != 1 {
		t.Errorf("when the music was undone there are %+v", leg.claims)
	}
}

// A restart knows what was claimed and in which order; what is not taken up is to be undone.
func TestClaimsComeBack(t *testing.T) {
	c := stateCall(t)
	leg := &Leg{Channel: Channel{ID: "17.1"}}
	leg.claim(Music, "hold", "jazz")
	leg.claim(Music, "park", "folk")
	leg.claim(Muted, "hold", "")
	leg.claim(Muted, "mute", "")
	leg.claim(Apart, "park", "")
	leg.giveUp(Apart, "park")

	got := stateOf(t, c, leg).Leg(leg.Channel, RoleCaller)
	if got.claim(Music, "hold", "jazz") || !got.claim(Muted, "mute", "") || got.claim(Muted, "mute", "") {
		t.Error("asked for is not what is in force by who is taken up, once")
	}
	if value, _ := got.InForce(Music); value != "folk" {
		t.Errorf("before all were taken up %q is in force", value)
	}
	if ask := got.giveUpAll(func(c claim) bool { return c.found }); !slices.Equal(ask, []Facet{Music, Apart}) {
		t.Errorf("asked for are %v", ask)
	}
	if value, _ := got.InForce(Music); value != "jazz" {
		t.Errorf("in force is %q, want what was taken up", value)
	}
	if ask := got.giveUpAll(func(claim) bool { return true }); len(ask) != 3 {
		t.Errorf("at the end %v are undone", ask)
	}
	if got.reset(Channel{ID: "18.1"}); got.claims != nil {
		t.Error("who takes a leg's place has what was claimed of the other channel")
	}
}
