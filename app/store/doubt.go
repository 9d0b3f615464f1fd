package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// doubt is that a bucket does not have what was known, and that somebody may have meant it.
type doubt struct {
	id, reason string
	said       string
	loss       loss
	before     knowledge // what was known when it was looked at
}

func (d *doubt) Error() string { return d.said }

// ways in which a bucket does not have what was known, the reasons of documents.damaged.
const (
	wasDamaged = "damaged" // some of what our own NATS kept cannot be read
	wasLost    = "lost"    // our own NATS has nothing any more
	wasPurged  = "purged"  // somebody has emptied the bucket, or has taken away some of it without a mark
	isOlder    = "older"   // the bucket is as it was once, put back from a backup
	isAnother  = "another" // the bucket is not the one that is known
)

// Question is what somebody must decide: NATS does not have what was known last, and that may have been meant. It stands in a
// file beside the one that holds what was known.
type Question struct {
	ID        string    `json:"id"`
	What      string    `json:"what"` // documents
	Reason    string    `json:"reason"`
	Asked     time.Time `json:"asked"`
	Known     int       `json:"known"`     // values in the file
	Held      int       `json:"held"`      // values in the bucket
	Missing   int       `json:"missing"`   // in the file, and in the bucket not, or older, or different
	Back      int       `json:"back"`      // in the bucket, though the file knows that they were deleted
	Different int       `json:"different"` // of those that are missing: the bucket has others in their place
	path      string
}

const (
	questionEnd = ".question"
	decisionEnd = ".decision"
)

type decision struct {
	ID   string `json:"id"`
	From string `json:"from"`
}

// Questions are those that are open in a data folder, by their files' names.
func Questions(folder string) ([]Question, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*"+questionEnd))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var all []Question
	for _, path := range paths {
		q, err := readQuestion(path)
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

func readQuestion(path string) (q Question, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &q)
	}
	q.path = path
	return q, err
}

// Decide answers: what the "file" holds is right, or what the "bucket" holds. Whoever runs acts on it within seconds, else
// the next one who does.
func (q Question) Decide(from string) error {
	if from != "file" && from != "bucket" {
		return fmt.Errorf("%q is wrong; accepted are file and bucket", from)
	}
	text, err := json.Marshal(decision{q.ID, from})
	if err != nil {
		return err
	}
	return writeWhole(strings.TrimSuffix(q.path, questionEnd)+decisionEnd, text)
}

// Open says whether it has not been acted on yet.
func (q Question) Open() bool {
	now, err := readQuestion(q.path)
	return err == nil && now.ID == q.ID
}

// File is the name of the file that holds what was known.
func (q Question) File() string { return strings.TrimSuffix(filepath.Base(q.path), questionEnd) }

// asked says whether a question stands from before.
func (m *mirror) asked() (reason string, ok bool) {
	if m.file == "" {
		return "", false
	}
	q, err := readQuestion(m.file + questionEnd)
	return q.Reason, err == nil
}

// ask puts the question. It says whether it is a new one.
func (m *mirror) ask(look *look, d *doubt) (news bool, err error) {
	q := Question{ID: d.id, What: m.what, Reason: d.reason, Asked: time.Now().UTC(), Known: d.loss.of, Missing: len(d.loss.missing), Back: len(d.loss.back)}
	for _, h := range look.has {
		if h.raw != nil {
			q.Held++
		}
	}
	for _, v := range d.loss.missing {
		if h := look.has[v.key]; h.raw != nil {
			q.Different++
		}
	}
	if old, err := readQuestion(m.file + questionEnd); err == nil && old.ID == q.ID {
		return false, nil
	}
	text, err := json.MarshalIndent(q, "", "  ")
	if err != nil {
		return true, err
	}
	return true, writeWhole(m.file+questionEnd, append(text, '\n'))
}

// answer is what somebody has decided of a doubt; "" as long as nobody has.
func (m *mirror) answer(d *doubt) string {
	var said decision
	text, err := os.ReadFile(m.file + decisionEnd)
	if err != nil || json.Unmarshal(text, &said) != nil || said.ID != d.id {
		return ""
	}
	return said.From
}

// settled takes the question away, and an answer.
func (m *mirror) settled() error {
	if m.file == "" {
		return nil
	}
	for _, path := range []string{m.file + questionEnd, m.file + decisionEnd} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return short(err)
		}
	}
	return nil
}
