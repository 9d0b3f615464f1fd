package store

import "errors"

type Record struct {
	Key      string
	Raw      []byte
	Revision uint64
}
type Expect struct{ kind int; revision uint64 }

var Any, Absent = Expect{}, Expect{kind: 1}

func Revision(n uint64) Expect { return Expect{2, n} }

var ErrConflict = errors.New("conflict")
