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

// Recordings are called as FreePBX's, on phones and on who was reached by a transfer through a Local channel; two of one second
// have names of their own; and the call record says the name.
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
	o.document("acme", `{"numbers":{"9":{"module":"record_call","data":{"action":"start"},"children":{"_":{"module":"record_call","data":{"action":"stop"},"children":{"_":{"module":"record_call","data":{"action":"start"}}}}}},
		"6":{"module":"record_call","data":{"action":"stop"}}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}`)
	bob, carol := o.phone("bob"), o.phone("carol")
	called := func(first, second event, to string) {
		t.Helper()
		now := time.Now()
		form := regexp.MustCompile(`^` + now.Format("2006/01/02") + `/ondemand-` + to + `-1001-` + now.Format("20060102") + `-\d{6}-` + regexp.QuoteMeta(first.UniqueID) + `(-2)?$`)
		if !form.MatchString(first.Recording) || !form.MatchString(second.Recording) {
			t.Errorf("recordings are called %s and %s, not %s", first.Recording, second.Recording, form)
		}
		if first.Recording == second.Recording {
			t.Errorf("two recordings of a second are called %s and %s", first.Recording, second.Recording)
		}
	}

	a, b := o.call(o.phone("alice"), "1002", bob)
	o.press(b, "*9")
	first, second := o.event("recording.started", 1), o.event("recording.started", 2)
	called(first, second, "1002")
	o.heldFor(a, b, time.Second)
	o.press(b, "*6")
	stored := o.event("recording.stored", 2)
	if samples := o.recording(stored.Recording); stored.Recording != second.Recording || !holds(samples, tones["alice"], 200*time.Millisecond, 800*time.Millisecond) {
		t.Errorf("%s holds nobody", stored.Recording)
	}
	o.press(b, "*21003")
	c := o.incoming(carol)
	o.ended(b)
	o.talk(a, c)

	o.press(c, "*9")
	third, fourth := o.event("recording.started", 3), o.event("recording.started", 4)
	called(third, fourth, "unknown") // a code, whose keys are nobody else's business
	if third.Call == first.Call || third.UniqueID == first.UniqueID {
		t.Errorf("carol's recording is one of call %s", third.Call)
	}
	o.heldFor(a, c, time.Second)
	o.hangUp(c)
	o.ended(a)
	if stored := o.event("recording.stored", 4); stored.Result != "stored" || len(o.recording(stored.Recording)) < rate {
		t.Errorf("%+v", stored)
	}
	for _, rec := range []event{second, fourth} {
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
