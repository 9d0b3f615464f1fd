package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"metaflows/docker/pbx"
	"metaflows/docker/rig"
)

// witnessApp is the ARI application that only watches.
const witnessApp = "onlooker"

// witness sees everything that happens in Asterisk: an ARI application beside metaflows, subscribed to all.
type witness struct {
	*rig.Seen[effect]
	conn  *websocket.Conn
	ended chan struct{} // closed when no more is seen
}

// newWitness connects; each effect is handed to saw, too.
func newWitness(ctx context.Context, asterisk *pbx.Server, saw func(effect)) (*witness, error) {
	address := "ws" + strings.TrimPrefix(asterisk.ARIURL, "http") + "/events?" +
		url.Values{"app": {witnessApp}, "subscribeAll": {"true"}}.Encode()
	login := base64.StdEncoding.EncodeToString([]byte(asterisk.ARIUser + ":" + asterisk.ARIPassword))
	conn, _, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Basic " + login}}})
	if err != nil {
		return nil, fmt.Errorf("watch Asterisk: %w", err)
	}
	conn.SetReadLimit(1 << 20)
	w := &witness{Seen: rig.NewSeen[effect](), conn: conn, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		words := newTeller()
		for {
			_, frame, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			var ev ariEvent
			if json.Unmarshal(frame, &ev) != nil {
				continue
			}
			if e, ok := words.tell(ev); ok {
				saw(e)
				w.Add(e)
			}
		}
	}()
	return w, nil
}

// close ends the connection and waits until nothing more is seen.
func (w *witness) close() {
	_ = w.conn.CloseNow()
	<-w.ended
}

// await waits for an event of a type about a channel whose short name begins so, from a position on.
func (w *witness) await(ctx context.Context, from int, kind, about string) (effect, int, error) {
	e, next, err := w.Await(ctx, from, func(e effect) bool { return e.kind == kind && strings.HasPrefix(e.about, about) })
	if err != nil {
		return e, next, fmt.Errorf("no %s of Asterisk about %s: %w", kind, about, err)
	}
	return e, next, nil
}
