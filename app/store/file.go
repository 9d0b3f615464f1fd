package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// The values of a mirror as they were known last, on disk, for a start without NATS:
//
//	{"version":1,"saved":"2026-03-04T05:06:07Z","documents":[
//	{"key":"metaflows.acme","document":{...as stored...}},
//	...
//	]}
//
// A value is there byte for byte, but for white space before and after it. Those that have no effect are left out.

const (
	fileVersion = 1
	maxFile     = 1 << 30 // far above any number of values; a bigger file is a wrong one
)

// saved is what the file holds.
type saved struct {
	at     time.Time
	values []savedValue // in the order of their keys
}

type savedValue struct {
	key string
	raw []byte
}

func (s saved) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\"version\":%d,\"saved\":%q,\"documents\":[", fileVersion, s.at.UTC().Format(time.RFC3339))
	for i, d := range s.values {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n{\"key\":%q,\"document\":%s}", d.key, d.raw)
	}
	b.WriteString("\n]}\n")
	return b.Bytes()
}

// decodeSaved reads a file. All of it is refused where anything of its form is wrong, valid says of keys; what stands under
// them is not looked into.
func decodeSaved(text []byte, valid func(key string) bool) (saved, error) {
	var head struct {
		Version *int `json:"version"`
	}
	switch err := json.Unmarshal(text, &head); {
	case err != nil:
		return saved{}, fmt.Errorf("it is cut off or not ours: %w", err)
	case head.Version == nil:
		return saved{}, errors.New("it is not ours: it has no version")
	case *head.Version != fileVersion:
		return saved{}, fmt.Errorf("it has version %d, accepted is %d", *head.Version, fileVersion)
	}
	var body struct {
		Saved     time.Time `json:"saved"`
		Documents []struct {
			Key      string          `json:"key"`
			Document json.RawMessage `json:"document"`
		} `json:"documents"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return saved{}, fmt.Errorf("it is not ours: %w", err)
	}
	if body.Saved.IsZero() {
		return saved{}, errors.New("it does not say when it was saved")
	}
	s := saved{at: body.Saved}
	seen := map[string]bool{}
	for _, d := range body.Documents {
		switch {
		case !valid(d.Key) || len(d.Document) == 0:
			return saved{}, fmt.Errorf("key %.100q is not one of ours", d.Key)
		case seen[d.Key]:
			return saved{}, fmt.Errorf("key %.100q stands twice", d.Key)
		}
		seen[d.Key] = true
		s.values = append(s.values, savedValue{d.Key, d.Document})
	}
	return s, nil
}

// readSaved reads the file at path.
func readSaved(path string, valid func(key string) bool) (saved, error) {
	// Looked at before it is opened: to open a pipe would wait for somebody to write.
	switch info, err := os.Stat(path); {
	case err != nil:
		return saved{}, short(err)
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return saved{}, errors.New("it is not a regular file of less than 1 GiB")
	}
	f, err := os.Open(path)
	if err != nil {
		return saved{}, short(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return saved{}, short(err)
	}
	return decodeSaved(text, valid)
}

// writeSaved puts the file at path, with mode 0600. Who reads it finds the old one or the new one, whole, also after a
// power cut: it is written beside and renamed.
func writeSaved(path string, s saved) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".documents-*") // mode 0600
	if err != nil {
		return short(err)
	}
	_, err = f.Write(s.encode())
	err = errors.Join(short(err), short(f.Sync()), short(f.Close()))
	if err == nil {
		err = short(os.Rename(f.Name(), path))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	if d, err := os.Open(folder); err == nil { // the new name, too; not every file system can
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}

// short is an error of the file system without the path, which stands beside it wherever it is told.
func short(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// recall takes what the file holds into memory, as the mirror is made. Every revision of the bucket is newer.
func (m *mirror) recall() {
	if m.file == "" {
		m.standing = m.lack
		return
	}
	name := filepath.Base(m.file)
	last, err := readSaved(m.file, m.values.valid)
	switch {
	case errors.Is(err, os.ErrNotExist):
		m.standing = m.lack + ": " + name + " does not exist"
		return
	case err != nil:
		m.standing = fmt.Sprintf("%s: %s cannot be used: %v", m.lack, name, err)
		m.aside = true
		m.log.Error("what was known last cannot be read; the file is kept aside as soon as NATS is there",
			"file", m.file, "error", err)
		return
	}
	for _, v := range last.values {
		if err := m.values.set(v.key, v.raw, 0); err != nil {
			m.log.Error("a value in the file is not valid and has no effect", "file", m.file, "key", v.key, "error", err)
			_ = m.values.set(v.key, nil, 0)
			continue
		}
		m.revisions[v.key] = 0
	}
	m.recalled = true
	m.standing = fmt.Sprintf("%s are as of %s from %s", m.what, last.at.UTC().Format(time.RFC3339), name)
	m.log.Info("what was known last is read from the file", "file", m.file, "as_of", last.at.UTC(), "count", len(last.values))
}
