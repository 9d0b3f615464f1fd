package store

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The values of a mirror as they were known last, on disk, for a start without NATS and for one with a NATS that has lost
// some. Each line is a JSON object that begins with a checksum of the rest of it, so that what is damaged is known, and what
// is not damaged counts:
//
//	{"sum":"1c291ca3","version":2,"saved":"2026-03-04T05:06:07Z","bucket":"2026-01-02T03:04:05Z","told":17,"turn":"...","count":1}
//	{"sum":"8a9136aa","key":"metaflows.acme","revision":12,"document":{...as stored...}}
//
// After the first line and its count of values, changes are appended, each batch with a line as the first at its end. A value
// is there byte for byte, but for white space before and after it; in base64 where it has lines of its own. Of one that has
// no effect there is the key alone.

const (
	fileVersion = 2
	maxFile     = 1 << 30 // far above any number of values; a bigger file is a wrong one
)

// saved is what the file holds.
type saved struct {
	head
	values  []savedValue // in the order of their keys
	damaged int          // lines that are not as they were written, or are missing
}

// head is what holds for all of a file.
type head struct {
	at     time.Time
	bucket time.Time // when it was made, by NATS; zero: not known
	told   uint64    // every change of the bucket below the prefix up to this revision is in the file
	turn   string    // the same stands in the folder of our own NATS; "" for none
}

type savedValue struct {
	key      string
	raw      []byte // nil: it has no effect, or is gone
	revision uint64
	gone     bool // it was deleted at the revision
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A line begins with noSum, and seal, which ends it, puts the checksum of the rest there. from is where it begins in b.
const noSum = `{"sum":"00000000",`

const (
	sumAt     = len(`{"sum":"`)
	sumLength = len(noSum)
)

func seal(b []byte, from int) []byte {
	sum := sumOf(b[from+sumLength:])
	copy(b[from+sumAt:], sum[:])
	return append(b, '\n')
}

func sumOf(rest []byte) (sum [8]byte) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], crc32.Checksum(rest, castagnoli))
	hex.Encode(sum[:], n[:])
	return sum
}

func intact(line []byte) bool {
	if len(line) <= sumLength {
		return false
	}
	sum := sumOf(line[sumLength:])
	head := line[:sumLength]
	return string(head[:sumAt]) == noSum[:sumAt] && string(head[sumAt:sumAt+len(sum)]) == string(sum[:]) && string(head[sumAt+len(sum):]) == noSum[sumAt+len(sum):]
}

// line appends a line of the head; count is of the values that follow, -1 at the end of changes.
func (h head) line(b []byte, count int) []byte {
	from := len(b)
	b = fmt.Appendf(append(b, noSum...), `"version":%d,"saved":%q,"bucket":%q,"told":%d,"turn":%q`,
		fileVersion, h.at.UTC().Format(time.RFC3339), h.bucket.UTC().Format(time.RFC3339Nano), h.told, h.turn)
	if count >= 0 {
		b = fmt.Appendf(b, `,"count":%d`, count)
	}
	return seal(append(b, '}'), from)
}

// line appends the value's line.
func (v savedValue) line(b []byte) []byte {
	from := len(b)
	b = strconv.AppendQuote(append(append(b, noSum...), `"key":`...), v.key)
	b = strconv.AppendUint(append(b, `,"revision":`...), v.revision, 10)
	switch {
	case v.gone:
		b = append(b, `,"gone":true`...)
	case v.raw == nil:
	case bytes.IndexByte(v.raw, '\n') >= 0:
		text, _ := json.Marshal(v.raw)
		b = append(append(b, `,"base64":`...), text...)
	default:
		b = append(append(b, `,"document":`...), v.raw...)
	}
	return seal(append(b, '}'), from)
}

// encode writes the file line by line: what is kept may be more than there is memory to hold twice.
func (s saved) encode(w io.Writer) (size int, err error) {
	b := s.head.line(nil, len(s.values))
	for n := 0; ; n++ {
		if _, err := w.Write(b); err != nil {
			return size, err
		}
		if size += len(b); n == len(s.values) {
			return size, nil
		}
		b = s.values[n].line(b[:0])
	}
}

// savedLine is any line.
type savedLine struct {
	Version  *int
	Saved    time.Time
	Bucket   time.Time
	Told     uint64
	Turn     string
	Count    *int
	Key      string
	Revision uint64
	Document json.RawMessage
	Base64   []byte
	Gone     bool
}

func (l savedLine) value() savedValue {
	v := savedValue{key: l.Key, raw: l.Document, revision: l.Revision, gone: l.Gone}
	if l.Base64 != nil {
		v.raw = l.Base64
	}
	return v
}

// read takes an intact line. One with a document, which nearly all are, is cut where it was put together (savedValue.put).
func (l *savedLine) read(line []byte) bool {
	key, rest, ok := bytes.Cut(bytes.TrimPrefix(line[sumLength:], []byte(`"key":"`)), []byte(`","revision":`))
	revision, document, is := bytes.Cut(rest, []byte(`,"document":`))
	n, err := strconv.ParseUint(string(revision), 10, 64)
	if ok = ok && is && err == nil && !bytes.ContainsAny(key, "\"\\"); !ok {
		return json.Unmarshal(line, l) == nil
	}
	l.Key, l.Revision, l.Document = string(key), n, bytes.TrimSpace(document[:len(document)-1])
	return json.Valid(l.Document)
}

// decodeSaved reads a file, whose text its values share. It is refused where none of it is as it was written, and where what is written is not ours; valid
// says so of keys; what stands under them is not looked into.
func decodeSaved(text []byte, valid func(key string) bool) (saved, error) {
	lines := bytes.Split(text, []byte("\n"))
	if !slices.ContainsFunc(lines, intact) {
		return decodeFirst(text, valid)
	}
	var s saved
	values := make(map[string]savedValue, len(lines))
	count, seen := -1, 0
	for n, line := range lines {
		last := n == len(lines)-1
		if last && len(line) == 0 {
			break
		}
		var l savedLine
		switch {
		case last && count >= 0 && seen >= count: // a change that was being written at the end: it is in NATS, or was not made
			continue
		case !intact(line) || !l.read(line):
			s.damaged++
			seen++
		case l.Version != nil && *l.Version != fileVersion:
			return saved{}, fmt.Errorf("it has version %d, accepted are 1 and %d", *l.Version, fileVersion)
		case l.Version != nil:
			s.head = head{l.Saved, l.Bucket, l.Told, l.Turn}
			if l.Count != nil {
				count = *l.Count
			}
		case !valid(l.Key):
			return saved{}, fmt.Errorf("key %.100q is not one of ours", l.Key)
		default:
			seen++
			if values[l.Key] = l.value(); l.Gone {
				delete(values, l.Key)
			}
		}
	}
	s.damaged += max(0, count-seen)
	s.values = make([]savedValue, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		s.values = append(s.values, values[key])
	}
	return s, nil
}

// decodeFirst reads a file of the first version, one JSON object.
func decodeFirst(text []byte, valid func(key string) bool) (saved, error) {
	var head struct {
		Version *int `json:"version"`
	}
	switch err := json.Unmarshal(text, &head); {
	case err != nil:
		return saved{}, fmt.Errorf("it is cut off or not ours: %w", err)
	case head.Version == nil:
		return saved{}, errors.New("it is not ours: it has no version")
	case *head.Version != 1:
		return saved{}, fmt.Errorf("it has version %d, accepted are 1 and %d", *head.Version, fileVersion)
	}
	var body struct {
		Saved     time.Time `json:"saved"`
		Documents []struct {
			Key      string          `json:"key"`
			Document json.RawMessage `json:"document"`
		} `json:"documents"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return saved{}, fmt.Errorf("it is not ours: %w", err)
	}
	if body.Saved.IsZero() {
		return saved{}, errors.New("it does not say when it was saved")
	}
	var s saved
	s.at = body.Saved
	seen := map[string]bool{}
	for _, d := range body.Documents {
		switch {
		case !valid(d.Key) || len(d.Document) == 0:
			return saved{}, fmt.Errorf("key %.100q is not one of ours", d.Key)
		case seen[d.Key]:
			return saved{}, fmt.Errorf("key %.100q stands twice", d.Key)
		}
		seen[d.Key] = true
		s.values = append(s.values, savedValue{key: d.Key, raw: d.Document})
	}
	slices.SortFunc(s.values, func(a, b savedValue) int { return strings.Compare(a.key, b.key) })
	return s, nil
}

// readSaved reads the file at path.
func readSaved(path string, valid func(key string) bool) (saved, error) {
	// Looked at before it is opened: to open a pipe would wait for somebody to write.
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return saved{}, short(err)
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return saved{}, errors.New("it is not a regular file of less than 1 GiB")
	}
	f, err := os.Open(path)
	if err != nil {
		return saved{}, short(err)
	}
	defer f.Close()
	text := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := text.ReadFrom(io.LimitReader(f, maxFile)); err != nil {
		return saved{}, short(err)
	}
	return decodeSaved(text.Bytes(), valid)
}

// writeSaved puts the file at path, and gives its length.
func writeSaved(path string, s saved) (size int, err error) {
	err = replace(path, func(w io.Writer) error {
		size, err = s.encode(w)
		return err
	})
	return size, err
}

// writeWhole is replace for a text that is there.
func writeWhole(path string, text []byte) error {
	return replace(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// replace puts a file at path that write writes, with mode 0600. Who reads it finds the old one or the new one, whole, also after a power
// cut: it is written beside and renamed.
func replace(path string, write func(io.Writer) error) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".documents-*") // mode 0600
	if err != nil {
		return short(err)
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = errors.Join(write(w), w.Flush())
	err = errors.Join(short(err), short(f.Sync()), short(f.Close()))
	if err == nil {
		err = short(os.Rename(f.Name(), path))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	if d, err := os.Open(folder); err == nil { // the new name, too; not every file system can
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}

// appendSaved adds changes to the file at path, and gives how long they are. The file must be as it was written.
func appendSaved(path string, h head, changes []savedValue) (size int, err error) {
	var b []byte
	for _, v := range changes {
		b = v.line(b)
	}
	b = h.line(b, -1)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, short(err)
	}
	_, err = f.Write(b)
	return len(b), errors.Join(short(err), short(f.Sync()), short(f.Close()))
}

// short is an error of the file system without the path, which stands beside it wherever it is told.
func short(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
