package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// healthTimeout is shorter than what container engines and supervisors give a health check.
const healthTimeout = 2 * time.Second

const healthUsage = `metaflows health

Asks the metaflows that runs with this environment whether it is ready, and says which part is not. Exit code 0 if it is: for
health checks of images without a shell.

`

func health(ctx context.Context, t *terminal, _ []string) error {
	if !t.ready(ctx, t.out) {
		return errSaid
	}
	return nil
}

// ready asks /readyz, tells what it has answered, and says whether every part is ready.
func (a *API) ready(ctx context.Context, out io.Writer) bool {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	answer, err := a.request(ctx, http.MethodGet, "/readyz", nil, nil)
	if err != nil {
		fmt.Fprintln(out, err)
		return false
	}
	defer answer.Body.Close()
	var said struct {
		OK    bool
		Parts map[string]struct{ Problem string }
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&said); err != nil {
		fmt.Fprintf(out, "%s is no metaflows: %s\n", a.URL, answer.Status)
		return false
	}
	if said.OK {
		fmt.Fprintln(out, "ready")
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(said.Parts)) {
		if problem := said.Parts[name].Problem; problem != "" {
			fmt.Fprintf(out, "%s: %s\n", name, problem)
		}
	}
	return false
}
