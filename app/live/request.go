package live

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"metaflows/app/schema"
)

// maxRequest is the largest request that is looked at, in bytes, as by the REST API.
const maxRequest = 256 << 10

// spare is what an answer may take longer than the time that the holder has for it.
const spare = time.Second

// wire is a command as it travels (schema command_request).
type wire struct {
	Channel string          `json:"channel"`
	Flow    json.RawMessage `json:"flow"`
	Key     string          `json:"idempotency_key,omitempty"`
	Wait    float64         `json:"wait,omitempty"` // seconds
	Attach  bool            `json:"attach,omitempty"`
}

// Headers of a request, by which instances tell each other more of a command.
const (
	headerUser    = "Metaflows-User"    // Command.User
	headerKeyless = "Metaflows-Keyless" // the idempotency key is the instance's own
)

// request sends a command to the instance that holds the call. The outcome is waited for by a second request, so that one
// who does not answer at all is noticed soon.
func (l *Live) request(ctx context.Context, e *Entry, cmd Command) Reply {
	if cmd.Key == "" {
		cmd.Key, cmd.keyless = rand.Text(), true
	}
	began := time.Now()
	reply := l.ask(ctx, e, cmd, wire{cmd.Channel, cmd.Node.Raw, cmd.Key, 0, false}, answerTime)
	if rest := cmd.Wait - time.Since(began); reply.Status == Started && rest > 0 {
		outcome := l.ask(ctx, e, cmd, wire{cmd.Channel, cmd.Node.Raw, cmd.Key, rest.Seconds(), true}, rest+answerTime)
		if outcome.Call, outcome.Action = reply.Call, reply.Action; outcome.Node == "" {
			outcome.Node = reply.Node
		}
		return outcome
	}
	return reply
}

func (l *Live) ask(ctx context.Context, e *Entry, cmd Command, w wire, patience time.Duration) Reply {
	payload, err := json.Marshal(w)
	if err != nil {
		return refuse(Invalid, "the command cannot be sent")
	}
	ctx, cancel := context.WithTimeout(ctx, patience+spare)
	defer cancel()
	request := nats.NewMsg(subject(cmd.Account, e.Call))
	request.Data = payload
	if cmd.User != "" {
		request.Header.Set(headerUser, cmd.User)
	}
	if cmd.keyless {
		request.Header.Set(headerKeyless, "1")
	}
	m, err := l.cfg.Conn.RequestMsgWithContext(ctx, request)
	if err != nil {
		l.cfg.Log.Info("nobody answers for a call", "call", e.Call, "node", e.Node, "error", err)
		if errors.Is(err, nats.ErrNoResponders) {
			return refuse(Unavailable, "the instance that handles the call is away")
		}
		return refuse(Unavailable, "the instance that handles the call does not answer")
	}
	var reply Reply
	if err := json.Unmarshal(m.Data, &reply); err != nil || reply.Status == "" || reply.Status == Refused && reply.Error == nil {
		l.cfg.Log.Warn("the answer for a call is not understood", "call", e.Call, "node", e.Node)
		return refuse(Unavailable, "the answer of the instance that handles the call is not understood")
	}
	return reply
}

// serve answers commands that come by NATS, until ctx ends.
func (l *Live) serve(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-l.commands:
			if m.Reply != "" && !inbox(m.Reply) {
				l.cfg.Log.Warn("a command that wants its answer elsewhere than in an inbox is not carried out", "subject", m.Subject, "reply", m.Reply)
				continue
			}
			to, known := l.addressee(m.Subject)
			switch {
			case !known:
				l.respond(m, refuse(NotFound, "there is no such call"))
			case !l.slots.take(to.account):
				l.respond(m, refuse(Unavailable, "too many commands are waited for"))
			default:
				running.Go(func() {
					defer l.slots.free(to.account)
					l.respond(m, l.answer(ctx, to, m))
				})
			}
		}
	}
}

// addressee is whom a subject is for.
func (l *Live) addressee(subject string) (to address, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to, known = l.addressed[subject]
	return to, known
}

func (l *Live) respond(m *nats.Msg, reply Reply) {
	if m.Reply == "" {
		return // nobody wants to know
	}
	data, err := json.Marshal(reply)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		l.cfg.Log.Info("an answer to a command cannot be sent", "error", err)
	}
}

// inbox says whether an answer may go to a subject: to an inbox, or where the server brings it to another NATS account. Who
// may send commands could else have answers stored as documents or events, by the permissions of this process.
func inbox(subject string) bool {
	return strings.HasPrefix(subject, "_INBOX") || strings.HasPrefix(subject, "_R_.")
}

// answer carries out one command.
func (l *Live) answer(ctx context.Context, to address, m *nats.Msg) Reply {
	cmd, wrong := l.parse(m.Data)
	if wrong != nil {
		return Reply{Status: Refused, Call: to.call, Node: l.cfg.Node, Error: &Refusal{Invalid, "the request is not valid", wrong}}
	}
	cmd.Account, cmd.User, cmd.keyless = to.account, m.Header.Get(headerUser), m.Header.Get(headerKeyless) != ""
	return l.execute(ctx, to.call, cmd)
}

// parse reads a request; wrong is nil where it is valid.
func (l *Live) parse(payload []byte) (cmd Command, wrong *schema.Problems) {
	one := func(message string) (Command, *schema.Problems) {
		return Command{}, schema.One("json", "invalid", schema.Detail{"message": message, "target": "body"})
	}
	if len(payload) > maxRequest {
		return one("the request has more than 262144 bytes")
	}
	data, err := schema.Parse(payload)
	switch {
	case err != nil:
		return one(err.Error())
	case data.Kind != schema.Object:
		return one("the request is not a JSON object")
	}
	if wrong = l.cfg.Schemas.Object("command_request", data); !wrong.Empty() {
		return Command{}, wrong
	}
	cmd.Channel = data.Get("channel").Text
	if key := data.Get("idempotency_key"); key != nil {
		cmd.Key = key.Text
	}
	if attach := data.Get("attach"); attach != nil {
		cmd.attach = attach.Text == "true"
	}
	if wait := data.Get("wait"); wait != nil {
		seconds, _ := strconv.ParseFloat(wait.Text, 64) // the schema has looked at it
		cmd.Wait = time.Duration(seconds * float64(time.Second))
	}
	if cmd.Node, wrong, _ = l.cfg.Schemas.Node(data.Get("flow"), "flow"); !wrong.Empty() {
		return Command{}, wrong
	}
	return cmd, nil
}
