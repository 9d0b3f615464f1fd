package simulate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"metaflows/flows"
)

// MaxDocument is the longest document, in bytes, as for documents that are stored (flows/README.md, Documents).
const MaxDocument = 256 << 10

// Documents are one party's stored documents; one that is nil is not there.
type Documents struct{ Account, User, Device json.RawMessage }

// Levels are the levels of documents.
var Levels = []flows.Scope{flows.ScopeAccount, flows.ScopeUser, flows.ScopeDevice}

// At is where the document of a level is; nil for what is none of the Levels.
func (d *Documents) At(level flows.Scope) *json.RawMessage {
	switch level {
	case flows.ScopeAccount:
		return &d.Account
	case flows.ScopeUser:
		return &d.User
	case flows.ScopeDevice:
		return &d.Device
	}
	return nil
}

// Merge makes the effective documents of a party. The error is an *Error.
func (d *Documents) Merge(settings flows.Settings) (*flows.Effective, error) {
	p := &problems{}
	e := p.merge("", settings, d)
	return e, p.err()
}

// merge makes a party's effective documents; nil for an outsider. The path stands before the levels.
func (p *problems) merge(path string, settings flows.Settings, docs *Documents) *flows.Effective {
	if docs == nil {
		return nil
	}
	return flows.Merge(settings, p.parse(path+"account", docs.Account), p.parse(path+"user", docs.User), p.parse(path+"device", docs.Device))
}

// parse reads one document of a party; nil for one that is not there.
func (p *problems) parse(path string, raw json.RawMessage) *flows.Document {
	if raw == nil {
		return nil
	}
	if len(raw) > MaxDocument {
		p.add(path, "maxSize", "The document has %d bytes, at most %d are allowed", len(raw), MaxDocument)
		return nil
	}
	doc, err := flows.ParseDocument(raw)
	if err == nil {
		return doc
	}
	wrong, ok := errors.AsType[*flows.DocumentError](err)
	if !ok {
		p.add(path, "error", "%s", err)
		return nil
	}
	for _, each := range wrong.Problems {
		at := path
		if each.Path != "" {
			at += "." + each.Path
		}
		p.add(at, each.Code, "%s", each.Message)
	}
	return nil
}

// FileDocuments reads what a file has: one document, which is then the account's, or an object of account, user, device.
// Blank text is no document.
func FileDocuments(text []byte) (*Documents, error) {
	var members map[string]json.RawMessage
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&members); err != nil {
		return nil, fmt.Errorf("this is no JSON object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one JSON object")
	}
	levels := len(members) > 0
	for key, value := range members {
		value = bytes.TrimSpace(value)
		levels = levels && slices.Contains(Levels, flows.Scope(key)) && (value[0] == '{' || string(value) == "null")
	}
	if !levels {
		return &Documents{Account: text}, nil
	}
	p := &problems{}
	docs := p.party("", text)
	return docs, p.err()
}
