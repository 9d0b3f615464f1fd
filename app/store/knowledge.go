package store

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// knowledge is what was known of a bucket before a fresh look at it.
type knowledge struct {
	bucket time.Time // when it was made; zero: not known
	told   uint64    // every change up to it is known
	partly bool      // something is known, but nobody knows what not
	values map[string]savedValue
}

// held is what a bucket has under a key.
type held struct {
	raw      []byte // nil: the mark of a deletion
	revision uint64
}

// memory is what is known now. The caller holds the lock.
func (m *mirror) memory() knowledge {
	k := knowledge{bucket: m.created, told: m.told, partly: m.partly, values: make(map[string]savedValue, len(m.revisions))}
	for key := range m.revisions {
		k.values[key] = m.saved(key)
	}
	return k
}

// loss is what a bucket does not have as it was known, though nobody has changed it.
type loss struct {
	missing []savedValue // known, and not there, or older, or different
	back    []string     // there, and known to have been deleted
	of      int          // values that are known
}

func (l loss) none() bool { return len(l.missing) == 0 && len(l.back) == 0 }

// another says whether the bucket that was made at a time is not the one that is known.
func (k knowledge) another(made time.Time) bool { return !k.bucket.IsZero() && !k.bucket.Equal(made) }

// lost compares what is known with what a bucket holds that was made at a time. What the bucket has later than it is known is
// right; of another bucket's values it is not known which are later.
func (k knowledge) lost(made time.Time, has map[string]held) (l loss) {
	another := k.another(made)
	defer func() { // by key; most of what is known is not lost, and need not be sorted
		slices.SortFunc(l.missing, func(a, b savedValue) int { return strings.Compare(a.key, b.key) })
		slices.Sort(l.back)
	}()
	for key, v := range k.values {
		if v.raw == nil {
			continue
		}
		l.of++
		switch h, there := has[key]; {
		case there && h.raw != nil && bytes.Equal(bytes.TrimSpace(h.raw), bytes.TrimSpace(v.raw)):
		case there && !another && h.revision > v.revision:
		case there && another && h.raw == nil:
		default:
			l.missing = append(l.missing, v)
		}
	}
	if another || k.partly {
		return l
	}
	for key, h := range has {
		v, known := k.values[key]
		if h.raw != nil && (known && v.gone && h.revision < v.revision || !known && h.revision <= k.told) {
			l.back = append(l.back, key)
		}
	}
	return l
}

// id names a loss: the same one is asked about and told once, also after a restart.
func (l loss) id(reason string) string {
	h := fnv.New64a()
	fmt.Fprintln(h, reason)
	for _, v := range l.missing {
		fmt.Fprintln(h, v.key, v.revision)
	}
	for _, key := range l.back {
		fmt.Fprintln(h, key)
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
