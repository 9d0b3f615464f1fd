package pbxtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"metaflows/flows/calls"
)

// transcript collects what a scenario shows to the outside: what was asked of the telephone system and what parties hear
// (from its log), the notices, the warnings and errors in the log, and the lines of the script.
type transcript struct {
	pbx     *PBX
	began   time.Time
	skipped int // entries of the telephone system's log

	mu      sync.Mutex
	lines   []line
	notices []calls.Notice
	at      []time.Time     // when each of them was told
	mute    bool            // the process is dead
	before  int             // so many notices are of processes before the present one
	logged  strings.Builder // every log line, all levels
	told    strings.Builder // those of level INFO and above, as a scenario's file has them
}

type line struct {
	at   time.Time
	rank int // of what happens at the same moment: the script, the telephone system, the application
	text string
}

func (tr *transcript) add(rank int, format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.lines = append(tr.lines, line{time.Now(), rank, fmt.Sprintf(format, args...)})
}

// skip leaves out what has happened so far: the story begins now.
func (tr *transcript) skip() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.began, tr.lines, tr.skipped = time.Now(), nil, len(tr.pbx.Log())
	tr.told.Reset()
}

// Publish takes a notice.
func (tr *transcript) Publish(n calls.Notice) {
	if tr.repeated(n) {
		return
	}
	tr.add(3, "%-8s %s", "event", tr.words(n))
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.notices, tr.at = append(tr.notices, n), append(tr.at, time.Now())
}

// remembered is how long the stream knows the ids that it drops when they come again (app/events, Duplicates).
const remembered = 10 * time.Minute

// repeated says that a notice does not reach the stream: its process is dead, or one before it has told the same not long ago.
func (tr *transcript) repeated(n calls.Notice) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.mute {
		return true
	}
	for i, told := range tr.notices[:tr.before] {
		if told.ID == n.ID && time.Since(tr.at[i]) < remembered {
			return true
		}
	}
	return false
}

// tells says whether something has happened so far of which the story has these words; lines of the script do not count.
func (tr *transcript) tells(words string) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	has := func(text string) bool {
		return strings.Contains(" "+strings.Join(strings.Fields(text), " ")+" ", " "+words+" ")
	}
	return slices.ContainsFunc(tr.lines, func(l line) bool { return l.rank > 0 && has(l.text) }) ||
		slices.ContainsFunc(tr.pbx.Log()[tr.skipped:], func(e Entry) bool { return has(e.Text) })
}

// silence says that the process which publishes is dead, or that another one lives.
func (tr *transcript) silence(on bool) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.mute, tr.before = on, len(tr.notices)
}

// words writes a notice: its type, its account and its leg, then what else it says.
func (tr *transcript) words(n calls.Notice) string {
	var b strings.Builder
	account := n.Account
	if account == "" {
		account = "~"
	}
	fmt.Fprintf(&b, "%s %s %s", n.Type, account, tr.pbx.party(n.Channel))
	if n.OtherChannel != "" {
		fmt.Fprintf(&b, "/%s", tr.pbx.party(n.OtherChannel))
	}
	for _, field := range []struct {
		name string
		says any
	}{
		{"direction", n.Direction}, {"number", n.CallerNumber}, {"dialled", n.Dialled}, {"by", n.TargetEndpoint},
		{"path", n.Path}, {"module", n.Module}, {"document", n.Document}, {"digits", n.Digits}, {"collected", n.Collected},
		{"captures", strings.Join(n.Captures, " ")}, {"target", n.Target}, {"recording", n.Recording}, {"result", n.Result},
		{"reason", n.Reason}, {"ms", n.Duration}, {"warnings", strings.Join(n.Warnings, "; ")},
	} {
		if says := fmt.Sprint(field.says); says != "" && (says != "0" || field.name == "collected") {
			fmt.Fprintf(&b, " %s=%s", field.name, says)
		}
	}
	return b.String()
}

// text is the whole story in the order of time.
func (tr *transcript) text() string {
	lines := slices.Clone(tr.lines)
	for _, e := range tr.pbx.Log()[tr.skipped:] {
		text := e.Text
		if e.Kind == Request || e.Kind == Gone || e.Kind == Written {
			text = fmt.Sprintf("%-8s %s", e.Kind, text)
		} else {
			text = fmt.Sprintf("%-8s %s", "", text)
		}
		lines = append(lines, line{e.At, 1, text})
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		if d := a.at.Compare(b.at); d != 0 {
			return d
		}
		return a.rank - b.rank
	})
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%8.3f  %s\n", l.at.Sub(tr.began).Truncate(time.Millisecond).Seconds(), strings.TrimRight(l.text, " "))
	}
	return b.String()
}

// logHandler keeps every line for the search after leaks; warnings and errors are part of the story.
type logHandler struct {
	tr    *transcript
	inner slog.Handler
}

func newLogHandler(tr *transcript) slog.Handler {
	return logHandler{tr, slog.NewTextHandler(logWriter{tr}, &slog.HandlerOptions{Level: slog.LevelDebug})}
}

type logWriter struct{ tr *transcript }

func (w logWriter) Write(p []byte) (int, error) {
	w.tr.mu.Lock()
	defer w.tr.mu.Unlock()
	return w.tr.logged.Write(p)
}

func (h logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	h.tr.write(r)
	if r.Level >= slog.LevelWarn {
		said := ""
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "error" {
				said = ": " + a.Value.String()
			}
			return true
		})
		h.tr.add(2, "%-8s %s%s", strings.ToLower(r.Level.String()), r.Message, said)
	}
	return h.inner.Handle(ctx, r)
}

// write keeps a line for the golden log.
func (tr *transcript) write(r slog.Record) {
	if r.Level < slog.LevelInfo {
		return
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	fmt.Fprintf(&tr.told, "%8.3f  %-5s %s", time.Since(tr.began).Truncate(time.Millisecond).Seconds(), r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&tr.told, " %s=%s", a.Key, a.Value)
		return true
	})
	tr.told.WriteByte('\n')
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.tr, h.inner.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.tr, h.inner.WithGroup(name)}
}

// disorder finds where the notices tell no whole story: a call begins and ends once for each account, with nothing before
// and after; every action and every recording that was started has one end.
func (tr *transcript) disorder() (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	talks, actions, recordings := map[string]string{}, map[string]string{}, map[string]string{}
	step := func(state map[string]string, key, from, to string, n calls.Notice) {
		if state[key] != from {
			say("%s comes when %s is %q", tr.words(n), key, state[key])
		}
		state[key] = to
	}
	for _, n := range tr.notices {
		call := n.Call + " of " + n.Account
		switch n.Type {
		case "call.started":
			step(talks, call, "", "on", n)
		case "call.ended":
			step(talks, call, "on", "over", n)
		default:
			step(talks, call, "on", "on", n)
		}
		switch n.Type {
		case "action.started":
			step(actions, n.Action, "", "on", n)
		case "action.finished":
			step(actions, n.Action, "on", "over", n)
		case "action.failed":
			if actions[n.Action] == "over" {
				say("%s comes after its end", tr.words(n))
			}
			actions[n.Action] = "over"
		case "recording.started":
			step(recordings, n.Recording, "", "on", n)
		case "recording.stored":
			step(recordings, n.Recording, "on", "over", n)
		}
	}
	for _, state := range []map[string]string{talks, actions, recordings} {
		for key, s := range state {
			if s != "over" {
				say("%s has no end", key)
			}
		}
	}
	if strings.Contains(tr.logged.String(), "panicked") {
		say("a task panicked: %s", tr.logged.String())
	}
	return found
}

// ids are what a notice and a log line may hold besides words: times, a caller's number and names of channels, which have
// digits of their own.
var ids = regexp.MustCompile(`time=\S+|took=\S+|number=\d+|[a-z]+\d+\.\d+(\.\d+)?|(leg|snoop|tone|mf)-[a-z]+[-0-9]*|[a-z]+/[a-z]+\d+/\d+|[A-Za-z]+/[a-z]+-[0-9a-f]{8}`)

// leaks finds digits that were no code in what was published and logged: any three neighbours of what a phone has pressed
// that no accepted action has named.
func (tr *transcript) leaks(pressed []string) []string {
	accepted := ""
	var said strings.Builder
	for _, n := range tr.notices {
		accepted += " " + n.Collected + " " + n.Target
		n.ID, n.Action, n.Time, n.Duration, n.CallerNumber = "", "", time.Time{}, 0, "" // a phone's own number was not pressed
		text, _ := json.Marshal(n)
		said.WriteString(ids.ReplaceAllString(string(text), "") + "\n")
	}
	said.WriteString(ids.ReplaceAllString(tr.logged.String(), ""))
	var found []string
	for _, keys := range pressed {
		keys = strings.TrimLeft(keys, "*#")
		for i := 0; i+3 <= len(keys); i++ {
			if three := keys[i : i+3]; !strings.Contains(accepted, three) && strings.Contains(said.String(), three) {
				found = append(found, three)
			}
		}
	}
	return found
}
