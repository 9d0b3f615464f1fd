package actions

import (
	"strings"
	"testing"
	"time"

	"metaflows/flows/calls"
)

func TestRecordingNames(t *testing.T) {
	long := strings.Repeat("7", 300)
	usual := calls.Notice{
		Account: "acme", User: "ann", Device: "desk", Call: "1764483.12-abc", UniqueID: "1764483.13", LinkedID: "1764483.12", CallerNumber: "1001", Dialled: "1002",
	}
	for _, c := range []struct {
		template string
		about    calls.Notice
		again    int
		want     string
	}{
		{"", usual, 0, "acme/1764483.12-abc/3"},
		{DefaultRecordingName, usual, 1, "acme/1764483.12-abc/3-2"},
		{"{yyyy}/{mm}/{dd}/ondemand-{to}-{from}-{yyyymmdd}-{hhmmss}-{uniqueid}", usual, 0, "2026/11/30/ondemand-1002-1001-20261130-070809-1764483.13"},
		{"{yyyy}/{mm}/{dd}/ondemand-{to}-{from}-{yyyymmdd}-{hhmmss}-{uniqueid}", usual, 2, "2026/11/30/ondemand-1002-1001-20261130-070809-1764483.13-3"},
		{"{user}/{device}/{linkedid}+{hhmmss}_{call}", usual, 0, "ann/desk/1764483.12+070809_1764483.12-abc"},
		{DefaultRecordingName, calls.Notice{Account: "..", Call: "leg-1;2"}, 0, "-./leg-1-2/3"},
		{DefaultRecordingName, calls.Notice{Account: "a/b", Call: "../../etc/passwd"}, 0, "a-b/-.-..-etc-passwd/3"},
		{DefaultRecordingName, calls.Notice{Call: ".x"}, 0, "unknown/-x/3"},
		{DefaultRecordingName, calls.Notice{Account: "ü \x00\n", Call: "a%2Fb\\c"}, 0, "-----/a-2Fb-c/3"},
		{"{from}{to}/{call}{id}", calls.Notice{CallerNumber: long, Dialled: long, Call: "c"}, 0, long[:200] + "/c3"},
	} {
		names, err := ParseRecordingName(c.template)
		if err != nil {
			t.Fatal(c.template, err)
		}
		n := naming{about: c.about, id: "3", began: time.Date(2026, 11, 30, 7, 8, 9, 0, time.UTC)}
		if got := names.of(n, c.again); got != c.want {
			t.Errorf("%s: %s, want %s", c.template, got, c.want)
		}
	}
}

func TestWrongRecordingNames(t *testing.T) {
	for _, template := range []string{
		"/{call}/{id}", "{call}//{id}", "{call}/{id}/", "../{call}/{id}", "a/../{call}{id}", ".{call}{id}", "{call}/.{id}", "{call};{id}", "{call} {id}", "{Call}{id}",
		"{call}{id", "{call}{id}}", "{call}{}{id}", "{call}{password}{id}", "ü{call}{id}", "{id}", "{call}", "{uniqueid}", "{yyyy}/{account}", "{hhmmss}-{from}",
		strings.Repeat("x", 200) + "{call}{id}",
	} {
		if _, err := ParseRecordingName(template); err == nil {
			t.Errorf("%q is taken", template)
		}
	}
}

// FreePBX looks for the file in the folders of the day, others look for it where the record says.
func TestRecordingInCDR(t *testing.T) {
	for _, c := range []struct{ template, name, want string }{
		{"{yyyy}/{mm}/{dd}/{call}-{id}", "2026/11/30/c-3", "c-3.wav"},
		{"{account}/{yyyy}/{mm}/{dd}/{call}-{id}", "acme/2026/11/30/c-3", "acme/2026/11/30/c-3.wav"},
		{DefaultRecordingName, "acme/c/3", "acme/c/3.wav"},
	} {
		names, err := ParseRecordingName(c.template)
		if err != nil {
			t.Fatal(err)
		}
		if got := names.inCDR(c.name, "wav"); got != c.want {
			t.Errorf("%s: %s", c.template, got)
		}
	}
}
