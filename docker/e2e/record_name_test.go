package e2e

import (
	"encoding/csv"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// recordedNames lets Asterisk's call records have the name of the recording as FreePBX's have.
const recordedNames = "[mappings]\nrecordings.csv => ${CSV_QUOTE(${CDR(uniqueid)})},${CSV_QUOTE(${CDR(recordingfile)})}\n"

// Recordings are called as FreePBX's, on phones and on who was reached by a transfer through a Local channel, and the
// call record says the name.
func TestRecordingNames(t *testing.T) {
	t.Parallel()
	asterisk := asteriskOptions()
	asterisk.Append["modules.conf"] = "\nload = res_cdrel_custom.so\nload = cdr_custom.so\n"
	asterisk.Append["cdr_custom.conf"] = recordedNames
	o := ownNodeOf(t, asterisk, "lab", nil,
		"METAFLOWS_RECORDING_NAME={yyyy}/{mm}/{dd}/ondemand-{to}-{from}-{yyyymmdd}-{hhmmss}-{uniqueid}", "METAFLOWS_RECORDING_CDR=yes")
	records := filepath.Join(filepath.Dir(filepath.Dir(o.CDRPath)), "cdr-custom")
	o.must(os.MkdirAll(records, 0o777))
	o.must(os.Chmod(records, 0o777)) // Asterisk may be another user
	o.document("acme", `{"numbers":{"9":{"module":"record_call"}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}`)
	bob, carol := o.phone("bob"), o.phone("carol")
	called := func(rec event, to string) {
		t.Helper()
		now := time.Now()
		form := regexp.MustCompile(`^` + now.Format("2006/01/02") + `/ondemand-` + to + `-1001-` + now.Format("20060102") + `-\d{6}-` + regexp.QuoteMeta(rec.UniqueID) + `$`)
		if !form.MatchString(rec.Recording) {
			t.Errorf("a recording is called %s, not %s", rec.Recording, form)
		}
	}

	a, b := o.call(o.phone("alice"), "1002", bob)
	o.press(b, "*9")
	first := o.event("recording.started", 1)
	called(first, "1002")
	o.heldFor(a, b, time.Second)
	o.press(b, "*9")
	if stored := o.event("recording.stored", 1); stored.Recording != first.Recording || !holds(o.recording(stored.Recording), tones["alice"], 200*time.Millisecond, 800*time.Millisecond) {
		t.Errorf("%s holds nobody", stored.Recording)
	}
	o.press(b, "*21003")
	c := o.incoming(carol)
	o.ended(b)
	o.talk(a, c)

	o.press(c, "*9")
	second := o.event("recording.started", 2)
	called(second, "unknown") // a code, whose keys are nobody else's business
	o.heldFor(a, c, time.Second)
	o.hangUp(c)
	o.ended(a)
	if stored := o.event("recording.stored", 2); stored.Result != "stored" || len(o.recording(stored.Recording)) < rate {
		t.Errorf("%+v", stored)
	}
	for _, rec := range []event{first, second} {
		o.recordedAs(filepath.Join(records, "recordings.csv"), path.Base(rec.Recording)+".wav")
	}
}

// recordedAs waits until a call record says the name of a recording.
func (o *own) recordedAs(file, name string) {
	o.Helper()
	deadline := o.soon(10 * time.Second)
	for {
		text, _ := os.ReadFile(file)
		rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		o.must(err)
		for _, row := range rows {
			if row[1] == name {
				return
			}
		}
		select {
		case <-deadline.Done():
			o.Fatalf("no call record says %s:\n%s", name, text)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
