// Package eventstest holds events, as a subscriber gets them, against what is promised of them (app/events/README.md).
package eventstest

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"metaflows/app/broker"
	"metaflows/app/events"
)

// typePrefix begins every ce-type, subjectPrefix every subject.
const (
	typePrefix    = "metaflows.v1."
	subjectPrefix = "metaflows.v1.event."
)

// stamp is RFC 3339 in UTC, with milliseconds.
var stamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

var compiled = sync.OnceValues(compile)

// compile makes the schemas of all types.
func compile() (map[string]*jsonschema.Schema, error) {
	const base = "schema:///"
	c := jsonschema.NewCompiler()
	for _, name := range events.Schemas() {
		raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(events.Schema(name)))
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		if err := c.AddResource(base+name, raw); err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
	}
	all := map[string]*jsonschema.Schema{}
	for _, name := range events.Schemas() {
		s, err := c.Compile(base + name)
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		if name != events.CommonSchema {
			all[name] = s
		}
	}
	return all, nil
}

// Check says what is wrong with an event: its subject, its headers, its payload, or that they contradict each other.
func Check(subject string, header nats.Header, payload []byte) error {
	types, err := compiled()
	if err != nil {
		return err
	}
	kind, ok := strings.CutPrefix(header.Get("ce-type"), typePrefix)
	schema := types[kind]
	if !ok || schema == nil {
		return fmt.Errorf("event of the type %q, which does not exist", header.Get("ce-type"))
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if err := schema.Validate(parsed); err != nil {
		return fmt.Errorf("%s: %w\n%s", kind, err, payload)
	}
	said, _ := parsed.(map[string]any) // the schema says so
	text := func(key string) string { s, _ := said[key].(string); return s }

	var wrong []error
	want := func(what, got, want string) {
		if got != want {
			wrong = append(wrong, fmt.Errorf("%s: %s is %q, want %q", kind, what, got, want))
		}
	}
	want("the subject", subject, subjectPrefix+broker.Token(text("account"))+"."+broker.Token(text("call"))+"."+kind)
	want("type", text("type"), kind)
	want("time", text("time"), header.Get("ce-time"))
	want("ce-specversion", header.Get("ce-specversion"), "1.0")
	want("ce-source", header.Get("ce-source"), "/metaflows/"+text("node"))
	want("ce-subject", header.Get("ce-subject"), text("call"))
	want("Nats-Msg-Id", header.Get(nats.MsgIdHdr), header.Get("ce-id"))
	if header.Get("ce-id") == "" {
		wrong = append(wrong, fmt.Errorf("%s: no ce-id", kind))
	}
	if !stamp.MatchString(header.Get("ce-time")) {
		wrong = append(wrong, fmt.Errorf("%s: ce-time is %q, want as 2026-03-04T05:06:07.089Z", kind, header.Get("ce-time")))
	}
	for key, values := range header {
		if len(values) != 1 {
			wrong = append(wrong, fmt.Errorf("%s: header %s stands there %d times", kind, key, len(values)))
		}
	}
	return errors.Join(wrong...)
}
