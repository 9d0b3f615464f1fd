package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	askTimeout = 15 * time.Second // of a request that waits for nothing
	maxAnswer  = 64 << 20         // bytes of an answer
)

// API is the REST API of a metaflows. Its methods may be called by any goroutine.
type API struct {
	URL   string // http://127.0.0.1:8000
	Token string
	HTTP  *http.Client
}

// New is the API that a metaflows serves which listens at an address.
func New(address, token string) *API {
	return &API{URL: "http://" + dialable(address), Token: token, HTTP: &http.Client{Transport: &http.Transport{Proxy: nil}}}
}

// dialable is where one reaches who listens at an address: all addresses include this machine's own.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// answer is the envelope of every answer.
type answer struct {
	Data     json.RawMessage `json:"data"`
	Message  string          `json:"message"`
	Next     string          `json:"next_start_key"`
	Action   string          `json:"action_id"`
	Call     string          `json:"call_id"`
	Outcome  *outcome        `json:"outcome"`
	Warnings []struct {
		Path    string `json:"path"`
		Message string `json:"message"`
	} `json:"warnings"`
}

// outcome is how something that was run on a call has ended.
type outcome struct {
	Module   string `json:"module"`
	Result   string `json:"result"`
	Branch   string `json:"branch"`
	Reason   string `json:"reason"`
	Duration int64  `json:"duration_ms"`
}

// Refusal is an answer that says no.
type Refusal struct {
	Status int
	text   string
}

func (r *Refusal) Error() string { return r.text }

// is says whether an error is a refusal with a status.
func is(err error, status int) bool {
	refusal, ok := errors.AsType[*Refusal](err)
	return ok && refusal.Status == status
}

// request makes one; the caller closes the body.
func (a *API) request(ctx context.Context, method, path string, body []byte, header map[string]string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, a.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if a.Token != "" {
		r.Header.Set("X-Auth-Token", a.Token)
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w, err := a.HTTP.Do(r)
	if failure, ok := errors.AsType[*url.Error](err); ok {
		return nil, fmt.Errorf("metaflows does not answer: %w", failure.Err)
	}
	return w, err
}

// ask makes a request and reads its answer. What is not a success is a *Refusal.
func (a *API) ask(ctx context.Context, method, path string, body []byte, header map[string]string) (*answer, error) {
	w, err := a.request(ctx, method, path, body, header)
	if err != nil {
		return nil, err
	}
	defer w.Body.Close()
	return read(w)
}

// within is ask for what waits for nothing.
func (a *API) within(ctx context.Context, method, path string, body []byte, header map[string]string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return a.ask(ctx, method, path, body, header)
}

// get asks for data.
func (a *API) get(ctx context.Context, path string, data any) error {
	said, err := a.within(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(said.Data, data)
}

// read reads the envelope of an answer.
func read(w *http.Response) (*answer, error) {
	text, err := io.ReadAll(io.LimitReader(w.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if len(text) == 0 && w.StatusCode == http.StatusPreconditionFailed { // the one refusal that says nothing
		return nil, &Refusal{Status: w.StatusCode, text: w.Status}
	}
	said := &answer{}
	if err := json.Unmarshal(text, said); err != nil {
		return nil, fmt.Errorf("what answers at %s is no metaflows: %s", w.Request.URL.Host, w.Status)
	}
	if w.StatusCode >= http.StatusBadRequest {
		return nil, &Refusal{Status: w.StatusCode, text: w.Status + ": " + explain(said)}
	}
	return said, nil
}

// explain is why an answer says no, in one line: the problems by their paths, where there are any.
func explain(said *answer) string {
	var parts []string
	var collect func(path string, v any)
	collect = func(path string, v any) {
		members, ok := v.(map[string]any)
		if !ok {
			return
		}
		if text, ok := members["message"].(string); ok {
			if path != "" {
				text = path + ": " + text
			}
			if cause, ok := members["cause"].(string); ok && cause != members["message"] {
				text += " (" + cause + ")"
			}
			parts = append(parts, text)
			return
		}
		for key, value := range members {
			under := path // the last key is a code, as required
			if inner, ok := value.(map[string]any); ok && inner["message"] == nil {
				under = strings.TrimPrefix(path+"."+key, ".")
			}
			collect(under, value)
		}
	}
	var data any
	if json.Unmarshal(said.Data, &data) == nil {
		collect("", data)
	}
	if len(parts) == 0 {
		return said.Message
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}
