package events

import (
	"embed"
	"encoding/json"
	"slices"
	"strings"
)

//go:embed schemas/*.json
var schemas embed.FS

// CommonSchema is the name of the schema with the keys of all types, to which the others refer.
const CommonSchema = "event"

// Schema is the JSON Schema (draft 2020-12) of the payload of a type's events, or CommonSchema; nil where there is no such
// type.
func Schema(name string) json.RawMessage {
	raw, err := schemas.ReadFile("schemas/" + name + ".json")
	if err != nil {
		return nil
	}
	return raw
}

// Schemas are the names of all schemas, sorted: CommonSchema and the types (app/events/README.md).
func Schemas() []string {
	files, err := schemas.ReadDir("schemas")
	if err != nil { // they are in the program
		panic(err)
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f.Name(), ".json")
	}
	slices.Sort(names)
	return names
}
