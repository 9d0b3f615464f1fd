package live

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker/brokertest"
)

// clients is the login of a program of account acme on an external NATS, as README.md gives it.
const clients = `
accounts {
  METAFLOWS {
    jetstream: enabled
    users: [
      {user: metaflows, password: secret}
      {user: acme, password: secret, permissions: {
        publish: {allow: ["metaflows.v1.command.acme.*"]}
        subscribe: {allow: ["_INBOX_acme.>"]}
      }}
    ]
  }
}`

// A login for one account sends commands to its calls and to no others, reads nothing else, and cannot have answers stored.
func TestClients(t *testing.T) {
	address := brokertest.Configured(t, clients)
	i := newInstance(t, "nats://metaflows:secret@"+address, "a")
	i.until("the bucket", func() bool { return i.Err() == nil })
	i.Changed(call("1", "alice@acme", "bob@beta"))
	client, err := nats.Connect("nats://acme:secret@"+address, nats.CustomInboxPrefix("_INBOX_acme"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	request := []byte(`{"channel":"1.alice","flow":{"module":"hangup"},"wait":5}`)
	var reply Reply
	i.until("the call is there", func() bool {
		m, err := client.Request("metaflows.v1.command.acme.1", request, time.Second)
		return err == nil && json.Unmarshal(m.Data, &reply) == nil
	})
	if reply.Status != Finished {
		t.Errorf("%+v", reply)
	}
	sent := len(i.commands())
	for _, subject := range []string{"metaflows.v1.command.beta.1", "$KV.metaflows_calls.acme.1", "$JS.API.INFO"} {
		if m, err := client.Request(subject, request, 300*time.Millisecond); err == nil {
			t.Errorf("%s answers %s", subject, m.Data)
		}
	}
	// An answer that would be stored: in the bucket of calls here, in that of documents elsewhere.
	if err := client.PublishRequest("metaflows.v1.command.acme.1", "$KV.metaflows_calls.acme.forged", request); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Request("metaflows.v1.command.acme.1", request, 5*time.Second); err != nil { // behind the other
		t.Error(err)
	}
	if n := len(i.commands()); n != sent+1 {
		t.Errorf("%d commands were carried out, want 1", n-sent)
	}
	kv, err := must(jetstream.New(i.conn)).KeyValue(t.Context(), Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(t.Context(), "acme.forged"); err == nil {
		t.Errorf("stored: %s", e.Value())
	}
}
