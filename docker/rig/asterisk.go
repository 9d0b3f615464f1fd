package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
)

var versionNumber = regexp.MustCompile(`Asterisk (certified[/-])?(\d+\.\d+(\.\d+)?)`)

// Version is the running Asterisk's; empty if it does not say.
func (r *Rig) Version() string {
	text, err := r.Asterisk.CLI("core show version")
	if found := versionNumber.FindStringSubmatch(text); err == nil && found != nil {
		return found[2]
	}
	return ""
}

// Left is what Asterisk still has.
type Left struct {
	Channels, Bridges []string
	Subscriptions     []string // of the application, to channels and bridges
}

// None says whether it is nothing.
func (l Left) None() bool { return len(l.Channels)+len(l.Bridges)+len(l.Subscriptions) == 0 }

func (l Left) String() string {
	return fmt.Sprintf("channels %v, bridges %v, subscriptions %v", l.Channels, l.Bridges, l.Subscriptions)
}

// Left asks Asterisk for all calls, and for what metaflows is subscribed to.
func (r *Rig) Left(ctx context.Context) (left Left, err error) {
	if left.Channels, err = r.Asterisk.Channels(ctx); err != nil {
		return left, err
	}
	if left.Bridges, err = r.Asterisk.Bridges(ctx); err != nil {
		return left, err
	}
	var app struct {
		Channels []string `json:"channel_ids"`
		Bridges  []string `json:"bridge_ids"`
	}
	// Asterisk forgets an application that is not connected and has no subscription.
	if err = r.ARI(ctx, http.MethodGet, "/applications/metaflows", &app, http.StatusNotFound); err != nil {
		return left, err
	}
	left.Subscriptions = slices.Concat(app.Channels, app.Bridges)
	return left, nil
}

// ARI sends a request and reads the answer into what is given, if anything; an answer that is no success is an error,
// except the statuses that are told to be none.
func (r *Rig) ARI(ctx context.Context, method, path string, into any, fine ...int) error {
	request, err := http.NewRequestWithContext(ctx, method, r.Asterisk.ARIURL+path, nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(r.Asterisk.ARIUser, r.Asterisk.ARIPassword)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("ARI %s %s: %w", method, path, err)
	}
	if slices.Contains(fine, answer.StatusCode) {
		return nil
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("ARI %s %s: %s %s", method, path, answer.Status, body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("ARI %s %s: %w", method, path, err)
	}
	return nil
}
