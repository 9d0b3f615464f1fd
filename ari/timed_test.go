package ari_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"metaflows/ari"
	"metaflows/ari/aritest"
)

// Each request is told of, whichever half makes it: its method, the answer's status, and how long it took.
func TestRequestsAreTimed(t *testing.T) {
	s := aritest.New(t)
	s.Script("POST /channels/17.1/answer", aritest.Answer{Status: 404, Body: `{"message":"Channel not found"}`}) // by v5
	var mu sync.Mutex
	var told []string
	c := newClient(t, s, func(cfg *ari.Config) {
		cfg.Answered = func(method string, status int, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(method, " ", status))
			if took <= 0 || took > 10*time.Second {
				t.Errorf("%s took %v", method, took)
			}
		}
	})
	_ = c.Answer("17.1")
	_ = c.Progress("17.1") // by our own
	s.Close()
	_ = c.Answer("17.1")
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"POST 404", "POST 204", "POST 0"}; !slices.Equal(told, want) {
		t.Errorf("told was %v, want %v", told, want)
	}
}
