package store

import (
	"hash/maphash"
	"iter"
	"maps"
)

// byID is documents by id, immutable. It is in parts, so that a change copies one of them and not all: else to load an account
// would cost the square of its size. A nil one is empty.
type byID struct{ parts [idParts]map[string]*Document }

const idParts = 64

var idSeed = maphash.MakeSeed()

func partOf(id string) uint64 { return maphash.String(idSeed, id) % idParts }

// get is nil where there is none.
func (b *byID) get(id string) *Document {
	if b == nil {
		return nil
	}
	return b.parts[partOf(id)][id]
}

// with is a copy with one document put in, or with nil left out.
func (b *byID) with(id string, doc *Document) *byID {
	var next byID
	if b != nil {
		next = *b
	}
	at := partOf(id)
	old := next.parts[at]
	part := make(map[string]*Document, len(old)+1)
	maps.Copy(part, old)
	if doc == nil {
		delete(part, id)
	} else {
		part[id] = doc
	}
	next.parts[at] = part
	return &next
}

// ids are in no order.
func (b *byID) ids() iter.Seq[string] {
	return func(yield func(string) bool) {
		if b == nil {
			return
		}
		for _, part := range b.parts {
			for id := range part {
				if !yield(id) {
					return
				}
			}
		}
	}
}
