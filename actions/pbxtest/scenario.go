package pbxtest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/tools/txtar"

	"metaflows/actions"
	"metaflows/flows"
	"metaflows/flows/calls"
)

// scenario is one call told in lines: a txtar file with the documents, the call and the transcript that is expected.
//
//	What this is about.
//	-- account acme --
//	{"numbers":{"9":{"module":"record_call"}}}
//	-- call --
//	alice dials PJSIP/bob
//	wait 2s
//	bob presses *9
//	-- want --
//	   0.000  alice dials PJSIP/bob
//
// A file that has a part "log" holds the log against it, too: its lines of level INFO and above.
//
// Documents are named "account A", "user A U", "device A D". The verbs are in script.go.
type scenario struct {
	t           *testing.T
	pbx         *PBX
	tr          *transcript
	begun       bool
	settings    flows.Settings
	absorb      bool
	longest     time.Duration // RECORDING_MAX
	names       actions.RecordingName
	cdr         bool // RECORDING_CDR
	files       map[string]string
	docs        map[flows.Owner]*flows.Document
	known       map[flows.Owner]*flows.Effective
	brings      map[string]map[string]string // variables that a phone's next call has
	owners      map[string]string            // the directory: whose a device is; not changed once the application runs
	pressed     []string
	stopped     bool
	interrupted interruption // of the story
	talked      int          // commands until two phones did
	downs       sync.WaitGroup
	programs    programs
	extra       []Module // beside those of package actions

	mu       sync.Mutex // guards what follows: a kill comes from within a command
	process             // the one that lives, or that was killed
	restarts int
	asked    map[string]bool // the verbs that were asked for before the first of them
	killed   time.Time       // the last time
	again    time.Time       // and when the next process began
}

// process is the application.
type process struct {
	calls   *calls.Registry
	janitor *actions.Janitor
}

// now is the process that lives.
func (s *scenario) now() process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// RunScenario plays the file in a synctest bubble and compares. With update it writes what happened into the file. Checks
// are as for Play.
func RunScenario(t *testing.T, path string, update bool, checks ...func(calls.Notice) error) {
	t.Helper()
	file, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, log := play(t, file, nil, checks...)
	if !slices.ContainsFunc(file.Files, func(f txtar.File) bool { return f.Name == "want" }) {
		file.Files = append(file.Files, txtar.File{Name: "want"})
	}
	changed := false
	for i := range file.Files {
		f, is := &file.Files[i], got
		switch f.Name {
		case "log":
			is = log
		case "want":
		default:
			continue
		}
		if was := string(f.Data); was != is {
			f.Data, changed = []byte(is), true
			if !update {
				t.Errorf("it went otherwise (-update takes it over):\n%s", difference(was, is))
			}
		}
	}
	if changed && update {
		if err := os.WriteFile(path, txtar.Format(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Play plays a scenario, whose file may have no transcript, and returns what happened. What must hold in every scenario is
// looked at; checks say what is wrong with a notice.
func Play(t *testing.T, file *txtar.Archive, checks ...func(calls.Notice) error) (transcript string) {
	t.Helper()
	transcript, _ = play(t, file, nil, checks...)
	return transcript
}

// Rehearse is Play with modules that package actions does not have.
func Rehearse(t *testing.T, file *txtar.Archive, extra ...Module) (transcript string) {
	t.Helper()
	transcript, _ = play(t, file, extra)
	return transcript
}

// play is Play, and gives the log, too.
func play(t *testing.T, file *txtar.Archive, extra []Module, checks ...func(calls.Notice) error) (transcript, log string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScenario(t, file)
		s.extra = extra
		if err := s.play(); err != nil {
			s.finishEarly()
			t.Errorf("%v\nit went so:\n%s", err, s.tr.text())
			return
		}
		s.finish()
		transcript, log = s.tr.text(), s.tr.told.String()
		for _, n := range s.tr.notices {
			for _, check := range checks {
				if err := check(n); err != nil {
					t.Error(err)
				}
			}
		}
	})
	return transcript, log
}

// play carries out the lines of the call.
func (s *scenario) play() error {
	for i, text := range strings.Split(strings.TrimSpace(s.files["call"]), "\n") {
		if err := s.line(strings.TrimSpace(text)); err != nil {
			return fmt.Errorf("line %d of the call, %q: %w", i+1, text, err)
		}
	}
	return nil
}

func newScenario(t *testing.T, file *txtar.Archive) *scenario {
	s := &scenario{
		t: t, pbx: New(), absorb: true, longest: 2 * time.Hour, files: map[string]string{},
		docs: map[flows.Owner]*flows.Document{}, brings: map[string]map[string]string{}, owners: map[string]string{},
	}
	s.tr = &transcript{pbx: s.pbx, began: time.Now()}
	for _, f := range file.Files {
		s.files[f.Name] = string(f.Data)
		if owner, ok := ownerOf(f.Name); ok {
			s.document(owner, string(f.Data))
		}
	}
	return s
}

// ownerOf reads "device acme bob-desk".
func ownerOf(name string) (o flows.Owner, ok bool) {
	switch words := strings.Fields(name); {
	case len(words) == 2 && words[0] == "account":
		return flows.Owner{Account: words[1]}, true
	case len(words) == 3 && words[0] == "user":
		return flows.Owner{Account: words[1], User: words[2]}, true
	case len(words) == 3 && words[0] == "device":
		return flows.Owner{Account: words[1], Device: words[2]}, true
	}
	return o, false
}

func (s *scenario) document(owner flows.Owner, text string) {
	doc, err := flows.ParseDocument([]byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	s.docs[owner], s.known = doc, map[flows.Owner]*flows.Effective{}
}

// effective is an owner's documents as they are now.
func (s *scenario) effective(o flows.Owner) *flows.Effective {
	s.tr.mu.Lock()
	defer s.tr.mu.Unlock()
	eff := s.known[o]
	if eff == nil {
		var user, device *flows.Document
		if o.User != "" {
			user = s.docs[flows.Owner{Account: o.Account, User: o.User}]
		}
		if o.Device != "" {
			device = s.docs[flows.Owner{Account: o.Account, Device: o.Device}]
		}
		eff = flows.Merge(s.settings, s.docs[flows.Owner{Account: o.Account}], user, device)
		if s.known == nil {
			s.known = map[flows.Owner]*flows.Effective{}
		}
		s.known[o] = eff
	}
	return eff
}

// begin starts the application; what is set before holds.
func (s *scenario) begin() {
	if s.begun {
		return
	}
	s.begun = true
	if s.interrupted.before > 0 {
		s.pbx.before = s.countdown
	}
	s.pbx.Listen(knowing{s.start().calls, s})
}

// knowing tells the calls what the directory knows of a channel's device, as app/server does.
type knowing struct {
	calls *calls.Registry
	s     *scenario
}

// Deliver is Handler.
func (k knowing) Deliver(id string, ev calls.Event) {
	if started, ok := ev.(calls.Started); ok {
		k.s.know(&started.Channel)
		ev = started
	}
	k.calls.Deliver(id, ev)
}

func (s *scenario) know(channel *calls.Channel) {
	channel.User = s.owners[channel.Vars["METAFLOWS_DEVICE"]]
}

// start makes a process.
func (s *scenario) start() process {
	log := slog.New(newLogHandler(s.tr))
	set := actions.New(actions.Config{PBX: s.pbx, Log: log, RecordingMax: s.longest, RecordingName: s.names, RecordingCDR: s.cdr})
	modules := set.Modules()
	for _, extra := range s.extra {
		m := extra(set)
		modules[m.Name] = m
	}
	calls := calls.New(calls.Config{
		Line: s.pbx, Publisher: s.tr, Modules: modules, Log: log, Effective: s.effective, Absorb: s.absorb,
		Enter: set.Enter, Adopt: set.Adopt, Failed: set.Failed, Stray: set.Stray, Return: set.Return, Replaced: set.Replaced, Save: set.Save, Bring: set.Bring,
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = process{calls, set.NewJanitor(calls.Has)}
	return s.process
}

// finish lets everything come to its end, and looks at what must hold in every scenario: nothing is left over, every
// notice has an id of its own, what has begun is told to have ended, and digits that were no code occur in no notice and
// no log line.
func (s *scenario) finish() {
	s.downs.Wait()
	time.Sleep(2 * time.Minute)
	s.downs.Wait()
	s.programs.running.Wait()
	if s.restarts > 0 {
		s.tidyUp()
	}
	synctest.Wait()
	s.pbx.Close()
	if live := s.pbx.Live(); len(live) > 0 && !s.stopped {
		s.t.Errorf("left over in the telephone system: %s", strings.Join(live, ", "))
	}
	if verbs := s.pbx.heldBy(); verbs != nil {
		s.t.Errorf("a call waited for the answers to %v: they are to be asked for by Task.Do", verbs)
	}
	if n := s.now().calls.Len(); n > 0 {
		s.t.Errorf("%d calls are left over", n)
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
		defer cancel()
		if err := s.now().calls.Shutdown(ctx); err != nil {
			s.t.Fatal(err)
		}
	}
	if s.restarts > 0 {
		s.finishRestarted()
		return
	}
	seen := map[string]string{}
	for _, n := range s.tr.notices {
		if other := seen[n.ID]; other != "" || n.ID == "" {
			s.t.Errorf("notices %s and %s have the same id %q: one would be taken for a repetition", other, n.Type, n.ID)
		}
		seen[n.ID] = n.Type
	}
	if disorder := s.tr.disorder(); disorder != nil && !s.stopped {
		s.t.Errorf("the story has no order: %s", strings.Join(disorder, "; "))
	}
	if leaks := s.tr.leaks(s.pressed); leaks != nil {
		s.t.Errorf("digits that were no code were published or logged: %v", leaks)
	}
}

// difference shows the lines that differ, with their neighbours.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	from := 0
	for from < len(w) && from < len(g) && w[from] == g[from] {
		from++
	}
	toW, toG := len(w), len(g)
	for toW > from && toG > from && w[toW-1] == g[toG-1] {
		toW, toG = toW-1, toG-1
	}
	var b strings.Builder
	for _, l := range w[max(0, from-3):from] {
		fmt.Fprintf(&b, "  %s\n", l)
	}
	for _, l := range w[from:toW] {
		fmt.Fprintf(&b, "- %s\n", l)
	}
	for _, l := range g[from:toG] {
		fmt.Fprintf(&b, "+ %s\n", l)
	}
	return b.String()
}
