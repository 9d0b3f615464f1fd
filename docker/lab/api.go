package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// account is whose codes demo and lab set; alice, bob, carol and dave are of it.
const account = "acme"

// metaflowsPath is the account's document in the REST API.
const metaflowsPath = "/v2/accounts/" + account + "/metaflows"

// document is the one of the specification's example, and 9 to record.
const document = `{"data":{"binding_digit":"*",` +
	`"numbers":{"9":{"module":"record_call"}},` +
	`"patterns":{"2(\\d+)":{"module":"transfer","data":{"takeback_dtmf":"*1"}}}}}`

// request speaks to the REST API as an administrator; anything but a 200 is an error.
func (p *program) request(ctx context.Context, method, path, body string) ([]byte, error) {
	token, err := p.secret("admin.token")
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.api+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Auth-Token", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s %s", method, path, answer.Status, bytes.TrimSpace(text))
	}
	return text, nil
}
