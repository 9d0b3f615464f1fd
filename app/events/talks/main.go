package main // talks nats://audit:<password>@127.0.0.1:4222 'metaflows.v1.event.acme.>'

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	js := must(jetstream.New(must(nats.Connect(os.Args[1], nats.CustomInboxPrefix("_INBOX_audit")))))
	stored := must(js.OrderedConsumer(context.Background(), "METAFLOWS_EVENTS", jetstream.OrderedConsumerConfig{FilterSubjects: os.Args[2:]}))
	events, came := []map[string]any{}, map[any]any{} // came: by call, who has come into it by a transfer
	for m := range must(stored.Fetch(int(stored.CachedInfo().NumPending))).Messages() {
		var e map[string]any
		must(e, json.Unmarshal(m.Data(), &e))
		events, came[e["target_call"]] = append(events, e), cmp.Or(e["other_endpoint"], came[e["call"]])
	}
	for _, e := range events {
		switch kind := e["type"]; {
		case kind == "call.answered" && came[e["call"]] == nil:
			fmt.Println(e["time"], e["endpoint"], "talks with", cmp.Or(e["other_endpoint"], e["caller_id_number"]))
		case kind == "transfer.answered":
			fmt.Println(e["time"], cmp.Or(e["other_endpoint"], came[e["call"]]), "talks with", cmp.Or(e["target_endpoint"], e["target"]))
		case kind == "recording.stored":
			fmt.Println(e["time"], "recorded:", e["recording"])
		}
	}
}
