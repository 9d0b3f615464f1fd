package main

import (
	"context"

	"metaflows/docker/phone"
	"metaflows/docker/rig"
)

// What else than phones is heard, in Hz.
const (
	music1234   = 523
	confirmTone = 1000
)

// phone makes one of the lab's phones and registers it.
func (s *system) phone(ctx context.Context, name string) (*phone.Phone, error) {
	return s.Phone(ctx, name, rig.Tones[name])
}
