package client

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// event is an event as the API tells it.
type event struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Subject string          `json:"subject"` // the call
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data"`
	fact    fact
	raw     json.RawMessage // as it came
}

// fact is what an event says.
type fact struct {
	Account       string   `json:"account"`
	Call          string   `json:"call"`
	Channel       string   `json:"channel"`
	Endpoint      string   `json:"endpoint"`
	User          string   `json:"user"`
	OtherChannel  string   `json:"other_channel"`
	OtherEndpoint string   `json:"other_endpoint"`
	Module        string   `json:"module"`
	Path          string   `json:"path"`
	Collected     string   `json:"collected"`
	Captures      []string `json:"captures"`
	Target        string   `json:"target"`
	Result        string   `json:"result"`
	Reason        string   `json:"reason"`
	Recording     string   `json:"recording"`
	Digits        int      `json:"digits"`
	Count         int64    `json:"count"`
	Duration      int64    `json:"duration_ms"`
	CallerNumber  string   `json:"caller_id_number"`
	Dialled       string   `json:"dialled"`
}

// eventOf reads one.
func eventOf(raw []byte) (event, error) {
	e := event{raw: raw}
	if err := json.Unmarshal(raw, &e); err != nil {
		return event{}, fmt.Errorf("an event cannot be read: %w", err)
	}
	if err := json.Unmarshal(e.Data, &e.fact); err != nil {
		return event{}, fmt.Errorf("the event %s cannot be read: %w", e.ID, err)
	}
	return e, nil
}

// kind is the event's type without what all begin with.
func (e event) kind() string { return strings.TrimPrefix(e.Type, "metaflows.v1.") }

// about says whether the event names what a word does: a call, a channel, an endpoint with or without its technology, a number.
func (e event) about(word string) bool {
	f := e.fact
	return word != "" && slices.Contains([]string{
		f.Call, f.Channel, f.OtherChannel, f.Endpoint, resource(f.Endpoint), f.OtherEndpoint, resource(f.OtherEndpoint), f.CallerNumber, f.Dialled, f.Target,
	}, word)
}

// resource is whom an endpoint names: alice of PJSIP/alice.
func resource(endpoint string) string {
	_, name, _ := strings.Cut(endpoint, "/")
	return name
}

// what is the event in words: who, what, how it ended.
func (e event) what() string {
	f := e.fact
	var words []string
	add := func(format string, value string) {
		if value != "" {
			words = append(words, fmt.Sprintf(format, value))
		}
	}
	who, other := cmp.Or(f.Endpoint, f.Channel), cmp.Or(f.OtherEndpoint, f.OtherChannel)
	if who != "" && other != "" {
		who += " - " + other
	}
	add("%s", who)
	if strings.HasPrefix(e.kind(), "call.") {
		add("%s", f.CallerNumber)
		add("dials %s", f.Dialled)
	}
	add("%s", f.Module)
	add("%s", f.Path)
	add("keys %s", f.Collected)
	add("to %s", f.Target)
	add("%s", f.Recording)
	add("%s", f.Result)
	add("(%s)", f.Reason)
	switch unsaid := f.Collected == ""; { // which keys
	case unsaid && f.Digits == 1:
		words = append(words, "after one key")
	case unsaid && f.Digits > 1:
		words = append(words, fmt.Sprintf("after %d keys", f.Digits))
	}
	if f.Count > 0 {
		words = append(words, fmt.Sprintf("count %d", f.Count))
	}
	if f.Duration > 0 {
		words = append(words, (time.Duration(f.Duration) * time.Millisecond).String())
	}
	return strings.Join(words, " ")
}

// local is an event's time for people.
func (e event) local() string { return e.Time.Local().Format("15:04:05.000") }

// line is the event in one line.
func (e event) line() string {
	return fmt.Sprintf("%s  %s  %s  %-18s  %s", e.local(), dash(e.fact.Account), dash(e.fact.Call), e.kind(), e.what())
}

// feedPath is where events are told.
func feedPath(account string) string {
	if account == "" {
		return "/v2/events"
	}
	return accountPath(account) + "/events"
}

func storyPath(account, call string) string {
	return accountPath(account) + "/calls/" + url.PathEscape(call) + "/events"
}
