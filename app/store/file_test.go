package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"metaflows/flows"
)

var march = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func document(p Place, raw string) savedValue { return savedValue{key: p.key(), raw: []byte(raw)} }

func savedAt(at time.Time, values ...savedValue) saved {
	return saved{head: head{at: at}, values: values}
}

// first is a file of the first version.
func first(values ...savedValue) string {
	text := `{"version":1,"saved":"2026-03-04T05:06:07Z","documents":[`
	for i, v := range values {
		text += strings.Repeat(",", min(i, 1)) + fmt.Sprintf("\n{\"key\":%q,\"document\":%s}", v.key, v.raw)
	}
	return text + "\n]}\n"
}

// places are the keys of documents.
func places(key string) bool {
	_, ok := placeOf(key)
	return ok
}

func same(a, b saved) bool {
	return a.at.Equal(b.at) && slices.EqualFunc(a.values, b.values, func(a, b savedValue) bool {
		return a.key == b.key && bytes.Equal(a.raw, b.raw)
	})
}

// written is what a file holds of it.
func written(s saved) []byte {
	var b bytes.Buffer
	if _, err := s.encode(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// What is written is read again, byte for byte: the order of keys, spaces, characters that JSON encoders like to escape.
func TestFileHoldsDocumentsByteForByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "documents.json")
	want := savedAt(march,
		document(acme, `{"z":1, "a":  2,"numbers":{"9":{"module":"record_call"}}}`),
		document(desk, "{\n\t\"patterns\": {\"2(\\\\d+)<&>\": {\"module\":\"none\"}}\n}"),
		document(alice, "{\"x\":\"\u2028\xff\"}"),
	)
	if _, err := writeSaved(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := readSaved(path, places)
	if err != nil || !same(got, want) {
		t.Errorf("%+v %v", got, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	text, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(text), `{"sum":"`) || !strings.Contains(string(text), `,"version":2,"saved":"2026-03-04T05:06:07Z",`) {
		t.Errorf("%.80s", text)
	}
	if _, err := writeSaved(path, savedAt(march)); err != nil {
		t.Fatal(err)
	}
	if got, err := readSaved(path, places); err != nil || len(got.values) != 0 {
		t.Error(got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".values-*")); left != nil {
		t.Error(left)
	}
}

func TestWrongFiles(t *testing.T) {
	whole := first(document(acme, `{"a":1}`), document(desk, `{}`))
	for text, want := range map[string]string{
		"":                                  "cut off or not ours",
		"\x00\x00\x00":                      "cut off or not ours",
		whole[:len(whole)/2]:                "cut off or not ours",
		whole[:len(whole)-3]:                "cut off or not ours",
		whole + whole:                       "cut off or not ours",
		`null`:                              "no version",
		`{}`:                                "no version",
		`[]`:                                "not ours",
		`{"version":"1"}`:                   "not ours",
		`{"version":2,"documents":7}`:       "it has version 2, accepted are 1 and 2",
		`{"version":1}`:                     "when it was saved",
		`{"version":1,"saved":"yesterday"}`: "not ours",
		`{"version":1,"saved":"2026-03-04T05:06:07Z","documents":{}}`:                                    "not ours",
		`{"version":1,"saved":"2026-03-04T05:06:07Z","documents":[{"key":"metaflows"}]}`:                 `key "metaflows" is not`,
		`{"version":1,"saved":"2026-03-04T05:06:07Z","documents":[{"key":"metaflows.acme"}]}`:            `key "metaflows.acme" is not`,
		`{"version":1,"saved":"2026-03-04T05:06:07Z","documents":[{"key":"x.a","document":{}}]}`:         `key "x.a" is not`,
		strings.Replace(whole, "metaflows.acme.device.desk", "metaflows.acme", 1):                        "stands twice",
		strings.Replace(whole, `{"a":1}`, strings.Repeat("[", 20000)+strings.Repeat("]", 20000), 1):      "cut off or not ours",
		strings.Replace(whole, `"metaflows.acme"`, `"`+strings.Repeat("metaflows.acme", 100_000)+`"`, 1): "is not one of ours",
	} {
		if _, err := decodeSaved([]byte(text), places); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

// A path that is no file of ours is refused at once.
func TestPathsThatAreNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe, filepath.Join(dir, "none"), filepath.Join(pipe, "x")} {
		if _, err := readSaved(path, places); err == nil || strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := writeSaved(filepath.Join(dir, "none", "documents.json"), saved{}); err == nil || strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
	// A folder stands where the file should be: nothing else is left beside it.
	if err := os.MkdirAll(filepath.Join(dir, "documents.json", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := writeSaved(filepath.Join(dir, "documents.json"), saved{}); err == nil {
		t.Error("a folder was overwritten")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".values-*")); left != nil {
		t.Error(left)
	}
}

// Whatever is in the file: no crash, and what is accepted is written and read again as it was.
func FuzzSavedFile(f *testing.F) {
	f.Add(written(savedAt(march, document(acme, `{"numbers":{"9":{"module":"record_call"}}}`), document(alice, `{ }`))))
	f.Add([]byte(first(document(acme, `{"numbers":{"9":{"module":"record_call"}}}`), document(alice, `{ }`))))
	f.Add(written(savedAt(march)))
	f.Add([]byte(`{"version":1,"saved":"2026-03-04T05:06:07Z","documents":null}`))
	f.Add([]byte(`{"documents":[{"document": 7 ,"key":"metaflows.acme"}],"saved":"2026-03-04T05:06:07Z","version":1}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := decodeSaved(text, places)
		if err != nil {
			return
		}
		for _, d := range s.values {
			if !places(d.key) {
				t.Fatal(d.key)
			}
			_, _ = flows.ParseDocument(d.raw)
		}
		s.at, s.damaged = s.at.Truncate(time.Second), 0
		again, err := decodeSaved(written(s), places)
		if err != nil || !same(s, again) {
			t.Fatalf("%+v\n%+v\n%v", s, again, err)
		}
	})
}

func BenchmarkEncodeFile(b *testing.B) {
	s := savedAt(march)
	for i := range 10_000 {
		s.values = append(s.values, document(Place{Account: fmt.Sprint("a", i), Scope: flows.ScopeAccount}, `{"numbers":{"9":{"module":"record_call"}}}`))
	}
	for b.Loop() {
		written(s)
	}
}
