package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"metaflows/flows"
)

// hints say what a code does, by module.
var hints = map[string]string{
	"record_call": "records the call, or stops that; a tone says when it is done",
	"transfer":    "sends the other party to an extension, and ends your call",
	"hangup":      "hangs up",
}

// code is one line of the guide.
type code struct{ Keys, Hint string }

// codes are those of the account's document, which is stored first where there is none.
func (l *lab) codes(ctx context.Context) ([]code, error) {
	ctx, cancel := soon(ctx)
	defer cancel()
	text, err := l.Program.Request(ctx, http.MethodGet, metaflowsPath, "")
	if err != nil {
		return nil, err
	}
	if list, err := codesOf(text); err != nil || len(list) > 0 {
		return list, err
	}
	if text, err = l.Program.Request(ctx, http.MethodPost, metaflowsPath, document); err != nil {
		return nil, err
	}
	return codesOf(text)
}

// codesOf reads the API's answer.
func codesOf(answer []byte) ([]code, error) {
	var envelope struct{ Data json.RawMessage }
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return nil, fmt.Errorf("the API's answer: %w", err)
	}
	stored, err := flows.ParseDocument(envelope.Data)
	if err != nil {
		return nil, fmt.Errorf("the API's answer: %w", err)
	}
	binding := string(cmp.Or(stored.BindingDigit, '*'))
	var list []code
	for _, e := range append(stored.Numbers, stored.Patterns...) {
		keys := strings.ReplaceAll(e.Key, `(\d+)`, "1234") // an example of it
		list = append(list, code{binding + keys, cmp.Or(hints[e.Node.Module], e.Node.Module)})
	}
	return list, nil
}
