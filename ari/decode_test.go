package ari

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"metaflows/flows/calls"
)

var update = flag.Bool("update", false, "write the golden files anew")

// arrival is when the tests' frames were read.
var arrival = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)

// Every frame under testdata/frames was recorded from Asterisk 22.10.1; beside it stands the event that it becomes.
func TestRecordedFrames(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "frames", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no frames: %v", err)
	}
	seen := make(map[string]bool)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			frame := readFrame(t, name)
			var got string
			k, typ := classify(frame)
			seen[string(typ)] = true
			switch k {
			case kindSkipped:
				got = "skipped\n"
			case kindReplaced:
				got = "replaced\n"
			case kindAnswer:
				got = "answer\n"
			case kindOffered:
				id, err := offered(frame)
				if err != nil {
					t.Fatal(err)
				}
				got = "offered " + id + "\n"
			default:
				id, ev, err := decode(k, frame, arrival)
				if err != nil {
					t.Fatal(err)
				}
				got = fmt.Sprintf("%s\n%T%+v\n", id, ev, ev)
			}
			golden := filepath.Join("testdata", "frames", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
	for _, typ := range usedTypes() {
		if !seen[typ] {
			t.Errorf("no recorded frame of type %s", typ)
		}
	}
}

func TestDecodeStartedThatReplaces(t *testing.T) {
	frame := readFrame(t, "stasis_start_pickup")
	id, ev, err := decode(kindStarted, frame, arrival)
	if err != nil {
		t.Fatal(err)
	}
	started := ev.(calls.Started)
	if id != "mf-leg-1" || started.Replaces != id || started.Channel.ID == id {
		t.Errorf("id %q, replaces %q, channel %q: want it delivered to the replaced channel mf-leg-1", id, started.Replaces, started.Channel.ID)
	}
}

// What is not whole is an error that says nothing of the content.
func TestDecodeBroken(t *testing.T) {
	for _, frame := range []string{
		`{"type":"ChannelDtmfReceived","digit":"7","channel":null}`,
		`{"type":"ChannelDtmfReceived","digit":"7"}`,
		`{"type":"ChannelDtmfReceived","digit":"77","channel":{"id":"1"}}`,
		`{"type":"ChannelDtmfReceived","digit":"","channel":{"id":"1"}}`,
		`{"type":"ChannelDtmfReceived","digit":7,"channel":{"id":"1"}}`,
		`{"type":"ChannelDtmfReceived","digit":"7","duration_ms":-1,"channel":{"id":"1"}}`,
		`{"type":"ChannelDtmfReceived","digit":"7","duration_ms":"77","channel":{"id":"1"}}`,
		`{"type":"ChannelDtmfReceived","digit":"7","timestamp":"77:77","channel":{"id":"1"}}`,
		`{"type":"ChannelDtmfReceived","digit":"7","channel":{"id":"1"}`,
		`{"type":"ChannelDtmfReceived","digit":"7","channel":{"id":"1"}}{}`,
		`{"type":"ChannelDtmfReceived","type":"ChannelVarset","digit":"7","channel":{"id":"1"}}`,
		`{"type":"StasisStart","channel":{}}`,
		`{"type":"StasisStart","channel":null,"replace_channel":{"id":"1"}}`,
		`{"type":"StasisStart","channel":{"id":7}}`,
		`{"type":"StasisEnd"}`,
		`{"type":"ChannelDestroyed","channel":[7]}`,
		`{"type":"Dial","peer":null,"caller":{"id":"1"}}`,
		`{"type":"ChannelEnteredBridge","bridge":null,"channel":{"id":"1"}}`,
		`{"type":"ChannelLeftBridge","bridge":{"id":"b"},"channel":null}`,
		`{"type":"PlaybackFinished","playback":null}`,
		`{"type":"RecordingFailed","recording":{}}`,
	} {
		k, _ := classify([]byte(frame))
		id, ev, err := decode(k, []byte(frame), arrival)
		if err == nil {
			t.Errorf("%s: got %q %+v, want an error", frame, id, ev)
		} else if strings.Contains(err.Error(), "7") {
			t.Errorf("%s: the error quotes the frame: %v", frame, err)
		}
	}
}

// Frames that are broken or unknown are counted, are never fatal, and never come into the log.
func TestTakeCountsAndIsDiscreet(t *testing.T) {
	var log bytes.Buffer
	c := &Client{cfg: Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, seen: make(map[string]bool)}
	for range 3 {
		for _, frame := range []string{
			`{"type":"ChannelDtmfReceived","digit":"7","channel":nul`,
			`{"type":"ChannelDtmfReceived","digit":7,"channel":{"id":"77"}}`,
			`7`, ``,
			`{"type":"FromTheFuture","digit":"7"}`,
			`{"type":"ChannelVarset","value":"777"}`,
		} {
			c.take([]byte(frame), nil)
		}
	}
	s := c.Status()
	if s.Broken != 12 || s.Unknown != 3 || s.Skipped != 3 || s.Decoded != 0 {
		t.Errorf("broken %d, unknown %d, skipped %d, decoded %d; want 12, 3, 3, 0", s.Broken, s.Unknown, s.Skipped, s.Decoded)
	}
	text := log.String()
	if n := strings.Count(text, "FromTheFuture"); n != 1 {
		t.Errorf("an unknown type was logged %d times, want once:\n%s", n, text)
	}
	if n := strings.Count(text, "could not be understood"); n != 4 { // the 1st, 2nd, 4th and 8th
		t.Errorf("broken frames were logged %d times, want 4:\n%s", n, text)
	}
	for line := range strings.Lines(text) {
		if _, said, _ := strings.Cut(line, "level="); strings.Contains(said, `"7`) || strings.Contains(said, "=7 ") || strings.Contains(said, "777") {
			t.Errorf("the log quotes a frame: %s", line)
		}
	}
}

// collect keeps what is delivered.
type collect struct {
	ids []string
	evs []calls.Event
}

func (c *collect) Deliver(id string, ev calls.Event) {
	c.ids, c.evs = append(c.ids, id), append(c.evs, ev)
}

func TestGateKeepsOrder(t *testing.T) {
	var got collect
	g := &gate{handler: &got}
	for _, id := range []string{"1", "2", "3"} {
		g.put(id, calls.Resumed{})
	}
	if len(got.ids) != 0 {
		t.Fatalf("delivered %v before it was opened", got.ids)
	}
	g.open()
	g.put("4", calls.Resumed{})
	if s := strings.Join(got.ids, ""); s != "1234" {
		t.Errorf("delivered %s, want 1234", s)
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "frames", "*.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		frame, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
		f.Add(frame[:len(frame)/2])
	}
	f.Add([]byte(`{"type":"ChannelDtmfReceived","channel":null,"digit":"5"}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		k, name := classify(frame)
		if (k == kindNone) != (len(name) == 0) {
			t.Errorf("kind %d with type %q", k, name)
		}
		switch k {
		case kindStarted, kindEnded, kindV5:
			id, ev, err := decode(k, frame, arrival)
			if (err == nil) != (id != "" && ev != nil) {
				t.Errorf("decode = %q, %+v, %v: want an event for an id, or an error", id, ev, err)
			}
		}
	})
}

func BenchmarkDecodedEvent(b *testing.B) {
	for _, name := range []string{"dtmf_9", "stasis_start_dial", "destroyed_busy", "playback_finished"} {
		frame := readFrame(b, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k, _ := classify(frame)
				if _, _, err := decode(k, frame, arrival); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
