package program

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Request speaks to the REST API as an administrator; anything but a 200 is an error.
func (p *Program) Request(ctx context.Context, method, path, body string) ([]byte, error) {
	token, err := p.Secret("admin.token")
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return p.request(ctx, method, path, body, token)
}

func (p *Program) request(ctx context.Context, method, path, body, token string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+p.API+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
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
