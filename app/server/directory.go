package server

import (
	"path/filepath"

	"metaflows/app/directory"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/app/store"
)

// openDirectory makes the directory over its records, which begin with what is known from a file, as documents do.
func (s *process) openDirectory() error {
	file := ""
	if s.keepsIn != "" {
		file = filepath.Join(filepath.Dir(s.keepsIn), "directory.json")
	}
	schemas, err := schema.Load(egress.Blocked{}) // entries have no URLs that are called
	if err != nil {
		return err
	}
	s.records, err = store.NewRecords(store.RecordsConfig{
		Conn: s.broker.Documents(), Bucket: store.Bucket, Prefix: directory.Prefix, What: "accounts, users and devices", Log: s.log, File: file, Own: s.broker.Embedded(),
	})
	if err != nil {
		return err
	}
	s.directory = directory.New(directory.Config{
		Records: s.records, Documents: s.documents, Keys: s.logins.auth, Schemas: schemas, Strict: s.cfg.Directory == "strict", Log: s.log,
	})
	return nil
}
