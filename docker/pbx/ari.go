package pbx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Channels lists the names of all channels, sorted: PJSIP/alice-00000001.
func (s *Server) Channels(ctx context.Context) ([]string, error) {
	var channels []struct{ Name string }
	if err := s.get(ctx, "/channels", &channels); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(channels))
	for _, channel := range channels {
		names = append(names, channel.Name)
	}
	slices.Sort(names)
	return names, nil
}

// Bridges lists the ids of all bridges, sorted.
func (s *Server) Bridges(ctx context.Context) ([]string, error) {
	var bridges []struct{ ID string }
	if err := s.get(ctx, "/bridges", &bridges); err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(bridges))
	for _, bridge := range bridges {
		ids = append(ids, bridge.ID)
	}
	slices.Sort(ids)
	return ids, nil
}

// Registered says whether a phone is registered.
func (s *Server) Registered(ctx context.Context, phone string) (bool, error) {
	var endpoint struct{ State string }
	err := s.get(ctx, "/endpoints/PJSIP/"+phone, &endpoint)
	return endpoint.State == "online", err
}

// await returns when Asterisk serves, or the context is done.
func (s *Server) await(ctx context.Context) error {
	var last error
	for {
		if last = s.ready(ctx); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not serve: %w", last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) ready(ctx context.Context) error {
	var pong struct{ Ping string }
	if err := s.get(ctx, "/asterisk/ping", &pong); err != nil {
		return err
	}
	if _, err := s.instance.run(ctx, "core waitfullybooted"); err != nil {
		return err
	}
	var endpoints []struct{ Technology, Resource string }
	if err := s.get(ctx, "/endpoints", &endpoints); err != nil {
		return err
	}
	var known []string
	for _, endpoint := range endpoints {
		if endpoint.Technology == "PJSIP" {
			known = append(known, endpoint.Resource)
		}
	}
	for _, phone := range s.phones {
		if !slices.Contains(known, phone.Name) {
			return fmt.Errorf("SIP endpoint %s is not there", phone.Name)
		}
	}
	return nil
}

// get asks ARI and decodes the answer.
func (s *Server) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.ARIURL+path, nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(s.ARIUser, s.ARIPassword)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return fmt.Errorf("ARI GET %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ARI GET %s: %s %s", path, response.Status, strings.TrimSpace(string(body)))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("ARI GET %s: %w", path, err)
	}
	return nil
}
