package events

import (
	"crypto/rand"
	"time"

	"metaflows/app/broker"
	"metaflows/flows/calls"
)

// reportPause is from one events.lost to the next.
const reportPause = 10 * time.Second

// lose counts a notice that is lost, and says whether it is the first since the last events.lost.
func (p *Publisher) lose() (first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.loseLocked()
}

func (p *Publisher) loseLocked() (first bool) {
	first = p.lost == 0
	p.lost++
	p.total++
	return first
}

// reportLoss queues an events.lost for what was lost before, not too often. The caller holds the lock.
func (p *Publisher) reportLoss() {
	if p.lost == 0 || !p.closed && time.Since(p.reported) < reportPause {
		return
	}
	p.reported = time.Now()
	time.AfterFunc(reportPause, p.signal) // for what is lost meanwhile
	lost := calls.Notice{Type: "events.lost", ID: rand.Text(), Time: time.Now(), Node: p.cfg.Node, Count: p.lost}
	p.enqueue(notice{Notice: lost})
	p.cfg.Log.Error("events were lost", "count", p.lost,
		"do", "tell who evaluates events that they lack these, Asterisk's call records have the calls; see above why")
	p.lost = 0
}

// overShare says whether an account whose events are refused has as many waiting as there is room left. Else it would in
// the end take the room of those whose events pass.
func (d *delivery) overShare(account string) bool {
	a := d.lanes.accounts[account]
	return a != nil && a.refused && d.stream != nil && !d.failing && a.notices >= d.cfg.Limit-d.Backlog()
}

// drop loses a notice of an account that has too many waiting.
func (d *delivery) drop(account string) {
	d.backlog.Add(-1)
	if d.lose() {
		d.cfg.Log.Error("an account's events are being lost: too many wait that are refused", "account", account,
			"do", "let NATS take what metaflows publishes on "+broker.PublishSubject("metaflows.v1.event."+broker.Token(account)+".>")+"; why it does not stands above, where they begin to wait")
	}
}

// discard gives up a notice that no stream will ever take.
func (d *delivery) discard(l *lane, why, do string) {
	d.cfg.Log.Error("an event is lost", "reason", why, "subject", subject(l.waiting[0].Notice), "do", do)
	d.lose()
	d.done(l)
	d.signal() // for events.lost
}
