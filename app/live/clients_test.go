package live

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker/brokertest"
)

// accounts are those of an external NATS, as app/README.md gives them, with the login of a program of account acme and one that
// may look at everything.
func accounts(t *testing.T) string {
	t.Helper()
	given, err := os.ReadFile("../../docker/nats/accounts.conf")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(`include "../../logins/nats/passwords.conf"`, "metaflows_password: secret\naudit_password: secret",
		"users: [{user: metaflows,", `users: [{user: looks, password: secret}
      {user: acme, password: secret, permissions: {
        publish: {allow: ["metaflows.v1.command.acme.*"]}
        subscribe: {allow: ["_INBOX_acme.>"]}
      }}
      {user: metaflows,`).Replace(string(given))
}

// The server lets an answer through as long as one may take.
func TestAnswerTime(t *testing.T) {
	match := regexp.MustCompile(`allow_responses: \{max: 1, expires: "(.*)"\}`).FindStringSubmatch(accounts(t))
	if match == nil {
		t.Fatal("allow_responses is not given as the test knows it")
	}
	if expires, err := time.ParseDuration(match[1]); err != nil || expires <= answerTime+MaxWait {
		t.Errorf("the server allows an answer for %s, which may take %s", match[1], answerTime+MaxWait)
	}
}

// A login for one account sends commands to its calls and to no others, reads nothing else, and cannot have answers stored.
func TestClients(t *testing.T) {
	address := brokertest.Configured(t, accounts(t))
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
	looks, err := nats.Connect("nats://looks:secret@" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer looks.Close()
	kv, err := must(jetstream.New(looks)).KeyValue(t.Context(), Bucket)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(t.Context(), "acme.forged"); err == nil {
		t.Errorf("stored: %s", e.Value())
	}
}
