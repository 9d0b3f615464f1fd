package server

import (
	"fmt"

	"metaflows/app/directory"
	"metaflows/app/directory/endpoints"
	"metaflows/app/store"
)

// openDirectory makes the directory over its records, which begin with what is known from a file, as documents do.
func (s *process) openDirectory() error {
	var err error
	s.records, err = store.NewRecords(store.RecordsConfig{
		Conn: s.broker.Documents(), Bucket: store.Bucket, Prefix: directory.Prefix, What: "accounts, users and devices", Log: s.log, Publisher: s.events,
		Quota: s.quota, Counts: directory.Counts,
		File: s.keptIn("directory.json"), Own: s.broker.Embedded(), Folder: s.natsFolder(),
	})
	if err != nil {
		return err
	}
	allowed, err := endpoints.Parse(s.cfg.DirectoryEndpoints)
	if err != nil { // config has looked at it
		return fmt.Errorf("METAFLOWS_DIRECTORY_ENDPOINTS: %w", err)
	}
	s.directory = directory.New(directory.Config{
		Endpoints: allowed,
		Records:   s.records, Documents: s.documents, Keys: s.logins.auth, Schemas: s.schemas, Strict: s.cfg.Directory == "strict", Log: s.log,
	})
	return nil
}
