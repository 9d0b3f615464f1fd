package recordings

import "time"

// Metadata is what programs are told of a recording, with Kazoo's names where Kazoo has it. It holds no URL, which may hold a
// secret.
type Metadata struct {
	ID            string `json:"id"`
	State         State  `json:"state"`
	Reason        string `json:"reason,omitempty"`
	Call          string `json:"call"`
	CallID        string `json:"call_id,omitempty"`
	CDRID         string `json:"cdr_id,omitempty"`
	InteractionID string `json:"interaction_id,omitempty"`
	From          string `json:"from,omitempty"`
	To            string `json:"to,omitempty"`
	CallerName    string `json:"caller_id_name,omitempty"`
	CallerNumber  string `json:"caller_id_number,omitempty"`
	Owner         string `json:"owner_id,omitempty"`
	Device        string `json:"device,omitempty"`
	Start         int64  `json:"start"`    // Gregorian seconds
	Duration      int64  `json:"duration"` // seconds
	DurationMS    int64  `json:"duration_ms"`
	ContentType   string `json:"content_type"`
	MediaSource   string `json:"media_source"`
	MediaType     string `json:"media_type"`
	Name          string `json:"name"`
	Recording     string `json:"recording"` // as in events
	Node          string `json:"node"`
	Size          int64  `json:"size,omitempty"` // bytes, once it was read
	Tries         int    `json:"tries,omitempty"`
	Problem       string `json:"problem,omitempty"` // of the last try
	Next          string `json:"next_try,omitempty"`
}

// Metadata is what programs are told of it.
func (e *Entry) Metadata() Metadata {
	n, d := e.Told, e.Delivery
	m := Metadata{
		ID: e.ID, State: e.State, Reason: e.Reason, Call: n.Call, CallID: n.Channel, CDRID: n.UniqueID, InteractionID: n.LinkedID,
		From: d.CallerNumber, To: d.Dialled, CallerName: d.CallerName, CallerNumber: d.CallerNumber, Owner: n.User, Device: n.Device,
		Start: e.Began.Unix() + gregorian, Duration: e.Duration / 1000, DurationMS: e.Duration, ContentType: e.contentType(),
		MediaSource: "recorded", MediaType: e.Format, Name: e.file(), Recording: n.Recording, Node: n.Node, Size: e.Size, Tries: e.Tries, Problem: e.Problem,
	}
	if !e.Next.IsZero() {
		m.Next = e.Next.UTC().Format(time.RFC3339)
	}
	return m
}
