package rest

import (
	"cmp"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"metaflows/app/live"
	"metaflows/app/schema"
	"metaflows/flows/calls"
)

// channelAction is what a POST to a channel can ask for (app/rest/README.md, Channels), and the module that does it.
type channelAction struct {
	module string
	calls.ChannelAction
}

// channelActions are those that the modules serve, by name.
func channelActions(modules calls.Modules) map[string]channelAction {
	all := map[string]channelAction{}
	for name, m := range modules {
		for _, act := range m.Serves {
			all[act.Name] = channelAction{name, act}
		}
	}
	return all
}

// actOnChannel is Kazoo's POST: the channel is the presser of the module that the action names.
func (a *API) actOnChannel(x *exchange) {
	act, known := a.actions[x.param("action")]
	if !known {
		x.fail(http.StatusBadRequest, "invalid data", x.data)
		return
	}
	wrong := &schema.Problems{}
	for _, p := range act.Params {
		if p.Missing != "" && x.param(p.Name) == "" {
			wrong.Add(p.Name, "required", schema.Detail{"message": p.Missing})
		}
	}
	if channel, there := a.cfg.Live.Channel(x.account, x.PathValue("channel")); act.Bridged && there && x.mayAct(channel) && channel.OtherLeg == "" {
		wrong.Add("other_leg_call_id", "required", schema.Detail{"message": notBridged})
	}
	if !wrong.Empty() {
		x.invalid(wrong)
		return
	}
	data := schema.NewObject()
	for _, p := range act.Params {
		value := x.value(p.Name)
		if p.Always != "" {
			value = schema.NewString(p.Always)
		}
		if value != nil {
			data.Set(cmp.Or(p.Key, p.Name), value)
		}
	}
	node := schema.NewObject(schema.Member{Key: "module", Value: schema.NewString(act.module)}, schema.Member{Key: "data", Value: data})
	a.run(x, node, act.Reply)
}

// notBridged is what Kazoo says of a channel without another leg.
const notBridged = "Channel is not bridged"

// value is param as it came: of the body's data, else a text of the query or the envelope; nil where there is none.
func (x *exchange) value(name string) *schema.Value {
	if v := x.data.Get(name); v != nil {
		return v
	}
	if s := x.param(name); s != "" {
		return schema.NewString(s)
	}
	return nil
}

// runOnChannel is Kazoo's PUT: data is a metaflow, with children.
func (a *API) runOnChannel(x *exchange) {
	x.parseBody()
	action, ok := text(x.body.members["action"])
	if !ok {
		action = x.param("action")
	}
	if action != "metaflow" {
		x.fail(http.StatusBadRequest, "invalid data", x.data)
		return
	}
	a.run(x, x.data, "metaflow sent")
}

// idempotencyKey is the form of a header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), quoted or not.
var idempotencyKey = regexp.MustCompile(`^[!-~]([ -~]{0,254}[!-~])?$`)

// run sends a node to the instance that handles the call, and answers with what that says. reply is the data of the answer
// when it has begun.
func (a *API) run(x *exchange, data *schema.Value, reply string) {
	channel := x.PathValue("channel")
	node, wrong, warnings := a.cfg.Schemas.Node(data)
	cmd := live.Command{Account: x.account, User: x.whose(), Channel: channel, Node: node, Key: x.Header.Get("Idempotency-Key")}
	if cmd.Key != "" && !idempotencyKey.MatchString(cmd.Key) {
		wrong.Add("Idempotency-Key", "error", schema.Detail{"message": "accepted are 1 to 256 printable ASCII characters"})
	}
	cmd.Wait = x.wait(wrong)
	if !wrong.Empty() {
		x.invalid(wrong)
		return
	}
	if cmd.Wait > 0 { // longer than the server gives others
		control, late := http.NewResponseController(x.w), time.Now().Add(cmd.Wait+30*time.Second)
		_, _ = control.SetReadDeadline(late), control.SetWriteDeadline(late) // a recorder in a test has none
	}
	x.answer.Warnings = warnings
	a.tellReply(x, a.cfg.Live.Do(x.Context(), cmd), reply)
}

// wait is how long the client waits for the outcome.
func (x *exchange) wait(wrong *schema.Problems) time.Duration {
	wish := x.URL.Query().Get("wait")
	if wish == "" {
		return 0
	}
	most := live.MaxWait.Seconds()
	seconds, err := strconv.ParseFloat(wish, 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > most {
		wrong.Add("wait", "error", schema.Detail{"message": "accepted are 0 to 120 seconds", "value": schema.NewString(wish)})
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// tellReply answers with what the holder of the call has said.
func (a *API) tellReply(x *exchange, r live.Reply, reply string) {
	x.answer.ActionID, x.answer.CallID, x.answer.Outcome = r.Action, r.Call, r.Outcome
	switch r.Status {
	case live.Started:
		x.accept(http.StatusAccepted, reply)
	case live.Finished:
		status := http.StatusAccepted
		if x.URL.Query().Has("wait") {
			status = http.StatusOK
		}
		x.accept(status, reply)
	case live.Failed:
		a.failed(x, r.Outcome)
	default:
		a.refused(x, r.Error)
	}
}

func (a *API) refused(x *exchange, why *live.Refusal) {
	switch why.Code {
	case live.NotFound:
		a.noChannel(x, x.PathValue("channel"))
	case live.Forbidden:
		x.forbidden()
	case live.OtherCommand:
		x.fail(http.StatusUnprocessableEntity, "invalid data", because(why.Message))
	case live.BegunBefore:
		x.fail(http.StatusConflict, string(live.BegunBefore), because(why.Message))
	case live.Invalid: // by another version of metaflows
		x.fail(http.StatusBadRequest, "validation error", why.Problems)
	default:
		x.away(why.Message)
	}
}

// failed answers with the error that a module gave, by what it says of its reasons. What a wrong request is the reason of is a
// 400, what the others or the moment are is a 409, what Asterisk is a 502.
func (a *API) failed(x *exchange, o *live.Outcome) {
	data := map[string]string{"message": o.Message, "cause": o.Reason}
	switch o.Reason {
	case "forbidden":
		x.fail(http.StatusForbidden, "forbidden", data)
		return
	case "not_two_legs":
		x.invalid(schema.One("other_leg_call_id", "required", schema.Detail{"message": notBridged}))
		return
	case "too_many":
		x.w.Header().Set("Retry-After", "2")
		x.fail(http.StatusTooManyRequests, "too_many_requests", data)
		return
	}
	switch a.cfg.Modules[o.Module].Kind(o.Reason) {
	case calls.WrongRequest:
		x.fail(http.StatusBadRequest, o.Reason, data)
	case calls.Asterisk:
		x.fail(http.StatusBadGateway, "bad_gateway", data)
	default:
		x.fail(http.StatusConflict, o.Reason, data)
	}
}
