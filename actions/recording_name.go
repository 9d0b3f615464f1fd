package actions

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"metaflows/flows/calls"
)

// DefaultRecordingName is the template of the names of recordings where nothing else is said.
const DefaultRecordingName = "{account}/{call}/{id}"

// RecordingName is a template of the names that recordings have in Asterisk's recording folder. The zero value is
// DefaultRecordingName. It is immutable.
type RecordingName struct {
	parts []namePart
	daily bool // its folders are those of the day, and nothing else
}

// namePart is a text that stands for itself, or a value.
type namePart struct {
	text  string
	value func(naming) string // nil: text
}

// naming is what the values are taken from.
type naming struct {
	about calls.Notice // the recorded leg, and who called
	id    string       // one of its own on the call
	began time.Time    // in the zone of this machine
}

// nameValues are what stands in braces.
var nameValues = map[string]func(naming) string{
	"account":  func(n naming) string { return n.about.Account },
	"user":     func(n naming) string { return n.about.User },
	"device":   func(n naming) string { return n.about.Device },
	"call":     func(n naming) string { return n.about.Call },
	"id":       func(n naming) string { return n.id },
	"uniqueid": func(n naming) string { return n.about.UniqueID },
	"linkedid": func(n naming) string { return n.about.LinkedID },
	"from":     func(n naming) string { return n.about.CallerNumber },
	"to":       func(n naming) string { return n.about.Dialled },
	"yyyy":     func(n naming) string { return n.began.Format("2006") },
	"mm":       func(n naming) string { return n.began.Format("01") },
	"dd":       func(n naming) string { return n.began.Format("02") },
	"yyyymmdd": func(n naming) string { return n.began.Format("20060102") },
	"hhmmss":   func(n naming) string { return n.began.Format("150405") },
}

// nameLetters are those that mean nothing to a file system, a shell, a URL or ARI.
const nameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-"

const (
	maxNameValue    = 150 // bytes, as Asterisk's own ids
	maxNamePart     = 200 // of a folder or file, of which a file system takes 255
	maxNameTemplate = 200
)

// ParseRecordingName reads a template: folders and a name, as {account}/{call}/{id}. What is in no braces is letters, digits and
// _ . + -. Names that it makes must differ: it has {id} and {call}, or {hhmmss} with {call} or {uniqueid}. "" is the default.
func ParseRecordingName(template string) (RecordingName, error) {
	var name RecordingName
	if template == "" {
		return name, nil
	}
	if len(template) > maxNameTemplate {
		return name, fmt.Errorf("it is longer than %d characters", maxNameTemplate)
	}
	for folder := range strings.SplitSeq(template, "/") {
		if folder == "" || folder[0] == '.' {
			return name, errors.New("a folder or a name is empty or begins with a dot")
		}
	}
	has := map[string]bool{}
	for rest := template; rest != ""; {
		text, behind, braced := strings.Cut(rest, "{")
		if strings.Trim(text, nameLetters+"/") != "" {
			return name, fmt.Errorf("%q has other characters than letters, digits and _ . + -", text)
		}
		if text != "" {
			name.parts = append(name.parts, namePart{text: text})
		}
		if !braced {
			break
		}
		key, after, closed := strings.Cut(behind, "}")
		value := nameValues[key]
		if !closed || value == nil {
			return name, fmt.Errorf("{%s} is nothing that is known", key)
		}
		name.parts = append(name.parts, namePart{value: value})
		has[key], rest = true, after
	}
	if differ := has["id"] && has["call"] || has["hhmmss"] && (has["call"] || has["uniqueid"]); !differ {
		return name, errors.New("recordings would be called alike")
	}
	name.daily = path.Dir(template) == "{yyyy}/{mm}/{dd}"
	return name, nil
}

var defaultName, _ = ParseRecordingName(DefaultRecordingName)

// of is the name of a recording; again counts those that were so called already.
func (r RecordingName) of(n naming, again int) string {
	if r.parts == nil {
		r = defaultName
	}
	var b strings.Builder
	for _, p := range r.parts {
		if p.value == nil {
			b.WriteString(p.text)
		} else {
			b.WriteString(cleanName(p.value(n)))
		}
	}
	folders := strings.Split(b.String(), "/")
	for i, folder := range folders {
		folders[i] = folder[:min(len(folder), maxNamePart)]
	}
	if again > 0 {
		folders[len(folders)-1] += "-" + strconv.Itoa(again+1)
	}
	return strings.Join(folders, "/")
}

// cleanName makes a part of a file's name of any value, which need not be UTF-8.
func cleanName(value string) string {
	if value == "" {
		return "unknown"
	}
	clean := []byte(value[:min(len(value), maxNameValue)])
	for i, c := range clean {
		if c == '.' && i == 0 || strings.IndexByte(nameLetters, c) < 0 { // no folder is hidden, or leads upwards
			clean[i] = '-'
		}
	}
	return string(clean)
}

// maxNamesakes is how many recordings may have one name, but for what is put behind it.
const maxNamesakes = 5

// inCDR is what a call record says of a recording: the file, with its folders below the recording folder, unless they are those
// of the day, which FreePBX knows by itself.
func (r RecordingName) inCDR(name, format string) string {
	if r.daily {
		name = path.Base(name)
	}
	return name + "." + format
}

// noteInCDR lets the recorded leg's call record say what a recording is called; nobody waits for that.
func (s *Set) noteInCDR(t *calls.Task, k *calls.Kept) {
	leg := recordedLeg(t, k.Account)
	if leg == nil {
		return
	}
	file := map[string]string{"CDR(recordingfile)": s.names.inCDR(k.Name, "wav")}
	t.Go("call record of a recording", func(t *calls.Task) error {
		s.quietly(func() error { return s.set(t, leg, file) }, "noting a recording in a call record")
		return nil
	})
}
