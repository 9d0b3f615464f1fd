package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxEvent is more than any event has.
const maxEvent = 1 << 20

// feed is events as they come, by server-sent events.
type feed struct {
	body  io.ReadCloser
	lines *bufio.Scanner
	last  uint64 // the place of what was read last
	found bool   // there was a place
}

// follow opens a feed, after a place in the stream; "" is what is still to come. The caller closes it.
func (a *API) follow(ctx context.Context, account, after string) (*feed, error) {
	header := map[string]string{"Accept": "text/event-stream"}
	if after != "" {
		header["Last-Event-ID"] = after
	}
	w, err := a.request(ctx, http.MethodGet, feedPath(account), nil, header)
	if err != nil {
		return nil, err
	}
	if kind := w.Header.Get("Content-Type"); w.StatusCode != http.StatusOK || kind != "text/event-stream" {
		defer w.Body.Close()
		_, err := read(w)
		if err == nil {
			err = fmt.Errorf("events are answered with %s, %s", w.Status, kind)
		}
		return nil, err
	}
	f := &feed{body: w.Body, lines: bufio.NewScanner(w.Body)}
	f.lines.Buffer(nil, maxEvent)
	return f, nil
}

// next waits for what comes next: an event, or nil data where the other side has only said up to which place there is none.
// io.EOF is the feed's end.
func (f *feed) next() (data []byte, err error) {
	block := false
	for f.lines.Scan() {
		field, value, _ := strings.Cut(f.lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			if f.last, err = strconv.ParseUint(value, 10, 64); err != nil {
				return nil, fmt.Errorf("an event's id is %q: %w", value, err)
			}
			block, f.found = true, true
		case "data":
			data = []byte(value)
		case "":
			if block && f.lines.Text() == "" { // else it is a comment
				return data, nil
			}
		}
	}
	if err := f.lines.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return nil, io.EOF
}

func (f *feed) close() { _ = f.body.Close() }
