package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/auth"
	"metaflows/app/broker"
	"metaflows/app/live"
	"metaflows/app/recordings"
	"metaflows/app/store"
)

// The accounts are those that app/README.md gives, which have a test of their own.
func TestAccounts(t *testing.T) {
	readme, err := os.ReadFile("../../../app/README.md")
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := os.ReadFile("../../nats/accounts.conf")
	if err != nil {
		t.Fatal(err)
	}
	_, wanted, _ := strings.Cut(string(readme), "```text\naccounts {")
	wanted, _, _ = strings.Cut(wanted, "```")
	_, got, _ := strings.Cut(string(accounts), "\naccounts {")
	for _, variable := range []string{"$metaflows_password", "$audit_password"} {
		got = strings.ReplaceAll(got, variable, `"..."`)
	}
	if got != wanted || wanted == "" {
		t.Errorf("docker/nats/accounts.conf has\n%s\napp/README.md\n%s", got, wanted)
	}
}

func TestNames(t *testing.T) {
	want := []jetstream.KeyValueConfig{
		{Bucket: store.Bucket}, {Bucket: auth.Bucket}, {Bucket: recordings.IndexBucket}, {Bucket: live.Bucket, TTL: live.Lifetime, Storage: jetstream.MemoryStorage},
	}
	if !reflect.DeepEqual(buckets, want) {
		t.Errorf("made in NATS are the buckets\n%+v, metaflows uses\n%+v", buckets, want)
	}
}

// configured is a NATS with a configuration of docker/nats, as its container sees it.
func configured(t *testing.T, file string) (url, audit string) {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "etc", "nats")
	if err := os.CopyFS(dir, os.DirFS("../../nats")); err != nil {
		t.Fatal(err)
	}
	s := settings{Addr: "127.0.0.1", NATS: "nats", Logins: folder(filepath.Join(root, "logins"))}
	logins(t, s)
	files := read(t, s.Logins)
	options, err := server.ProcessConfigFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	options.Host, options.Port, options.StoreDir, options.NoSigs, options.Cluster.Port = "127.0.0.1", server.RANDOM_PORT, t.TempDir(), true, 0
	options.Routes = nil
	ns, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	go ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(10 * time.Second) {
		t.Fatal("it does not start")
	}
	address := ns.Addr().String()
	return strings.Replace(files[natsURL], "nats:4222", address, 1), "nats://audit:" + files[auditPassword] + "@" + address
}

// metaflows' login may make the streams, and they stay as they are; the auditor's hears events and may not make them.
func TestConfiguration(t *testing.T) {
	url, audit := configured(t, "nats.conf")
	for range 2 {
		if err := makeStreams(t.Context(), t.Output(), url, 1); err != nil {
			t.Fatal(err)
		}
	}
	heard, err := nats.Connect(audit, nats.CustomInboxPrefix(broker.AuditInbox))
	if err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
	events, err := heard.SubscribeSync(broker.EventSubjects)
	if err != nil || heard.Flush() != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "metaflows.v1.publish.acme.c.call.started", []byte("{}")); err != nil {
		t.Error(err)
	}
	for _, bucket := range buckets {
		kv, err := js.KeyValue(t.Context(), bucket.Bucket)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(t.Context(), "x.y", []byte("{}")); err != nil {
			t.Error(err)
		}
	}
	if m, err := events.NextMsg(5 * time.Second); err != nil || m.Subject != "metaflows.v1.event.acme.c.call.started" {
		t.Error(m, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := makeStreams(ctx, t.Output(), audit, 1); err == nil {
		t.Error("the auditor's login is enough to make streams")
	}
}

func TestClusterConfiguration(t *testing.T) {
	t.Setenv("SERVER_NAME", "nats-1")
	dir := filepath.Join(t.TempDir(), "etc", "nats")
	if err := os.CopyFS(dir, os.DirFS("../../nats")); err != nil {
		t.Fatal(err)
	}
	s := settings{Addr: "127.0.0.1", NATS: "nats-1,nats-2,nats-3", Logins: folder(filepath.Join(dir, "..", "..", "logins"))}
	logins(t, s)
	options, err := server.ProcessConfigFile(filepath.Join(dir, "cluster.conf"))
	if err != nil {
		t.Fatal(err)
	}
	password, err := s.Logins.read(routesPassword)
	if err != nil {
		t.Fatal(err)
	}
	if options.Cluster.Username != "routes" || options.Cluster.Password != password {
		t.Error("whoever reaches the port of the cluster's routes may be a server of it")
	}
	for n, route := range options.Routes {
		if want := fmt.Sprintf("nats://routes:%s@nats-%d:6222", password, n+1); route.String() != want {
			t.Errorf("route %s, want %s", route, want)
		}
	}
	if options.ServerName != "nats-1" || options.Cluster.Name != "metaflows" || len(options.Routes) != 3 || !options.JetStream {
		t.Errorf("%q %q %v %v", options.ServerName, options.Cluster.Name, len(options.Routes), options.JetStream)
	}
}
