package main

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"metaflows/docker/rig"
	"metaflows/flows/calls"
)

func TestNoticeText(t *testing.T) {
	for want, n := range map[string]calls.Notice{
		"call.started":              {Type: "call.started"},
		"call.ended hangup 12.3 s":  {Type: "call.ended", Reason: "hangup", Duration: 12340},
		"code.armed":                {Type: "code.armed"},
		"code.matched numbers.9":    {Type: "code.matched", Path: "numbers.9"},
		"action.finished transfer":  {Type: "action.finished", Module: "transfer", Reason: "not said"},
		"action.failed transfer x":  {Type: "action.failed", Module: "transfer", Reason: "x"},
		"transfer.ringing 1234":     {Type: "transfer.ringing", Target: "1234"},
		"transfer.completed 1234":   {Type: "transfer.completed", Target: "1234", Result: "completed"},
		"transfer.returned busy":    {Type: "transfer.returned", Target: "1999", Result: "returned", Reason: "busy"},
		"transfer.returned lost x":  {Type: "transfer.returned", Target: "1999", Result: "lost", Reason: "x"},
		"recording.stored 2.0 s":    {Type: "recording.stored", Duration: 2000, Recording: "acme/1/2"},
		"document.changed":          {Type: "document.changed"},
		"call.answered":             {Type: "call.answered", Duration: 400},
		"code.unmatched numbers.no": {Type: "code.unmatched", Path: "numbers.no"},
	} {
		if got := rig.Tell(n); got != want {
			t.Errorf("%+v: %q, want %q", n, got, want)
		}
	}
}

func TestCodesOf(t *testing.T) {
	got, err := codesOf([]byte(`{"data":{"binding_digit":"#","numbers":{"9":{"module":"record_call"},"5":{"module":"park"}},"patterns":{"2(\\d+)":{"module":"transfer"}}},"status":"success"}`))
	want := []code{{"#9", hints["record_call"]}, {"#5", "park"}, {"#21234", hints["transfer"]}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	if got, err := codesOf([]byte(`{"data":{}}`)); err != nil || len(got) > 0 {
		t.Errorf("nothing stored: %v %v", got, err)
	}
}

// wav is a second of a tone in its first half.
func wav(hertz float64) []byte {
	samples := make([]byte, 2*8000)
	for n := range 4000 {
		binary.LittleEndian.PutUint16(samples[2*n:], uint16(int16(8000*math.Sin(2*math.Pi*hertz*float64(n)/8000))))
	}
	file := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00LIST\x03\x00\x00\x00abc\x00data")
	file = binary.LittleEndian.AppendUint32(file, uint32(len(samples)))
	return append(file, samples...)
}

func TestRecording(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	if err := os.WriteFile(path, wav(440), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := readRecording(path)
	if err != nil || r.length() != time.Second || r.rate != 8000 {
		t.Fatal(r.rate, r.length(), err)
	}
	if !r.holds(440) || r.holds(620) {
		t.Error("tones are not told apart")
	}
	copied, err := copyFile(path, filepath.Join(t.TempDir(), "new"), "acme/b.wav")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := readRecording(copied); err != nil || !slices.Equal(again.samples, r.samples) {
		t.Error("the copy differs", err)
	}
	for name, text := range map[string]string{"no riff": "hello, this is no wav file", "no chunk": "RIFF\x00\x00\x00\x00WAVE", "cut": string(wav(1)[:30])} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readRecording(path); err == nil {
			t.Errorf("%s is taken for a wav file", name)
		}
	}
}

func TestEnvironment(t *testing.T) {
	all := []string{"HOME=/x", "METAFLOWS_ABSORB=off", "METAFLOWS_NATS_URL=nats://production", "METAFLOWS_ASTERISK_SUITE=sid"}
	if got := userEnv(all); !slices.Equal(got, []string{"METAFLOWS_ABSORB=off"}) {
		t.Error(got)
	}
}
