package ari

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFrameType(t *testing.T) {
	for frame, want := range map[string]string{
		`{"type":"Dial"}`:                      "Dial",
		`{ "a" : 1 , "type" : "Dial" , "b":2}`: "Dial",
		`{"variable":"type","value":"\"type\":\"x\"","type":"ChannelVarset"}`:    "ChannelVarset",
		`{"value":"a\\","type":"ChannelVarset"}`:                                 "ChannelVarset",
		`{"value":"a\\\"","type":"ChannelVarset"}`:                               "ChannelVarset",
		`{"value":"\\\"\\","type":"ChannelVarset"}`:                              "ChannelVarset",
		`{"channel":{"type":"x","l":[{"type":"y"},["type","z"]]},"type":"Dial"}`: "Dial",
		`{"args":["type","x"],"e":{},"f":[],"type":"Dial"}`:                      "Dial",
		"{\n\t\"type\":\r\n\"Dial\"":                                             "Dial",
		`{"type":null}`:                                                          "",
		`{"type":7,"x":"y"}`:                                                     "",
		`{"type":{"type":"x"}}`:                                                  "",
		`{"type":"Dial`:                                                          "",
		`{"type":`:                                                               "",
		`{"type"`:                                                                "",
		`{"typ`:                                                                  "",
		`{"type" "Dial"}`:                                                        "",
		`[{"type":"Dial"}]`:                                                      "",
		`"type"`:                                                                 "",
		`{}`:                                                                     "",
		``:                                                                       "",
	} {
		if got := string(frameType([]byte(frame))); got != want {
			t.Errorf("frameType(%s) = %q, want %q", frame, got, want)
		}
	}
}

func TestClassify(t *testing.T) {
	for frame, want := range map[string]kind{
		`{"type":"StasisStart"}`:         kindStarted,
		`{"type":"ApplicationReplaced"}`: kindReplaced,
		`{"type":"ChannelVarset"}`:       kindSkipped,
		`{"type":"CallBroadcast"}`:       kindOffered,
		`{"type":"RESTResponse"}`:        kindAnswer,
		`{"type":"FromTheFuture"}`:       kindUnknown,
		`{"type":""}`:                    kindNone,
		`hello`:                          kindNone,
	} {
		if got, _ := classify([]byte(frame)); got != want {
			t.Errorf("classify(%s) = %d, want %d", frame, got, want)
		}
	}
}

// The filter must let through what a call cannot do without.
func TestUsedTypes(t *testing.T) {
	used := make(map[string]bool)
	for _, name := range usedTypes() {
		used[name] = true
	}
	for _, name := range []string{"StasisStart", "StasisEnd", "ChannelDestroyed", "ChannelDtmfReceived", "ApplicationReplaced"} {
		if !used[name] {
			t.Errorf("%s would be filtered out", name)
		}
	}
	if used["ChannelVarset"] {
		t.Error("ChannelVarset would not be filtered out")
	}
}

func TestSkippedFrameAllocatesNothing(t *testing.T) {
	frame := readFrame(t, "skipped_varset")
	if n := testing.AllocsPerRun(100, func() { classify(frame) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkSkippedEvent(b *testing.B) {
	frame := readFrame(b, "skipped_varset")
	c := &Client{}
	b.ReportAllocs()
	for b.Loop() {
		if c.take(frame, nil) != kindSkipped {
			b.Fatal("not skipped")
		}
	}
}

// The type comes last: the worst case.
func BenchmarkSkippedEventTypeLast(b *testing.B) {
	first := readFrame(b, "skipped_dialplan")
	frame := append([]byte(`{"channel":`), first[:len(first)-1]...)
	frame = append(frame, `,"type":"ChannelDialplan"}`...)
	c := &Client{}
	b.ReportAllocs()
	for b.Loop() {
		if c.take(frame, nil) != kindSkipped {
			b.Fatal("not skipped")
		}
	}
}

func readFrame(t testing.TB, name string) []byte {
	t.Helper()
	frame, err := os.ReadFile(filepath.Join("testdata", "frames", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return frame
}
