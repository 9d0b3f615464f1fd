package flows

import (
	"cmp"
	"slices"
)

// Await says which keys are awaited of the leg besides the codes of documents, or instead of them where alone is set; the first
// goes before the others. since is what Pressed said when each began to be awaited, nil: all of them begin now. How they count
// is told in flows/README.md, Awaited keys.
func (k *Keypad) Await(keys []string, since []int, alone bool) {
	if k.closed {
		return
	}
	if since == nil {
		since = slices.Repeat([]int{k.Pressed()}, len(keys))
	}
	if k.awaited, k.since, k.alone = keys, since, alone; len(keys) == 0 {
		k.typed = k.typed[:0]
	}
}

// Pressed is how many keys were pressed.
func (k *Keypad) Pressed() int { return k.gone + len(k.held) }

// give lets the last key, which is held, count for what is awaited and no temporary code: for several keys, and where no code
// is being pressed for one. It says whether it did; then the key is never relayed.
func (k *Keypad) give(one bool) bool {
	last := len(k.held) - 1
	if !k.held[last].plain() {
		return false
	}
	for i, keys := range k.awaited {
		first := k.Pressed() - len(keys)
		if len(keys) == 1 && !one || len(keys) > 1 && k.binds(keys[0]) || first < k.since[i] || !k.endsWith(keys) {
			continue
		}
		k.held[last].awaited = true
		k.report.Awaited(keys, first)
		return true
	}
	return false
}

// binds says whether a key is the binding digit of anybody who may have temporary codes.
func (k *Keypad) binds(key byte) bool {
	return slices.ContainsFunc(k.collectors, func(c *Collector) bool {
		eff := c.Source()
		return eff != nil && key == eff.BindingDigit && (c.Self || c.Looks(eff))
	})
}

// endsWith says whether what was pressed and is part of no code ends with keys.
func (k *Keypad) endsWith(keys string) bool {
	for i := range len(keys) {
		key := keys[len(keys)-1-i]
		held, typed := len(k.held)-1-i, len(k.held)+len(k.typed)-1-i
		switch {
		case held >= 0:
			if !k.held[held].plain() || k.held[held].key != key {
				return false
			}
		case typed < 0 || k.typed[typed] != key:
			return false
		}
	}
	return keys != ""
}

// letGo notes a key that no sequence can use any more, as far as anything is awaited.
func (k *Keypad) letGo(h heldKey) {
	switch {
	case len(k.awaited) == 0:
		return
	case !h.plain():
		k.typed = k.typed[:0]
		return
	case len(k.typed) == maxKeys:
		k.typed = append(k.typed[:0], k.typed[1:]...)
	}
	k.typed = append(k.typed, h.key)
}

// kindAwaited is the kind of the match of a temporary code, and noEntry says of a number that it is one.
const (
	kindAwaited = "awaited"
	noEntry     = -1
)

// temporary are the codes among what is awaited: without the binding digit, sorted, each once.
func temporary(awaited []string, binding byte) (codes []effNumber) {
	for _, keys := range awaited {
		if len(keys) > 1 && len(keys) <= maxKeys+1 && keys[0] == binding {
			codes = append(codes, effNumber{keys[1:], noEntry})
		}
	}
	slices.SortFunc(codes, byKey)
	return slices.CompactFunc(codes, func(a, b effNumber) bool { return a.key == b.key })
}

// behind gives the documents as they are while there are temporary codes, which go before theirs; without their own codes
// where alone is set.
func (e *Effective) behind(codes []effNumber, alone bool) *Effective {
	b := *e
	if alone {
		b.codes, b.searches, b.sizes = nil, nil, runSizes{}
	}
	b.codes = slices.DeleteFunc(slices.Clone(b.codes), func(n effNumber) bool {
		_, replaced := slices.BinarySearchFunc(codes, n, byKey)
		return replaced
	})
	b.codes = append(b.codes, codes...)
	slices.SortFunc(b.codes, byKey)
	return &b
}

func byKey(a, b effNumber) int { return cmp.Compare(a.key, b.key) }
