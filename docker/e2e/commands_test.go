package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// said is what a command has said so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// command is one of the program's, in the environment of the one that runs.
func (o *own) command(ctx context.Context, out *said, args ...string) *exec.Cmd {
	o.Helper()
	binary, err := built()
	o.must(err)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = []string{"METAFLOWS_HTTP_ADDR=" + o.HTTP, "METAFLOWS_DATA_DIR=" + o.program.Data}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

// says runs a command and fails where it does not say all of this.
func (o *own) says(args []string, want ...string) string {
	o.Helper()
	var out said
	err := o.command(o.ctx, &out, args...).Run()
	for _, w := range want {
		if !strings.Contains(out.String(), w) {
			o.Errorf("metaflows %s: no %q in\n%s", strings.Join(args, " "), w, &out)
		}
	}
	if err != nil {
		o.Errorf("metaflows %s: %v\n%s", strings.Join(args, " "), err, &out)
	}
	return out.String()
}

// TestCommands: during a call the commands show it, tell its story and run something on it, without ARI's password; and when it
// is over its story is found again.
func TestCommands(t *testing.T) {
	t.Parallel()
	o := ownProcess(t)
	o.document("acme", `{"numbers":{"9":{"module":"record_call","data":{"action":"toggle"}}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}`)
	var tail said
	listening, hangUp := context.WithCancel(o.ctx)
	following := o.command(listening, &tail, "tail", "--after", "0")
	o.must(following.Start())
	defer func() { hangUp(); _ = following.Wait() }()
	heard := func(kind string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(tail.String(), kind); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("tail does not tell %s:\n%s", kind, &tail)
			}
		}
	}
	o.says([]string{"health"}, "ready\n")
	o.says([]string{"calls"}, "there are no calls\n")

	alice, bob := o.phone("alice"), o.phone("bob")
	a, b := o.call(alice, "1002", bob)
	at := o.liveOf("alice", "bob")
	call := at["bob"].Call
	table := o.says([]string{"calls"}, call, at["alice"].UUID, at["bob"].UUID, "PJSIP/alice", "PJSIP/bob", "1001", "1002", "bob-desk", "caller", "callee")
	if lines := strings.Count(table, "\n"); lines != 3 {
		t.Errorf("%d lines:\n%s", lines, table)
	}
	var listed []struct {
		Call, UUID string
		Account    string `json:"account_id"`
	}
	if err := json.Unmarshal([]byte(o.says([]string{"calls", "--json"})), &listed); err != nil || len(listed) != 2 || listed[0].Account != "acme" || listed[0].Call != call {
		t.Errorf("%v %+v", err, listed)
	}
	o.says([]string{"codes", "bob"}, "device bob-desk of user bob, account acme\n", "*9", "record_call", `*2(\d{4})`, "account acme")
	o.says([]string{"run", "bob", `{"module":"record_call","data":{"action":"start"}}`}, "record_call on "+at["bob"].UUID+" of call "+call+": continue")
	heard("recording.started")
	o.press(b, "*9")
	o.event("recording.stored", 1)
	for _, word := range []string{"1002", "PJSIP/alice", at["bob"].UUID, call} {
		o.says([]string{"call", word}, "call "+call+" of ", "call.started", "call.answered", "recording.started", "recording.stored", "PJSIP/bob - PJSIP/alice")
	}
	o.says([]string{"run", "1001", "hangup", "--wait=5"}, "hangup on "+at["alice"].UUID)
	o.ended(a)
	o.ended(b)
	heard("call.ended")
	o.liveOf()
	o.says([]string{"calls"}, "there are no calls\n")
	story := o.says([]string{"call", "PJSIP/bob"}, "call "+call+" of ", "call.ended")
	if told := strings.Split(strings.TrimSpace(tail.String()), "\n"); len(told) != strings.Count(story, "\n") || !slices.ContainsFunc(told, func(line string) bool { return strings.Contains(line, "document.changed") }) {
		t.Errorf("tail has told %d lines, the story is\n%s\n%s", len(told), story, &tail)
	}
	if strings.Contains(tail.String()+story, o.token) {
		t.Error("the token is told")
	}
	t.Logf("\n%s\n%s", table, story)
}
