package events

import (
	"bytes"
	"encoding/json"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

const streamName = broker.EventStream

// subject is metaflows.v1.event.<account>.<call>.<type>. A type has two tokens and stands as it is.
func subject(n calls.Notice) string {
	return "metaflows.v1.event." + broker.Token(n.Account) + "." + broker.Token(n.Call) + "." + n.Type
}

// stamp is how a time is written: RFC 3339 in UTC, with milliseconds.
const stamp = "2006-01-02T15:04:05.000Z07:00"

// payload is what an event says by itself, also to who does not see its headers.
type payload struct {
	Type string `json:"type"`
	Time string `json:"time"`
	calls.Notice
}

// encode writes the payload; patterns keep their < and &.
func encode(n notice) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(payload{n.Type, n.Time.UTC().Format(stamp), n.Notice}); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
