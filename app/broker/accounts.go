package broker

import (
	"fmt"
	"slices"
	"strings"
)

// AuditUser is the login for subscribers, AuditInbox the inbox prefix that its clients set.
const (
	AuditUser  = "audit"
	AuditInbox = "_INBOX_audit"
)

const (
	eventsUser    = "metaflows-events"
	documentsUser = "metaflows-documents"
	consumersUser = "metaflows-consumers"
)

// auditMayPublish lists the requests of the login audit: it reads the stream, alone or with consumers of
// its own, and can do nothing else to it.
var auditMayPublish = []string{
	"$JS.API.INFO",
	"$JS.API.STREAM.INFO." + EventStream,
	"$JS.API.STREAM.MSG.GET." + EventStream,
	"$JS.API.DIRECT.GET." + EventStream,
	"$JS.API.DIRECT.GET." + EventStream + ".>",
	"$JS.API.CONSUMER.INFO." + EventStream + ".*",
	"$JS.API.CONSUMER.LIST." + EventStream,
	"$JS.API.CONSUMER.NAMES." + EventStream,
	"$JS.API.CONSUMER.DELETE." + EventStream + ".*",
	"$JS.API.CONSUMER.PAUSE." + EventStream + ".*",
	"$JS.API.CONSUMER.UNPIN." + EventStream + ".*",
	"$JS.API.CONSUMER.MSG.NEXT." + EventStream + ".*",
	"$JS.ACK." + EventStream + ".>",
}

// auditMayCreate are the requests of audit for a consumer; see ration.
var auditMayCreate = []string{
	"$JS.API.CONSUMER.CREATE." + EventStream,
	"$JS.API.CONSUMER.CREATE." + EventStream + ".>",
	"$JS.API.CONSUMER.DURABLE.CREATE." + EventStream + ".*",
}

// auditMaySubscribe lists what it hears.
var auditMaySubscribe = []string{EventSubjects, AuditInbox + ".>"}

// accounts is the embedded server's configuration of accounts and users, in the server's own notation. The internal
// users are accepted on connections inside this process only; without a login nobody gets in.
//
// The login audit sits in an account of its own that imports the requests it may make. In the stream's account it could
// name an event's subject as the place for an answer, and the server, which checks permissions for subjects but not for
// replies, would store that answer as an event. An imported request's answer comes back to the importing account, where
// no stream listens.
//
// What permissions cannot forbid to who may make consumers: a push consumer has stored events sent to any literal subject
// inside EVENTS, also to one that a subscriber takes for new ones. So ration lets a consumer deliver to auditors' inboxes
// alone. And EVENTS holds nothing but the stream and its publisher, and nobody subscribes there to a subject that can be
// guessed: the publisher's only subscription is its inbox, whose name is random. What acts on messages (documents, commands,
// live calls) belongs into DOCUMENTS, which imports nothing and exports nothing.
func accounts(inside, audit string) string {
	var exports, creations, imports strings.Builder
	for _, s := range auditMayPublish {
		fmt.Fprintf(&exports, "      {service: %q, response_type: Stream, accounts: [AUDIT]}\n", s)
		fmt.Fprintf(&imports, "      {service: {account: EVENTS, subject: %q}}\n", s)
	}
	for _, s := range auditMayCreate {
		fmt.Fprintf(&creations, "      {service: %q, response_type: Stream, accounts: [AUDIT]}\n", rationed+s)
		fmt.Fprintf(&imports, "      {service: {account: CONSUMERS, subject: %q}, to: %q}\n", rationed+s, s)
	}
	for _, s := range auditMaySubscribe {
		fmt.Fprintf(&exports, "      {stream: %q, accounts: [AUDIT]}\n", s)
		fmt.Fprintf(&imports, "      {stream: {account: EVENTS, subject: %q}}\n", s)
	}
	return fmt.Sprintf(`
accounts {
  EVENTS {
    jetstream: enabled
    users: [{user: %q, password: %q, allowed_connection_types: ["IN_PROCESS"]}]
    exports: [
%s    ]
  }
  CONSUMERS {
    users: [{user: %q, password: %q, allowed_connection_types: ["IN_PROCESS"]}]
    exports: [
%s    ]
  }
  AUDIT {
    users: [{user: %q, password: %q, permissions: {publish: {allow: [%s]}, subscribe: {allow: [%s]}}}]
    imports: [
%s    ]
  }
  DOCUMENTS {
    jetstream: enabled
    users: [{user: %q, password: %q, allowed_connection_types: ["IN_PROCESS"]}]
  }
}`, eventsUser, inside, exports.String(),
		consumersUser, inside, creations.String(),
		AuditUser, audit, quoted(slices.Concat(auditMayPublish, auditMayCreate)), quoted(auditMaySubscribe), imports.String(),
		documentsUser, inside)
}

func quoted(list []string) string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(q, ", ")
}
