package server

import (
	"time"

	"metaflows/app/recordings"
	"metaflows/ari"
)

var _ recordings.Asterisk = (*ari.Client)(nil)

// openRecordings makes what delivers recordings; nothing runs yet.
func (s *process) openRecordings(client *ari.Client) (err error) {
	retention := func(account string) time.Duration {
		if keep, ok := s.directory.Retention(account); ok {
			return keep
		}
		return s.cfg.Recording.Retention
	}
	s.recordings, err = recordings.New(recordings.Config{
		Conn: s.broker.Documents(), Node: s.cfg.Node, Asterisk: client, Connected: func() bool { return client.Status().Connected }, Known: s.records.Known,
		Publisher: s.events, Pending: s.keptIn("recordings.pending"), Blocked: s.blocked, Webhook: s.directory.Webhook, Retention: retention, Log: s.log,
		DeliveryFor: s.cfg.Recording.DeliveryFor, Keep: s.cfg.Recording.Keep == "yes" || s.cfg.Recording.CDR == "yes", MaxBytes: int64(s.cfg.Recordings.MaxBytes),
	})
	return err
}
