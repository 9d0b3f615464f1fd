package calls

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A channel that comes too late for its call is hung up, and the log says so; that by which the doctor looks whether somebody
// has the application is hung up, too, and is no news.
func TestStrays(t *testing.T) {
	var log strings.Builder
	hungUp := make(chan string, 1)
	cs := New(Config{
		Log:   slog.New(slog.NewTextHandler(&log, nil)),
		Stray: func(channel string) { hungUp <- channel },
		Enter: func(*Task, Started) error { t.Error("a call begins"); return nil },
	})
	for _, tt := range []struct {
		channel string
		told    bool
	}{{ArgLeg + "-1795638363.0-mwwkpwda-1", true}, {Probe("12345678"), false}} {
		log.Reset()
		cs.Deliver(tt.channel, Started{Channel: Channel{ID: tt.channel, Name: "Local/s@x-1;1"}, Args: []string{ArgLeg}})
		select {
		case channel := <-hungUp:
			if channel != tt.channel {
				t.Errorf("%s is hung up", channel)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s is not hung up", tt.channel)
		}
		if told := strings.Contains(log.String(), "a channel came too late"); told != tt.told {
			t.Errorf("%s: %q", tt.channel, log.String())
		}
	}
}
