package broker

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	maxAuditConsumers = 32
	rationTimeout     = 2 * time.Second
	// OwnConsumer begins the names of the consumers that the process itself makes of the event stream.
	OwnConsumer = "metaflows-"
	rationed    = "audit." // what the requests' subjects begin with in CONSUMERS: there, too, the server answers to JetStream's own
)

// ration stands between the login audit and the event stream: what audit asks for a consumer arrives in an account of its
// own, and goes on to the stream as long as there are not too many. A limit of the stream itself would count the process's
// own consumers, too, and let an auditor take their places.
type ration struct {
	events *nats.Conn
	mu     sync.Mutex // one at a time, or some would be one too many
}

// serve answers on a connection to the account CONSUMERS.
func (r *ration) serve(conn *nats.Conn) error {
	for _, subject := range auditMayCreate {
		if _, err := conn.Subscribe(rationed+subject, r.answer); err != nil {
			return err
		}
	}
	return conn.Flush()
}

func (r *ration) answer(m *nats.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if refusal := r.judge(m); refusal != nil {
		_ = m.Respond(refusal)
		return
	}
	request := nats.NewMsg(strings.TrimPrefix(m.Subject, rationed))
	request.Data, request.Header = m.Data, m.Header
	if answer, err := r.events.RequestMsg(request, rationTimeout); err == nil {
		_ = m.RespondMsg(&nats.Msg{Header: answer.Header, Data: answer.Data})
	} // else it is as if the stream had not answered
}

// judge gives what a request is refused with; nil when it is not.
func (r *ration) judge(m *nats.Msg) []byte {
	var asked struct {
		Config struct {
			Name    string `json:"name"`
			Durable string `json:"durable_name"`
			Deliver string `json:"deliver_subject"`
		} `json:"config"`
	}
	_ = json.Unmarshal(m.Data, &asked) // the stream says what is wrong with it
	names := []string{asked.Config.Name, asked.Config.Durable}
	for _, prefix := range []string{"$JS.API.CONSUMER.CREATE." + EventStream + ".", "$JS.API.CONSUMER.DURABLE.CREATE." + EventStream + "."} {
		if rest, found := strings.CutPrefix(m.Subject, rationed+prefix); found {
			name, _, _ := strings.Cut(rest, ".")
			names = append(names, name)
		}
	}
	for _, name := range names {
		if strings.HasPrefix(name, OwnConsumer) {
			return refusal(400, 10105, "names that begin with "+OwnConsumer+" are not for auditors")
		}
	}
	// The stream does not look at where a push consumer sends to: who hears events live would take those for new ones.
	if to := asked.Config.Deliver; to != "" && !strings.HasPrefix(to, AuditInbox+".") {
		return refusal(400, 10112, "events can be delivered to inboxes only, whose subjects begin with "+AuditInbox+".")
	}
	there, err := r.consumers()
	if err != nil {
		return refusal(503, 10008, "JetStream system temporarily unavailable")
	}
	for _, name := range names {
		if there[name] { // it is changed, or asked for again
			return nil
		}
	}
	if len(there) >= maxAuditConsumers {
		return refusal(400, 10026, fmt.Sprintf("maximum consumers limit reached: %d", maxAuditConsumers))
	}
	return nil
}

// consumers are the names of those that are not the process's own.
func (r *ration) consumers() (map[string]bool, error) {
	there := map[string]bool{}
	for offset := 0; ; {
		answer, err := r.events.Request("$JS.API.CONSUMER.NAMES."+EventStream, fmt.Appendf(nil, `{"offset":%d}`, offset), rationTimeout)
		if err != nil {
			return nil, err
		}
		var page struct {
			Total     int      `json:"total"`
			Consumers []string `json:"consumers"`
		}
		if err := json.Unmarshal(answer.Data, &page); err != nil {
			return nil, err
		}
		for _, name := range page.Consumers {
			if !strings.HasPrefix(name, OwnConsumer) {
				there[name] = true
			}
		}
		if offset += len(page.Consumers); len(page.Consumers) == 0 || offset >= page.Total {
			return there, nil
		}
	}
}

func refusal(status, code int, description string) []byte {
	body, _ := json.Marshal(map[string]any{
		"type":  "io.nats.jetstream.api.v1.consumer_create_response",
		"error": map[string]any{"code": status, "err_code": code, "description": description},
	})
	return body
}
