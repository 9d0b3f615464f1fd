package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"metaflows/docker/rig"
)

// apiSide is who is asked to hang up.
type apiSide struct {
	name    string
	request func(b *latencyBench, ctx context.Context, channel string) (*http.Request, error)
}

// apiSides hang up the same phone in calls of the same kind: by metaflows, which asks ARI, and by ARI itself.
var apiSides = []apiSide{{"metaflows PUT", (*latencyBench).byMetaflows}, {"ARI DELETE", (*latencyBench).byARI}}

const apiHangup = `{"action":"metaflow","data":{"module":"hangup"}}`

func (b *latencyBench) byMetaflows(ctx context.Context, channel string) (*http.Request, error) {
	token, err := b.Program.Secret("admin.token")
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+b.Program.API+"/v2/accounts/acme/channels/"+channel, strings.NewReader(apiHangup))
	if err == nil {
		r.Header.Set("X-Auth-Token", token)
	}
	return r, err
}

func (b *latencyBench) byARI(ctx context.Context, channel string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, b.Asterisk.ARIURL+"/channels/"+channel, nil)
	if err == nil {
		r.SetBasicAuth(b.Asterisk.ARIUser, b.Asterisk.ARIPassword)
	}
	return r, err
}

// compareAPI measures a hangup by request on both sides, from the sending to the BYE at the phone.
func (b *latencyBench) compareAPI(ctx context.Context) error {
	took := make([]times, len(apiSides))
	for n := range warmUp + b.runs {
		for i, s := range apiSides {
			d, err := b.onceAPI(ctx, s)
			if err != nil {
				return fmt.Errorf("run %d by %s: %w; the latest events: %s", n+1, s.name, err, rig.Latest(b.Program, 12))
			}
			if n >= warmUp {
				took[i] = append(took[i], d)
			}
		}
	}
	what := []string{"api", "", "BYE at the phone"}
	for i, s := range apiSides {
		b.row(what, s.name, took[i])
		what = []string{"", "", ""}
	}
	b.figures = append(b.figures, quantiles("hangup by request: BYE at the phone; plain: ARI's own DELETE", took[0], took[1])...)
	fmt.Fprintf(b.out, "%-55s %7.2f ms more at the median, %.2f ms at p99, from the request's sending\n\n", "",
		float64(took[0].median()-took[1].median())/1e6, float64(took[0].quantile(0.99)-took[1].quantile(0.99))/1e6)
	return nil
}

// onceAPI is one call that is hung up by a request.
func (b *latencyBench) onceAPI(ctx context.Context, s apiSide) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("waited for 15s"))
	defer cancel()
	caller, err := b.alice.Call(ctx, "1002")
	if err != nil {
		return 0, err
	}
	callee, err := b.bob.Incoming(ctx)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(caller.WaitTone(ctx, rig.Tones["bob"]), callee.WaitTone(ctx, rig.Tones["alice"])); err != nil {
		return 0, err
	}
	channel, err := b.channelOf(ctx, "PJSIP/alice-")
	if err != nil {
		return 0, err
	}
	request, err := s.request(b, ctx, channel)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode/100 != 2 {
		return 0, fmt.Errorf("%s: %s %s: %w", s.name, answer.Status, text, err)
	}
	if err := caller.WaitEnded(ctx); err != nil {
		return 0, err
	}
	end, _ := caller.HowEnded()
	return end.Time.Sub(began), b.clear(ctx)
}

// channelOf is the id of the channel whose name begins so.
func (b *latencyBench) channelOf(ctx context.Context, name string) (string, error) {
	var channels []struct{ ID, Name string }
	if err := b.ARI(ctx, http.MethodGet, "/channels", &channels); err != nil {
		return "", err
	}
	for _, c := range channels {
		if strings.HasPrefix(c.Name, name) {
			return c.ID, nil
		}
	}
	return "", fmt.Errorf("there is no channel %s", name)
}
