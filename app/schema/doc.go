// Package schema knows what a metaflows document may be: JSON trees that keep the order of keys, Kazoo's JSON schemas
// (app/rest/README.md, Schemas), written anew and served by the API, and what is wrong with a document, or right and not
// possible yet.
//
//	s, err := schema.Load(blocked, actions.Declared())
//	data, err := schema.Parse(text)
//	problems, warnings := s.Document(data) // types are repaired in place; store data.Encode() if problems.Empty()
//	s.Present(data, '*')                   // defaults, for an answer only; never stored
//
// Schemas and Problems do nothing but compute. Schemas may be used by any goroutine; a Value and Problems by one at a time.
package schema
