package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// firstCodes are what the account begins with.
//
//go:embed codes.json
var firstCodes []byte

// codesPath is the document of the account that alice, bob, carol and dave are of.
const codesPath = "/v2/accounts/acme/metaflows"

// codesCommand stores the first codes, unless the account has some.
var codesCommand = plain(func(ctx context.Context, out io.Writer, s settings) error {
	token, err := s.Logins.read(apiToken)
	if err != nil {
		return fmt.Errorf("the API's token: %w", err)
	}
	return retry(ctx, out, func(ctx context.Context) error {
		answer, err := ask(ctx, http.MethodGet, s.API+codesPath, token, nil)
		if err != nil {
			return err
		}
		var stored struct{ Data map[string]json.RawMessage }
		if err := json.Unmarshal(answer, &stored); err != nil {
			return fmt.Errorf("the API's answer: %w", err)
		}
		if len(stored.Data) > 0 {
			fmt.Fprintln(out, "account acme has codes; they stay as they are")
			return nil
		}
		if _, err := ask(ctx, http.MethodPost, s.API+codesPath, token, firstCodes); err != nil {
			return err
		}
		fmt.Fprintln(out, "account acme has its first codes: *9 records, *2 and an extension transfers, *0 hangs up")
		return nil
	})
})

// ask sends one request to the REST API; anything but a 200 is an error.
func ask(ctx context.Context, method, url, token string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Auth-Token", token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, url, answer.Status)
	}
	return text, err
}
