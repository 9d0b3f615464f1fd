package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/flows/calls"
)

// A call's story is read in order and in pages, and holds nothing of other calls and other accounts.
func TestStory(t *testing.T) {
	b := embedded(t)
	reader, err := NewReader(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	if page, next, err := reader.Story(t.Context(), "acme", "1.1", 0, 10); err != nil || len(page) != 0 || next != 0 {
		t.Error("before anything was published:", page, next, err)
	}
	p := start(t, b, 0)
	for i := range 25 {
		for _, place := range [][2]string{{"acme", "1.1"}, {"evil", "1.1"}, {"acme", "1.1.call"}, {"acme", "1"}, {"", "1.1"}} {
			p.Publish(calls.Notice{Type: "code.unmatched", ID: fmt.Sprint(place, i), Account: place[0], Call: place[1], Digits: i + 1})
		}
	}
	stored(t, b, 125)
	for _, most := range []int{1, 7, 24, 25, 26, 1000} {
		read, pages := 0, 0
		for from := uint64(0); ; pages++ {
			page, next, err := reader.Story(t.Context(), "acme", "1.1", from, most)
			if err != nil || len(page) > most || len(page) == 0 {
				t.Fatal(len(page), next, err)
			}
			for _, e := range page {
				var n calls.Notice
				if err := json.Unmarshal(e.Data, &n); err != nil || n.Account != "acme" || n.Call != "1.1" || n.Digits != read+1 ||
					e.Type != "metaflows.v1.code.unmatched" || e.ID == "" || e.Subject != "1.1" || e.SpecVersion != "1.0" {
					t.Fatalf("event %d is %+v: %v", read, e, err)
				}
				read++
			}
			if from = next; next == 0 {
				break
			}
		}
		if read != 25 || pages != (25+most-1)/most-1 {
			t.Errorf("%d a page: %d events, %d pages more", most, read, pages)
		}
	}
	for _, other := range []string{"", "*", ">", "1.1.", "1.*", "1=2E1"} {
		if page, _, err := reader.Story(t.Context(), "acme", other, 0, 10); err != nil || len(page) != 0 {
			t.Errorf("call %q: %v %v", other, page, err)
		}
	}
	js, err := jetstream.New(b.Events())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Consumers; n != 0 {
		t.Errorf("%d consumers are left on the server", n)
	}
	b.Close()
	if _, _, err := reader.Story(t.Context(), "acme", "1.1", 0, 1); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "not connected") {
		t.Error(err)
	}
}

func BenchmarkStory(b *testing.B) {
	br := embedded(b)
	p := start(b, br, 0)
	for i := range 50 {
		p.Publish(calls.Notice{Type: "code.unmatched", ID: fmt.Sprint(i), Account: "acme", Call: "1.1", Digits: i + 1})
	}
	stored(b, br, 50)
	reader, err := NewReader(br.Events())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if page, _, err := reader.Story(b.Context(), "acme", "1.1", 0, 50); err != nil || len(page) != 50 {
			b.Fatal(len(page), err)
		}
	}
}
