package server

import (
	"context"
	"fmt"
	"sync"

	"metaflows/app/auth"
	"metaflows/app/rest"
	"metaflows/app/store"
)

// logins are API keys and tokens, and where they are kept. The file of them, in which keys are hashes as in NATS, only says
// what NATS has lost: without NATS nobody logs in by it, since what it knows of what was revoked is old.
type logins struct {
	auth    *auth.Auth
	records *store.Records
}

// openLogins makes them; nothing runs yet.
func (s *process) openLogins(adminToken string) (*logins, error) {
	records, err := store.NewRecords(store.RecordsConfig{
		Conn: s.broker.Documents(), Bucket: auth.Bucket, Prefix: auth.Prefix, What: "API keys", Log: s.log, Publisher: s.events, Quota: s.quota, Counts: auth.Counts,
		File: s.keptIn("logins.json"), Secret: true, Own: s.broker.Embedded(), Folder: s.natsFolder(),
	})
	if err != nil {
		return nil, err
	}
	a, err := auth.New(auth.Config{Records: records, AdminToken: adminToken, Log: s.log})
	return &logins{auth: a, records: records}, err
}

// run keeps them fresh until ctx ends.
func (l *logins) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { l.records.Run(ctx) })
	l.auth.Run(ctx)
	running.Wait()
}

// err says why somebody with an API key cannot log in, or what was revoked elsewhere still holds here.
func (l *logins) err() error {
	lacks, problem := l.auth.Err(), l.records.Err()
	switch {
	case lacks == nil:
		return problem
	case problem == nil:
		problem = lacks
	}
	return fmt.Errorf("nobody but the super-admin can log in: %w", problem)
}

// knownRate is how many requests a second a client with a token may make for an account: more than any console needs, and
// less than what would take a processor.
const knownRate = 1000

// limiters are those of who has no token, so many requests a second, and of who has one; nil for 0.
func limiters(perSecond int) (strangers, known rest.Limiter) {
	if perSecond == 0 {
		return nil, nil
	}
	return auth.NewLimiter(perSecond), auth.NewLimiter(knownRate)
}
