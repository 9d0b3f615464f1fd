package store

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// A turn is a name for one state of the file. It stands in the file and in the folder of our own NATS, so that a folder that
// was put back from a backup is told from one that was damaged: what is in it is not of the file's turn. It changes with each
// write, and the folder knows the one before, too: a process may be killed between the two.
type turns struct {
	Turn   string `json:"turn"`
	Before string `json:"before,omitempty"`
}

func (m *mirror) turnFile() string { return filepath.Join(m.folder, filepath.Base(m.file)+".turn") }

// takeTurn begins a new turn in the folder.
func (m *mirror) takeTurn(before string) (turn string, err error) {
	if m.folder == "" || m.file == "" {
		return "", nil
	}
	turn = rand.Text()
	return turn, m.writeTurn(turns{turn, before})
}

func (m *mirror) writeTurn(t turns) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return writeWhole(m.turnFile(), text)
}

// sameTurn says whether the folder is of the file's turn, or nobody can say. Where the bucket is another, too, the folder was
// lost.
func (m *mirror) sameTurn(turn string, another bool) bool {
	if m.folder == "" || m.file == "" || turn == "" {
		return true
	}
	var t turns
	text, err := os.ReadFile(m.turnFile())
	if errors.Is(err, os.ErrNotExist) && another {
		return m.writeTurn(turns{Turn: turn}) == nil // it is filled from now on, also if that is cut off
	}
	return err == nil && json.Unmarshal(text, &t) == nil && (t.Turn == turn || t.Before == turn)
}
