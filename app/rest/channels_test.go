package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"metaflows/app/live"
)

// liveCalls are Live: one call of alice of acme with an outsider, and one of bob.
type liveCalls struct {
	sent  []string
	waits []time.Duration
	keys  []string
	reply func(live.Command) live.Reply
	early bool // it is not known yet which calls there are
	later bool // the calls begin when somebody has asked whose they are
	alone bool // alice's other leg has gone
}

func (c *liveCalls) all(account string) (all []live.Channel) {
	if account != "acme" || c.later {
		return []live.Channel{}
	}
	channel := func(id, user, other string) live.Channel {
		return live.Channel{Call: "c1", Node: "lab", Leg: live.Leg{
			UUID: id, OwnerID: user, AuthorizingID: user + "-desk", AuthorizingType: "device", OtherLeg: other, Direction: "inbound",
			Destination: secretMark, Timestamp: 63_900_000_000, Answered: true, Outsider: user == "",
		}}
	}
	all = []live.Channel{channel("1.alice", "alice", "1.out"), channel("1.out", "", "1.alice"), channel("2.bob", "bob", "")}
	all[2].Destination = ""
	if c.alone {
		all[0].OtherLeg = ""
	}
	return all
}

func (c *liveCalls) Channels(account string, f live.Filter) []live.Channel {
	return slices.DeleteFunc(c.all(account), func(x live.Channel) bool {
		his, _ := c.His(account, x.UUID, f.His)
		return f.User != "" && x.OwnerID != f.User || f.Device != "" && x.AuthorizingID != f.Device || f.His != "" && !his
	})
}

func (c *liveCalls) All() []live.Listed {
	all := []live.Listed{}
	for _, x := range c.all("acme") {
		all = append(all, live.Listed{Account: "acme", Channel: x})
	}
	return all
}

func (c *liveCalls) Channel(account, id string) (live.Details, bool) {
	for _, x := range c.all(account) {
		if x.UUID == id {
			legs := []live.Leg{x.Leg}
			if id == "1.out" {
				legs = append(legs, c.all(account)[0].Leg)
			}
			return live.Details{Channel: x, CallID: id, Legs: legs, Actions: []live.Action{}, Recordings: []live.Recording{}}, true
		}
	}
	return live.Details{}, false
}

func (c *liveCalls) His(account, id, user string) (his, known bool) {
	d, ok := c.Channel(account, id)
	c.later = false
	return ok && (d.OwnerID == user || d.Outsider && user == "alice"), ok
}

func (c *liveCalls) Knows() bool { return !c.early }

func (c *liveCalls) Do(_ context.Context, cmd live.Command) live.Reply {
	switch d, ok := c.Channel(cmd.Account, cmd.Channel); {
	case !ok:
		return live.Reply{Status: live.Refused, Error: &live.Refusal{Code: live.NotFound}}
	case cmd.User != "" && !d.His(cmd.User):
		return live.Reply{Status: live.Refused, Error: &live.Refusal{Code: live.Forbidden}}
	}
	c.sent = append(c.sent, cmd.Channel+" "+string(cmd.Node.Raw))
	c.waits, c.keys = append(c.waits, cmd.Wait), append(c.keys, cmd.Key)
	if c.reply != nil {
		return c.reply(cmd)
	}
	return live.Reply{Status: live.Started, Call: "c1", Node: "lab", Action: "a1"}
}

const channelsURI = "/v2/accounts/acme/channels"

func TestChannels(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct{ path, token, want string }{
		{"/v2/accounts/acme/channels", adminToken, "1.alice 1.out 2.bob"},
		{"/v2/account/channels", "acme-token", "1.alice 1.out 2.bob"},
		{"/v2/accounts/acme/channels", "alice-token", "1.alice 1.out"},
		{"/v2/accounts/acme/users/alice/channels", "alice-token", "1.alice"},
		{"/v2/accounts/acme/users/bob/channels", adminToken, "2.bob"},
		{"/v2/accounts/acme/devices/bob-desk/channels", "acme-token", "2.bob"},
		{"/v2/accounts/other/channels", "other-token", ""},
	} {
		w := l.do("GET", c.path, "", "X-Auth-Token: "+c.token)
		var answer struct{ Data []struct{ UUID string } }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || !strings.Contains(w.Body.String(), `"data":[`) {
			t.Error(c.path, w.Code, w.Body, err)
		}
		var got []string
		for _, x := range answer.Data {
			got = append(got, x.UUID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %s: %v", c.token, c.path, got)
		}
	}
	w := l.do("GET", channelsURI+"/1.alice", "")
	for _, want := range []string{`"uuid":"1.alice"`, `"call_id":"1.alice"`, `"call":"c1"`, `"node":"lab"`, `"other_leg":"1.out"`, `"legs":[`, `"actions":[]`, `"recordings":[]`, `"direction":"inbound"`, `"authorizing_type":"device"`, `"timestamp":63900000000`} {
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Error(w.Code, w.Body, want)
		}
	}
	for _, method := range []string{"GET", "POST", "PUT"} {
		w := l.do(method, channelsURI+"/9", `{"action":"metaflow","data":{"action":"hangup","module":"hangup"}}`)
		if w.Code != 404 || !strings.Contains(w.Body.String(), `"message":"bad identifier"`) || !strings.Contains(w.Body.String(), `"data":["9"]`) {
			t.Error(method, w.Code, w.Body)
		}
	}
	l.calls.early = true
	if w := l.do("GET", channelsURI+"/9", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Error(w.Code, w.Body)
	}
	// A user may not look at another's, and learns of one that is not there that it is not.
	l.calls.early = false
	for path, status := range map[string]int{"/2.bob": 403, "/1.alice": 200, "/1.out": 200, "/9": 404} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			w := l.do(method, channelsURI+path, `{"action":"metaflow","data":{"action":"hangup","module":"hangup"}}`, "X-Auth-Token: alice-token")
			if w.Code != status && (status != 200 || w.Code != 202) {
				t.Error(method, path, w.Code, w.Body)
			}
		}
	}
}

// Whose a channel is is looked at when it is acted on, not only before the body comes, which takes as long as a client likes.
func TestChannelBeginsDuringRequest(t *testing.T) {
	for _, c := range []struct {
		method, channel string
		status          int
	}{
		{"POST", "2.bob", 403}, {"PUT", "2.bob", 403}, {"GET", "2.bob", 403}, {"POST", "1.alice", 202}, {"PUT", "1.alice", 202}, {"PUT", "1.out", 202}, {"GET", "1.alice", 200},
	} {
		l := newLab(t)
		l.calls.later = true
		body := `{"action":"metaflow","data":{"action":"hangup","module":"hangup"}}`
		w := l.do(c.method, channelsURI+"/"+c.channel, body, "X-Auth-Token: alice-token")
		if w.Code != c.status || (len(l.calls.sent) == 1) != (c.status == 202) {
			t.Errorf("%s %s: %d %s %v", c.method, c.channel, w.Code, w.Body, l.calls.sent)
		}
	}
}

// Another account's channel is none.
func TestOthersChannel(t *testing.T) {
	l := newLab(t)
	for _, method := range []string{"GET", "POST", "PUT"} {
		for path, token := range map[string]string{"other": "other-token", "acme": "other-token", "beta": adminToken} {
			w := l.do(method, "/v2/accounts/"+path+"/channels/1.alice", `{"action":"metaflow","data":{"action":"hangup","module":"hangup"}}`, "X-Auth-Token: "+token)
			own := path != "acme"
			if own && (w.Code != 404 || !strings.Contains(w.Body.String(), `"data":["1.alice"]`)) || !own && w.Code != 403 || len(l.calls.sent) > 0 {
				t.Errorf("%s %s: %d %s %v", method, path, w.Code, w.Body, l.calls.sent)
			}
		}
	}
}

// Every action of Kazoo's POST: its parameters, its answer, its errors.
func TestChannelActions(t *testing.T) {
	for _, c := range []struct {
		name, body, sent, says string
		status                 int
	}{
		{"transfer", `{"action":"transfer","target":"1234","transfer-type":"blind","moh":"m","timeout":"5","takeback_dtmf":"*1"}`,
			`{"module":"transfer","data":{"target":"1234","transfer_type":"blind","moh":"m","takeback_dtmf":"*1","timeout":5}}`, `"data":"transfer initiated"`, 202},
		{"hangup", `{"action":"hangup"}`, `{"module":"hangup","data":{}}`, `"data":"hangup initiated"`, 202},
		{"start_record", `{"action":"start_record"}`, `{"module":"record_call","data":{"action":"start"}}`, `"data":"recording started"`, 202},
		{"mute", `{"action":"mute"}`, `{"module":"mute","data":{"action":"mute"}}`, `"data":"mute initiated"`, 202},
		{"unmute", `{"action":"unmute"}`, `{"module":"mute","data":{"action":"unmute"}}`, `"data":"unmute initiated"`, 202},
		{"stop_record", `{"action":"stop_record"}`, `{"module":"record_call","data":{"action":"stop"}}`, `"data":"recording stopped"`, 202},
		{"no target", `{"action":"transfer"}`, "", `"data":{"target":{"required":{"message":"No target destination specified"}}}`, 400},
		{"a wrong type", `{"action":"transfer","target":"1","transfer-type":"warm"}`, "", `"data.transfer_type":{"enum"`, 400},
		{"intercept nothing", `{"action":"intercept"}`, "", `"data":{"target_id":{"required":{"message":"No target id specified"}},"target_type":{"required":{"message":"No target type specified"}}}`, 400},
		{"not built", `{"action":"move"}`, "", `"data":{"module":{"unsupported":{"message":"this version cannot run module move","value":"move"}}}`, 400},
		{"not built either", `{"action":"break"}`, "", `this version cannot run module break`, 400},
		{"nor that", `{"action":"callflow","id":"x"}`, "", `this version cannot run module callflow`, 400},
		{"nor this", `{"action":"intercept","target_type":"user","target_id":"bob"}`, "", `this version cannot run module intercept`, 400},
		{"no action", `{}`, "", `"message":"invalid data"`, 400},
		{"another", `{"action":"dance"}`, "", `"message":"invalid data"`, 400},
	} {
		l := newLab(t)
		w := l.do("POST", channelsURI+"/1.alice", `{"data":`+c.body+`}`)
		sent := strings.Join(l.calls.sent, ";")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || sent != c.sent && sent != "1.alice "+c.sent {
			t.Errorf("%s: %d %s\n%s", c.name, w.Code, w.Body, sent)
		}
		if w.Code == 202 && (!strings.Contains(w.Body.String(), `"action_id":"a1"`) || !strings.Contains(w.Body.String(), `"call_id":"c1"`)) {
			t.Errorf("%s: %s", c.name, w.Body)
		}
	}
	l := newLab(t)
	if w := l.do("POST", channelsURI+"/1.alice?action=transfer&target=77", ""); w.Code != 202 || l.calls.sent[0] != `1.alice {"module":"transfer","data":{"target":"77"}}` {
		t.Error(w.Code, w.Body, l.calls.sent)
	}
	l.calls.alone = true
	if w := l.do("POST", channelsURI+"/1.alice", `{"data":{"action":"transfer","target":"7"}}`); w.Code != 400 || !strings.Contains(w.Body.String(), `"data":{"other_leg_call_id":{"required":{"message":"Channel is not bridged"}}}`) {
		t.Error(w.Code, w.Body)
	}
}

func (l *lab) put(query, body string, header ...string) *httptest.ResponseRecorder {
	return l.do("PUT", channelsURI+"/1.alice"+query, body, header...)
}

func TestPutMetaflow(t *testing.T) {
	l := newLab(t)
	const tree = `{"module":"transfer","data":{"target":"1","leg":"x"},"children":{"busy":{"module":"none"}},"x":1}`
	w := l.put("", `{"action":"metaflow","data":`+tree+`}`, "Idempotency-Key: k 1")
	if w.Code != 202 || !strings.Contains(w.Body.String(), `"data":"metaflow sent"`) || l.calls.sent[0] != "1.alice "+tree || l.calls.keys[0] != "k 1" ||
		!strings.Contains(w.Body.String(), `"warnings":[{"path":"data.leg","code":"unsupported"`) {
		t.Error(w.Code, w.Body, l.calls.sent, l.calls.keys)
	}
	for name, c := range map[string]struct{ query, body, says string }{
		"no action":      {"", `{"data":{"module":"none"}}`, `"message":"invalid data"`},
		"another action": {"", `{"action":"x","data":{"module":"none"}}`, `"message":"invalid data"`},
		"no module":      {"", `{"action":"metaflow","data":{}}`, `"module":{"required"`},
		"a list":         {"", `{"action":"metaflow","data":[]}`, `"type"`},
		"a wrong child":  {"", `{"action":"metaflow","data":{"module":"none","children":{"_":{"module":"tts"}}}}`, `"children._.module":{"unsupported"`},
		"no such module": {"", `{"action":"metaflow","data":{"module":"x"}}`, `"module":{"error":{"message":"unable to find metaflow schema for module x"`},
		"a long wait":    {"?wait=121", `{"action":"metaflow","data":{"module":"none"}}`, `"wait":{"error"`},
		"no wait":        {"?wait=x", `{"action":"metaflow","data":{"module":"none"}}`, `"wait":{"error"`},
	} {
		if w := l.put(c.query, c.body); w.Code != 400 || !strings.Contains(w.Body.String(), c.says) || len(l.calls.sent) != 1 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := l.put("", `{"action":"metaflow","data":{"module":"none"}}`, "Idempotency-Key: \x01"); w.Code != 400 {
		t.Error(w.Code, w.Body)
	}
	failed := func(reason string) live.Reply {
		return live.Reply{Status: live.Failed, Call: "c1", Action: "a1", Outcome: &live.Outcome{Module: "transfer", Result: "failed", Reason: reason, Message: "because"}}
	}
	for _, c := range []struct {
		query  string
		reply  live.Reply
		status int
		says   string
	}{
		{"?wait=1.5", live.Reply{Status: live.Finished, Call: "c1", Action: "a1", Outcome: &live.Outcome{Result: "stop", Duration: 12}}, 200, `"outcome":{"result":"stop","duration_ms":12}`},
		{"", live.Reply{Status: live.Finished, Call: "c1", Action: "a1", Outcome: &live.Outcome{Result: "branch", Branch: "x"}}, 202, `"outcome":{"result":"branch","branch":"x"`},
		{"?wait=1", live.Reply{Status: live.Started, Call: "c1", Action: "a1"}, 202, `"call_id":"c1"`},
		{"", failed("forbidden"), 403, `"message":"forbidden"`},
		{"", failed("no_extension"), 400, `"message":"no_extension"`},
		{"", failed("not_two_legs"), 400, `"message":"Channel is not bridged"`},
		{"?wait=1", failed("busy"), 409, `"data":{"cause":"busy","message":"because"}`},
		{"", failed("in_progress"), 409, `"data":{"cause":"in_progress","message":"because"}`},
		{"", failed("of another version"), 409, `"message":"of another version"`},
		{"", failed("unavailable"), 502, `"message":"bad_gateway"`},
		{"", failed("too_many"), 429, `"message":"too_many_requests"`},
		{"", live.Reply{Status: live.Refused, Error: &live.Refusal{Code: live.Unavailable, Message: "away"}}, 503, `"data":{"message":"away"}`},
		{"", live.Reply{Status: live.Refused, Error: &live.Refusal{Code: live.OtherCommand, Message: "used"}}, 422, `"data":{"message":"used"}`},
		{"", live.Reply{Status: live.Refused, Action: "a1", Error: &live.Refusal{Code: live.BegunBefore, Message: "before"}}, 409, `"message":"begun_before"`},
		{"", live.Reply{Status: live.Refused, Error: &live.Refusal{Code: live.NotFound}}, 404, `"data":["1.alice"]`},
		{"", live.Reply{Status: live.Refused, Error: &live.Refusal{Code: live.Invalid, Problems: map[string]any{"x": 1}}}, 400, `"data":{"x":1}`},
	} {
		l.calls.reply = func(live.Command) live.Reply { return c.reply }
		w := l.put(c.query, `{"action":"metaflow","data":{"module":"none"}}`)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || (w.Code == 503 || w.Code == 429) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%+v: %d %s", c.reply, w.Code, w.Body)
		}
		if c.reply.Action != "" && !strings.Contains(w.Body.String(), `"action_id":"a1"`) {
			t.Errorf("%+v: %s", c.reply, w.Body)
		}
	}
	if got := fmt.Sprint(l.calls.waits[:2]); got != "[0s 1.5s]" {
		t.Error(got)
	}
}

// BenchmarkListChannels lists 1,000 live calls in 20 ms at most, as a client gets them.
func BenchmarkListChannels(b *testing.B) {
	l := newLab(b)
	many := make([]live.Channel, 2000)
	for i := range many {
		many[i] = l.calls.all("acme")[0]
		many[i].UUID, many[i].Call = fmt.Sprintf("1732563455.%d", i), fmt.Sprintf("1732563455.%d-abcdef", i/2)
	}
	l.api.cfg.Live = listOf{l.calls, many}
	r := httptest.NewRequest("GET", channelsURI, nil)
	r.Header.Set("X-Auth-Token", adminToken)
	for b.Loop() {
		w := httptest.NewRecorder()
		if l.api.ServeHTTP(w, r); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

type listOf struct {
	*liveCalls
	list []live.Channel
}

func (l listOf) Channels(string, live.Filter) []live.Channel { return l.list }

// TestAllChannels: the super-admin sees those of all accounts, each with its account; nobody else does.
func TestAllChannels(t *testing.T) {
	l := newLab(t)
	w := l.do("GET", "/v2/channels", "")
	var answer struct {
		Data []struct {
			Account string `json:"account_id"`
			UUID    string
			Call    string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || len(answer.Data) != 3 {
		t.Fatal(err, w.Code, w.Body)
	}
	for _, c := range answer.Data {
		if c.Account != "acme" || c.UUID == "" || c.Call != "c1" {
			t.Errorf("%+v", c)
		}
	}
	for token, status := range map[string]int{"acme-token": 403, "alice-token": 403, "": 401} {
		if w := l.do("GET", "/v2/channels", "", "X-Auth-Token: "+token); w.Code != status {
			t.Errorf("%q: %d %s", token, w.Code, w.Body)
		}
	}
}
