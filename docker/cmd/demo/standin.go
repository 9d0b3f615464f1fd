package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"metaflows/docker/phone"
)

// standInNames are the phones that answer by themselves, so that one softphone is enough to try things.
var standInNames = []string{"carol", "dave", "mallory", "outside"}

// standIns are phones that answer by themselves. One is closed when somebody else registers as it, and comes back when
// that phone has gone.
type standIns struct {
	system *system
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup

	phones    map[string]*phone.Phone // of the goroutine that minds them, as what follows
	addresses []string                // of all that ever were
}

// startStandIns registers the phones; they live until close.
func startStandIns(ctx context.Context, s *system) (*standIns, error) {
	all := &standIns{system: s, phones: map[string]*phone.Phone{}}
	all.ctx, all.stop = context.WithCancel(ctx)
	for _, name := range standInNames {
		if err := all.register(name); err != nil {
			all.close()
			return nil, err
		}
	}
	all.wg.Go(all.mind)
	return all, nil
}

// close ends the phones and their calls.
func (all *standIns) close() {
	all.stop()
	all.wg.Wait()
	for _, p := range all.phones {
		_ = p.Close()
	}
}

func (all *standIns) register(name string) error {
	ctx, cancel := soon(all.ctx)
	defer cancel()
	p, err := all.system.phone(ctx, name)
	if err != nil {
		return err
	}
	p.Behave(phone.AnswerAfter(time.Second))
	all.phones[name] = p
	all.addresses = append(all.addresses, p.Addr())
	all.wg.Go(func() { all.answer(p) })
	return nil
}

// mind gives way to others.
func (all *standIns) mind() {
	for next := 0; ; {
		e, after, err := all.system.witness.Await(all.ctx, next, func(e effect) bool { return e.kind == "ContactStatusChange" })
		if err != nil {
			return
		}
		next = after
		name, contact := e.about, e.event.Contact
		if slices.ContainsFunc(all.addresses, func(ours string) bool { return strings.Contains(contact.URI, ours) }) {
			continue
		}
		p := all.phones[name]
		switch gone := contact.Status == "Removed"; {
		case !gone:
			if contact.Status != "Updated" { // which it is every few minutes
				all.system.line.saw(e.at, name, "registers")
			}
			if p != nil {
				delete(all.phones, name)
				all.wg.Go(func() { _ = p.Close() })
			}
		default:
			all.system.line.saw(e.at, name, "has gone")
			if p == nil && slices.Contains(standInNames, name) {
				if err := all.register(name); err != nil && all.ctx.Err() == nil {
					all.system.line.remark(time.Now(), err.Error())
				}
			}
		}
	}
}

// answer tells what becomes of a phone's calls.
func (all *standIns) answer(p *phone.Phone) {
	for {
		c, err := p.Incoming(all.ctx)
		if err != nil {
			return
		}
		all.system.line.saw(time.Now(), p.Name(), "rings")
		all.wg.Go(func() { all.follow(p.Name(), c) })
	}
}

func (all *standIns) follow(name string, c *phone.Call) {
	saw := all.system.line.saw
	answered, told := c.Answered(), 0
	for {
		select {
		case <-answered:
			saw(time.Now(), name, "answers")
			answered = nil
		case <-c.Ended():
			saw(time.Now(), name, "is free again")
			return
		case <-all.ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
		heard := c.DigitEvents()
		for ; told < len(heard); told++ {
			saw(heard[told].Begin, name, "hears "+string(heard[told].Key))
		}
	}
}
