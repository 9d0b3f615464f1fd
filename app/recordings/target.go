package recordings

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// gregorian is the year 0 in seconds before 1970, from where Kazoo counts.
const gregorian = 62_167_219_200

// target is where a recording is sent to, as Kazoo's check_url makes it of the URL that was given, with the recording's id in
// the file's name: a call may have several.
func (e *Entry) target() string {
	base, _, _ := strings.Cut(e.Delivery.URL, "#")
	base = strings.TrimRight(base, "/")
	file := e.file()
	path, query, asked := strings.Cut(base, "?")
	if !asked {
		return path + "/" + file + "?" + e.query()
	}
	last := query[strings.LastIndexByte(query, '&')+1:]
	switch name, value, has := strings.Cut(last, "="); {
	case has && value != "":
		query += "&recording=" + file
	case has:
		query += file
	case name != "":
		query += "=" + file
	default: // it ends in ? or &
		query += "recording=" + file
	}
	return path + "?" + query + "&" + e.query()
}

// file is the name of its file elsewhere.
func (e *Entry) file() string { return "call_recording_" + e.ID + "." + e.Format }

// query is Kazoo's, in its order; what is not known is left out.
func (e *Entry) query() string {
	n, d := e.Told, e.Delivery
	var b strings.Builder
	for _, p := range []struct{ name, value string }{
		{"from", d.CallerNumber}, {"to", d.Dialled}, {"caller_id_name", d.CallerName}, {"caller_id_number", d.CallerNumber},
		{"call_id", n.Channel}, {"cdr_id", n.UniqueID}, {"interaction_id", n.LinkedID}, {"account_id", n.Account},
		{"duration_ms", strconv.FormatInt(e.Duration, 10)}, {"owner_id", n.User}, {"start", startOf(e.Began)}, {"recording_id", e.ID},
	} {
		if p.value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + url.QueryEscape(p.value))
	}
	return b.String()
}

func startOf(t time.Time) string { return strconv.FormatInt(t.Unix()+gregorian, 10) }

func (e *Entry) method() string {
	if e.Delivery.Method == http.MethodPost {
		return http.MethodPost
	}
	return http.MethodPut
}

// contentType is that of the file.
func (e *Entry) contentType() string { return "audio/" + e.Format }
