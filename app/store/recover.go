package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

const storeTimeout = 5 * time.Second // for one value to be stored again

// extent is how far a bucket's messages go, as NATS says.
type extent struct {
	first, last uint64
	messages    uint64
	lost        bool // NATS could not read some when it was started
}

func (m *mirror) extent(ctx context.Context) (e extent, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	msg, err := m.conn.RequestWithContext(ctx, "$JS.API.STREAM.INFO.KV_"+m.bucket, nil)
	if err != nil {
		return e, err
	}
	var info struct {
		Error *jetstream.APIError `json:"error"`
		State struct {
			Messages uint64          `json:"messages"`
			First    uint64          `json:"first_seq"`
			Last     uint64          `json:"last_seq"`
			Lost     json.RawMessage `json:"lost"`
		} `json:"state"`
	}
	if err := json.Unmarshal(msg.Data, &info); err != nil {
		return e, err
	}
	if info.Error != nil {
		return e, info.Error
	}
	return extent{info.State.First, info.State.Last, info.State.Messages, info.State.Lost != nil}, nil
}

// settle holds what is known against what the bucket has. Where the bucket has all of it, memory becomes what the bucket has.
// Else, what our own server has lost is stored again, and again is true; where somebody may have meant it, that is asked, and
// memory keeps what is known.
func (m *mirror) settle(ctx context.Context, look *look) (again bool, err error) {
	reach, err := m.extent(ctx)
	if err != nil {
		return false, err
	}
	look.messages = reach.messages
	m.mu.Lock()
	before, turn := look.start, m.turn
	if m.doubt != nil {
		before = m.doubt.before
	}
	m.mu.Unlock()
	d := &doubt{loss: before.lost(look.bucket.Made, look.has), before: before}
	if d.loss.none() {
		if err := m.settled(); err != nil {
			return false, err
		}
		m.adopt(look, nil)
		return false, nil
	}
	d.reason = m.reason(before, look.bucket.Made, reach, m.sameTurn(turn, before.another(look.bucket.Made)))
	reason, asked := m.asked()
	if asked {
		d.reason = reason
	}
	d.id = d.loss.id(d.reason)
	switch {
	case m.own && !asked && (d.reason == wasDamaged || d.reason == wasLost):
		return true, m.restore(ctx, look, d, true)
	case m.file == "": // nobody could be asked after a restart
		m.log.Error("NATS does not have what was known, which is kept nowhere: it holds no longer", "bucket", m.bucket,
			"reason", d.reason, "missing", len(d.loss.missing), "known", d.loss.of, "back", len(d.loss.back),
			"do", "store it again by the API; with a METAFLOWS_DATA_DIR that can be written it is kept")
		m.tellOf(d, "dropped")
		m.adopt(look, nil)
		return false, nil
	}
	return m.undecided(ctx, look, d)
}

// reason is why a bucket lacks what is known. Our own server's is damaged, unless somebody must have done something.
func (m *mirror) reason(before knowledge, made time.Time, reach extent, same bool) string {
	another := before.another(made)
	switch {
	case m.own && !same:
		return isOlder
	case m.own && another:
		return wasLost
	case another:
		return isAnother
	case reach.last < before.told && !m.own:
		return isOlder
	case reach.first > before.told && !reach.lost && reach.last >= before.told && before.told > 0, !m.own:
		return wasPurged
	}
	return wasDamaged
}

// undecided asks which copy is right, or acts on the answer.
func (m *mirror) undecided(ctx context.Context, look *look, d *doubt) (again bool, err error) {
	switch m.answer(d) {
	case "file":
		m.log.Warn("it was decided that what the file holds is right; it is stored", "bucket", m.bucket, "file", m.file)
		return true, m.restore(ctx, look, d, false)
	case "bucket":
		m.log.Warn("it was decided that what NATS holds is right", "bucket", m.bucket, "file", m.file)
		if err = m.putAside(os.Rename); err == nil {
			err = m.settled()
		}
		if err == nil {
			m.adopt(look, nil)
		}
		return false, err
	}
	d.said = fmt.Sprintf("NATS does not have %d of %d %s that are known (%s), and has %d that were deleted: what was known last holds, "+
		"and changes are refused, until it is decided which is right: metaflows documents recover --from file|bucket",
		len(d.loss.missing), d.loss.of, m.what, d.reason, len(d.loss.back))
	news, err := m.ask(look, d)
	if err != nil {
		return false, fmt.Errorf("%w; that cannot be asked: %w", d, err)
	}
	m.adopt(look, d)
	if m.doubted != d.id {
		m.doubted = d.id
		m.log.Error("it must be decided which is right, the file or NATS: metaflows documents recover --from file|bucket", "bucket", m.bucket,
			"file", m.file, "reason", d.reason, "missing", len(d.loss.missing), "known", d.loss.of, "back", len(d.loss.back),
			"do", "metaflows documents recover --from file|bucket")
	}
	if news {
		m.tellOf(d, "undecided")
	}
	return false, nil
}

// restore stores what is known into the bucket that lacks it, and deletes again what is back. Both copies are kept aside.
func (m *mirror) restore(ctx context.Context, look *look, d *doubt, damaged bool) error {
	if m.restored != d.id {
		if damaged {
			m.log.Error("NATS has lost what it held; what was known last is stored again", "bucket", m.bucket,
				"reason", d.reason, "missing", len(d.loss.missing), "known", d.loss.of, "back", len(d.loss.back),
				"do", "look after the disk of NATS; here nothing is to be done")
		}
		if err := m.keepBoth(look); err != nil {
			return err
		}
		m.restored = d.id
	}
	for n, v := range d.loss.missing {
		if err := m.restoreOne(ctx, v.key, v.raw, look.has[v.key].revision); err != nil {
			return err
		}
		if m.restoring != nil {
			m.restoring(n + 1)
		}
	}
	for _, key := range d.loss.back {
		if err := m.restoreOne(ctx, key, nil, look.has[key].revision); err != nil {
			return err
		}
	}
	if damaged {
		m.tellOf(d, "refilled")
	}
	return nil
}

// restoreOne stores a value over what the bucket had when it was looked at; what has been changed since stays.
func (m *mirror) restoreOne(ctx context.Context, key string, raw []byte, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, err := m.publish(ctx, key, raw, jetstream.WithExpectLastSequencePerSubject(revision))
	if err != nil && !wrongSequence(err) {
		return fmt.Errorf("refill bucket %s: %w", m.bucket, broker.Explain(err))
	}
	return nil
}

// keepBoth keeps a copy of the file, and of what the bucket holds in a file of the same form.
func (m *mirror) keepBoth(look *look) error {
	if m.file == "" {
		return nil
	}
	if err := m.putAside(copyFile); err != nil {
		return err
	}
	s := saved{head: head{at: time.Now()}}
	for _, key := range slices.Sorted(maps.Keys(look.has)) {
		if h := look.has[key]; h.raw != nil {
			s.values = append(s.values, savedValue{key: key, raw: h.raw, revision: h.revision})
		}
	}
	aside := asideOf(m.file + ".bucket")
	if _, err := writeSaved(aside, s); err != nil {
		return err
	}
	m.log.Warn("what NATS holds is kept aside", "file", aside)
	return nil
}

// adopt makes memory what the bucket has. In doubt, what is known and the bucket lacks stays, and what is back stays away. What
// was changed since the look began is later, and comes by the watch.
func (m *mirror) adopt(look *look, d *doubt) {
	apart := map[string]bool{}
	if d != nil {
		for _, v := range d.loss.missing {
			apart[v.key] = true
		}
		for _, key := range d.loss.back {
			apart[key] = true
		}
	}
	var changed []string
	problems := map[string]error{}
	m.mu.Lock()
	anew := !m.loaded || m.doubt != nil || !m.created.Equal(look.bucket.Made) // revisions may count back
	m.created, m.doubt, m.partly = look.bucket.Made, d, false
	put := func(key string, raw []byte, revision uint64) {
		news, err := m.put(key, raw, revision)
		if news {
			changed = append(changed, key)
		}
		if err != nil {
			problems[key] = err
		}
	}
	m.highest = look.to
	for key, h := range look.has {
		now, known := m.revisions[key]
		if since := known && now != look.start.values[key].revision; apart[key] || h.revision <= now && (since || !anew) {
			continue
		}
		put(key, h.raw, h.revision)
	}
	for key, now := range m.revisions {
		before, was := look.start.values[key]
		if _, there := look.has[key]; there || apart[key] || !was || before.revision != now {
			m.highest = max(m.highest, now)
			continue
		}
		put(key, nil, 0)
		delete(m.revisions, key)
		m.marked(key, false)
	}
	if m.told = look.to; m.news != nil {
		close(m.news)
		m.news = nil
	}
	if anew {
		m.kept.rewrite = true
		m.dirtied()
	}
	m.mu.Unlock()
	for key, err := range problems {
		m.log.Error("a stored value is not valid and has no effect", "bucket", m.bucket, "key", key, "error", err,
			"do", "store it again by the API, or delete it")
	}
	for _, key := range changed {
		if m.changed != nil {
			m.changed(key)
		}
	}
}

// tellOf publishes what became of a loss.
func (m *mirror) tellOf(d *doubt, result string) {
	if m.publisher == nil {
		return
	}
	path := m.prefix
	if m.file != "" {
		path = filepath.Base(m.file)
	}
	m.publisher.Publish(calls.Notice{
		Type: "documents.damaged", ID: "damaged:" + m.prefix + ":" + d.id + ":" + result, Time: time.Now(),
		Path: path, Result: result, Reason: d.reason, Count: int64(len(d.loss.missing) + len(d.loss.back)),
	})
}
