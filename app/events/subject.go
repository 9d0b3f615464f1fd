package events

import (
	"bytes"
	"encoding/json"

	"metaflows/app/broker"
	"metaflows/flows"
)

const streamName = broker.EventStream

// subject is metaflows.v1.event.<account>.<call>.<type>. A type has two tokens and stands as it is.
func subject(n flows.Notice) string {
	return "metaflows.v1.event." + broker.Token(n.Account) + "." + broker.Token(n.Call) + "." + n.Type
}

// encode writes the payload; patterns keep their < and &.
func encode(n notice) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(n); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
