package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"metaflows/app/broker/brokertest"
	"metaflows/app/live"
	"metaflows/docker/phone"
)

// answer is what the API says about live calls.
type answer struct {
	status  int
	retry   string
	text    string
	Data    json.RawMessage
	Message string
	Action  string `json:"action_id"`
	Call    string `json:"call_id"`
	Outcome *live.Outcome
}

// live asks the API about the channels of acme.
func (l *lab) live(method, path, body string, header ...string) (a answer) {
	l.Helper()
	r, err := http.NewRequestWithContext(l.ctx, method, "http://"+l.HTTP+"/v2/accounts/acme/channels"+path, strings.NewReader(body))
	l.must(err)
	r.Header.Set("X-Auth-Token", l.token)
	for _, h := range header {
		key, value, _ := strings.Cut(h, ": ")
		r.Header.Set(key, value)
	}
	w, err := http.DefaultClient.Do(r)
	l.must(err)
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	l.must(err)
	a.status, a.retry, a.text = w.StatusCode, w.Header.Get("Retry-After"), string(raw)
	l.must(json.Unmarshal(raw, &a))
	return a
}

// runs sends a node to a channel.
func (l *lab) runs(channel live.Channel, query, node string, header ...string) answer {
	l.Helper()
	return l.live(http.MethodPut, "/"+channel.UUID+query, `{"action":"metaflow","data":`+node+`}`, header...)
}

// liveOf waits until these users of acme have answered channels, and gives them by user; without users, until there are none.
func (l *lab) liveOf(users ...string) map[string]live.Channel {
	l.Helper()
	var a answer
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		a = l.live(http.MethodGet, "", "")
		var list []live.Channel
		l.must(json.Unmarshal(a.Data, &list))
		byUser := map[string]live.Channel{}
		for _, c := range list {
			byUser[c.Username] = c
		}
		found := len(users) > 0 || len(list) == 0
		for _, user := range users {
			found = found && byUser[user].Answered
		}
		if found {
			return byUser
		}
		if time.Now().After(deadline) {
			l.Fatalf("there are not the channels of %v: %s", users, a.text)
		}
	}
}

// Two Asterisk nodes with an instance each on one NATS: what runs at the one is seen and acted on at the other.
func TestLiveCalls(t *testing.T) {
	t.Parallel()
	nats := brokertest.Start(t)
	one, two := ownNode(t, "one", nats), ownNode(t, "two", nats)
	alice, bob, carol := one.phone("alice"), one.phone("bob"), one.phone("carol")
	x, b := one.call(alice, "1002", bob)
	at := two.liveOf("alice", "bob")
	if c := at["bob"]; c.Node != "one" || c.Direction != "outbound" || c.OwnerID != "bob" || c.AuthorizingID != "bob-desk" || c.OtherLeg != at["alice"].UUID || c.Call == "" || c.Destination != "bob" {
		t.Errorf("bob's channel is %+v", c)
	}
	if c := at["alice"]; c.Direction != "inbound" || c.Destination != "1002" || c.Timestamp < 62167219200+1.7e9 {
		t.Errorf("alice's channel is %+v", c)
	}

	// An extension that does not exist: the module's error, and the call goes on.
	a := two.runs(at["bob"], "?wait=5", `{"module":"transfer","data":{"target":"7777"}}`)
	if a.status != http.StatusBadRequest || a.Message != "no_extension" || a.Outcome == nil || a.Action == "" || a.Call != at["bob"].Call {
		t.Errorf("to nowhere: %s", a.text)
	}

	// A recording, shown while it runs.
	a = two.runs(at["bob"], "?wait=5", `{"module":"record_call","data":{"action":"start"}}`)
	if a.status != http.StatusOK || a.Outcome.Result != "continue" || string(a.Data) != `"metaflow sent"` {
		t.Errorf("recording: %s", a.text)
	}
	one.event("recording.started", 1)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var d live.Details
		a = two.live(http.MethodGet, "/"+at["bob"].UUID, "")
		one.must(json.Unmarshal(a.Data, &d))
		if len(d.Recordings) == 1 && len(d.Legs) == 2 && d.CallAnswered {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the recording is not shown: %s", a.text)
		}
	}
	a = two.live(http.MethodPost, "/"+at["bob"].UUID+"?wait=5", `{"data":{"action":"stop_record"}}`)
	if a.status != http.StatusOK || string(a.Data) != `"recording stopped"` {
		t.Errorf("stop_record: %s", a.text)
	}
	if e := one.event("recording.stored", 1); e.Reason != "stopped" || e.Path != "api" {
		t.Errorf("recording.stored says %+v", e)
	}

	// The same request twice: one action.
	toggle := `{"module":"record_call"}`
	first := two.runs(at["bob"], "?wait=5", toggle, "Idempotency-Key: once")
	second := one.runs(at["bob"], "?wait=5", toggle, "Idempotency-Key: once")
	if first.status != http.StatusOK || second.status != http.StatusOK || first.Action != second.Action {
		t.Errorf("twice: %s %s", first.text, second.text)
	}
	if a := two.runs(at["bob"], "", `{"module":"none"}`, "Idempotency-Key: once"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the same key for another: %s", a.text)
	}

	// A busy phone: the transferor gets the call back.
	carol.Behave(phone.Busy())
	a = two.runs(at["bob"], "?wait=15", `{"module":"transfer","data":{"target":"bare-carol","timeout":5}}`)
	if a.status != http.StatusConflict || a.Outcome.Reason != "busy" && a.Outcome.Reason != "unreachable" { // Asterisk loses the cause of one in some ten
		t.Errorf("to a busy phone: %s", a.text)
	}
	one.ended(b)
	b = one.incoming(bob)

	// One that answers, and succeeds.
	at = two.liveOf("alice", "bob")
	carol.ForgetIncoming()
	carol.Behave(phone.AnswerAfter(300 * time.Millisecond))
	a = two.live(http.MethodPost, "/"+at["bob"].UUID+"?wait=15", `{"data":{"action":"transfer","target":"1003"}}`)
	if a.status != http.StatusOK || a.Outcome.Result != "stop" || string(a.Data) != `"transfer initiated"` {
		t.Errorf("to carol: %s", a.text)
	}
	one.ended(b)
	c := one.incoming(carol)
	one.talk(x, c)
	if e := one.event("transfer.completed", 1); e.Target != "1003" || e.Path != "api" || !strings.HasPrefix(a.Action, e.Channel+".api-") {
		t.Errorf("transfer.completed says %+v, the answer %s", e, a.text)
	}
	if n := len(one.all("recording.started")); n != 2 {
		t.Errorf("%d recordings were started, want 2", n)
	}
	one.hangUp(c)
	one.ended(x)
	two.liveOf()
	if a := two.runs(at["alice"], "", `{"module":"hangup"}`); a.status != http.StatusNotFound || string(a.Data) != `["`+at["alice"].UUID+`"]` {
		t.Errorf("a channel that is gone: %s", a.text)
	}
	one.nothingLeft()
}

// The holder is killed while a transfer rings: nobody answers; when it is there again, the same request is the same action,
// and NATS clients can ask, too.
func TestLiveHolderKilled(t *testing.T) {
	t.Parallel()
	nats := brokertest.Start(t)
	one, two := ownNode(t, "one", nats), ownNode(t, "two", nats)
	alice, bob, carol := one.phone("alice"), one.phone("bob"), one.phone("carol")
	carol.Behave(phone.RingForever())
	x, b := one.call(alice, "1002", bob)
	at := two.liveOf("alice", "bob")
	transfer := `{"module":"transfer","data":{"target":"1003","timeout":20}}`
	a := two.runs(at["bob"], "", transfer, "Idempotency-Key: once")
	if a.status != http.StatusAccepted || a.Outcome != nil {
		t.Errorf("as soon as it has begun: %s", a.text)
	}
	begun := a.Action
	ringing, err := carol.Incoming(one.soon(5 * time.Second))
	one.must(err)
	one.must(ringing.WaitRinging(one.soon(5 * time.Second)))
	one.ended(b)

	one.program.Kill()
	if a := two.runs(at["alice"], "?wait=1", `{"module":"hangup"}`); a.status != http.StatusServiceUnavailable || a.retry == "" {
		t.Errorf("the holder is dead: %s", a.text)
	}
	if a := two.live(http.MethodGet, "", ""); !strings.Contains(a.text, at["alice"].UUID) {
		t.Errorf("the call is not listed any more: %s", a.text)
	}
	one.again()
	one.event("call.adopted", 1)
	again := func(query string) (a answer) {
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			if a = two.runs(at["bob"], query, transfer, "Idempotency-Key: once"); a.status != http.StatusServiceUnavailable {
				break
			}
		}
		return a
	}
	if a := again(""); a.status != http.StatusAccepted || a.Outcome != nil || a.Action != begun {
		t.Errorf("after the restart: %s, want %s on its way", a.text, begun)
	}
	one.must(ringing.Answer())
	one.talk(x, ringing)
	if a := again("?wait=20"); a.status != http.StatusOK || a.Outcome.Result != "stop" || a.Action != begun {
		t.Errorf("after the answer: %s, want the outcome of %s", a.text, begun)
	}

	now := two.liveOf("alice", "carol")
	m, err := two.audit.Request("metaflows.v1.command.acme."+strings.ReplaceAll(now["alice"].Call, ".", "=2E"), []byte(`{"channel":"`+now["alice"].UUID+`","flow":{"module":"hangup"},"wait":5}`), 10*time.Second)
	one.must(err)
	var reply live.Reply
	one.must(json.Unmarshal(m.Data, &reply))
	if reply.Status != live.Finished || reply.Node != "one" || reply.Outcome.Result != "continue" {
		t.Errorf("by NATS: %s", m.Data)
	}
	one.ended(x)
	one.ended(ringing)
	one.nothingLeft()
	if n := len(one.all("transfer.ringing")); n > 1 {
		t.Errorf("transfer.ringing came %d times", n)
	}
}

// A recording whose account has no leg on the call any more, but another account has, is stopped by the API on any channel of
// the call, of which nothing is said and to which nothing else can be done.
func TestLeftRecordingIsStopped(t *testing.T) {
	l := newLab(t)
	l.document("acme", recordCodes)
	m, b := l.call(l.phone("mallory"), "1002", l.phone("bob"))
	l.press(b, "*9")
	l.event("recording.started", 1)
	l.must(b.Refer(l.soon(5*time.Second), "1234"))
	l.hears(m, music1234)
	l.hangUp(b)
	l.event("recording.unattended", 1)
	var channels []live.Channel
	for deadline := time.Now().Add(5 * time.Second); len(channels) != 2 || channels[0].Endpoint+channels[1].Endpoint != ""; time.Sleep(50 * time.Millisecond) {
		l.must(json.Unmarshal(l.live(http.MethodGet, "", "").Data, &channels))
		if time.Now().After(deadline) {
			t.Fatalf("acme is shown %+v", channels)
		}
	}
	for _, c := range channels {
		if c.Outsider || c.CallerNum+c.Username+c.Destination+c.OwnerID+c.SIPCallID != "" {
			t.Errorf("acme learns who it is: %+v", c)
		}
		for _, action := range []string{"hangup", "start_record"} {
			if a := l.live(http.MethodPost, "/"+c.UUID, `{"data":{"action":"`+action+`"}}`); a.status != http.StatusNotFound {
				t.Errorf("%s of another account's channel: %s", action, a.text)
			}
		}
	}
	if a := l.live(http.MethodPost, "/"+channels[0].UUID+"?wait=5", `{"data":{"action":"stop_record"}}`); a.status != http.StatusOK {
		t.Errorf("stop_record: %s", a.text)
	}
	if e := l.event("recording.stored", 1); e.Reason != "stopped" || e.Account != "acme" || e.Endpoint == "PJSIP/mallory" {
		t.Errorf("recording.stored says %+v", e.Notice)
	}
	l.staysUp(m)
	l.hears(m, music1234)
	l.hangUp(m)
}
