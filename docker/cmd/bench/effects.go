package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"metaflows/docker/pbx"
	"metaflows/docker/phone"
	"metaflows/docker/rig"
	"metaflows/flows/calls"
)

// effects measures codes from the last digit to the effect, as bench latency does, beside the calls of a load. Its calls are
// between phones of their own, some at once.
type effects struct {
	*load
	lanes []*lane
	files *folders
	made  *rig.Seen[appeared]

	mu     sync.Mutex
	took   map[string]*[2]times // by the code's name, of both sides
	missed [2]int
}

// lane is who makes calls one after another.
type lane struct {
	number                int
	presser, peer, target *phone.Phone
}

const lanes = 4

// effectCodes are those of bench latency whose effect is no tone; the target of the transfer is the lane's.
var effectCodes = codes[:3]

// effectsOptions gives Asterisk the lanes' phones and numbers: probe-<lane> by metaflows, plain-<lane> by Dial(). A recording
// of Dial() has the caller's SIP Call-ID as its name, one of metaflows the call as its folder.
func effectsOptions() pbx.Options {
	var dialplan, targets, accounts strings.Builder
	dialplan.WriteString("\n[acme](+)\n")
	targets.WriteString("\n[targets]\n")
	for n := range lanes {
		fmt.Fprintf(&dialplan, "exten => probe-%d,1,Stasis(metaflows,dial,PJSIP/peer%d,30)\n", n, n)
		fmt.Fprintf(&dialplan, "exten => plain-%d,1,Set(__TRANSFER_CONTEXT=targets)\n", n)
		fmt.Fprintf(&dialplan, " same => n,Set(__TOUCH_MIXMONITOR=${CHANNEL(pjsip,call-id)})\n same => n,Dial(PJSIP/peer%d,30,tThHxX)\n", n)
		target := fmt.Sprintf("exten => 310%d,1,Dial(PJSIP/target%d,30)\n", n, n)
		dialplan.WriteString(target)
		targets.WriteString(target)
		for _, kind := range []string{"presser", "peer", "target"} {
			name := fmt.Sprint(kind, n)
			fmt.Fprintf(&accounts, "\n[%[1]s](phone)\ncontext = acme\ncallerid = <310%[2]d>\nauth = %[1]s\naors = %[1]s\nset_var = METAFLOWS_ACCOUNT=acme\n"+
				"set_var = METAFLOWS_USER=%[1]s\nset_var = METAFLOWS_DEVICE=%[1]s-desk\nset_var = METAFLOWS_CONTEXT=acme\n"+
				"[%[1]s]\ntype = auth\nauth_type = digest\nusername = %[1]s\npassword = %[1]s\n[%[1]s]\ntype = aor\nmax_contacts = 1\n", name, n)
		}
	}
	return pbx.Options{Append: map[string]string{
		"extensions.conf": dialplan.String() + targets.String(), "features.conf": latencyFeatures, "pjsip.conf": accounts.String(),
	}}
}

// newEffects registers the phones and gives their callers codes, which no other phone of the account has.
func (l *load) newEffects(ctx context.Context) (e *effects, err error) {
	e = &effects{load: l, made: rig.NewSeen[appeared](), took: map[string]*[2]times{}}
	for _, c := range effectCodes {
		e.took[c.name] = &[2]times{}
	}
	for n := range lanes {
		lane := &lane{number: n}
		for kind, p := range map[string]**phone.Phone{"presser": &lane.presser, "peer": &lane.peer, "target": &lane.target} {
			if *p, err = l.Phone(ctx, fmt.Sprint(kind, n), effectTones[kind]); err != nil {
				return e, err
			}
			l.held.phones = append(l.held.phones, *p)
		}
		e.lanes = append(e.lanes, lane)
		path := fmt.Sprintf("/v2/accounts/acme/devices/presser%d-desk/metaflows", n)
		if _, err := l.Program.Request(ctx, "POST", path, latencyDocument); err != nil {
			return e, err
		}
	}
	e.files, err = watchFolders(l.Asterisk.RecordingDir, filepath.Join(filepath.Dir(l.Asterisk.RecordingDir), "monitor"))
	return e, err
}

// effectTones are what the lanes' phones send, in Hz.
var effectTones = map[string]float64{"presser": 440, "peer": 620, "target": 860}

// run measures each code on both sides, and returns when all lanes have done their part.
func (e *effects) run(ctx context.Context) error {
	go func() {
		for file := range e.files.seen { // ends with the process
			e.made.Add(file)
		}
	}()
	var all sync.WaitGroup
	failed := make([]error, len(e.lanes))
	for i, lane := range e.lanes {
		all.Go(func() { failed[i] = e.alternate(ctx, lane) })
	}
	all.Wait()
	return errors.Join(failed...)
}

// alternate makes a lane's calls: codes and sides in turns, each lane beginning with another code.
func (e *effects) alternate(ctx context.Context, lane *lane) error {
	for n := range 1 + (e.runs+lanes-1)/lanes {
		for i := range effectCodes {
			c := effectCodes[(i+lane.number)%len(effectCodes)]
			for side := range sides {
				took, err := e.once(ctx, lane, c, side)
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				e.mu.Lock()
				switch {
				case err != nil:
					e.missed[side]++
					fmt.Fprintf(e.out, "%s by %s: %v\n", c.name, sides[side].name, err)
				case n > 0: // the first is to warm up
					e.took[c.name][side] = append(e.took[c.name][side], took)
				}
				tooMany := e.missed[side] > max(3, e.runs/10)
				e.mu.Unlock()
				if err != nil && tooMany {
					return fmt.Errorf("too many codes by %s had no effect, the last: %w", sides[side].name, err)
				}
			}
		}
	}
	return nil
}

// once is one call with one code in it.
func (e *effects) once(ctx context.Context, lane *lane, c code, side int) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 15*time.Second, errors.New("waited for 15s"))
	defer cancel()
	defer func() { err = errors.Join(err, lane.clear()) }()
	p, err := call(ctx, lane.presser, fmt.Sprintf("%s-%d", []string{"probe", "plain"}[side], lane.number), lane.peer)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(p.caller.WaitTone(ctx, effectTones["peer"]), p.callee.WaitTone(ctx, effectTones["presser"])); err != nil {
		return 0, err
	}
	if c.name == "transfer" {
		c.keys = fmt.Sprintf("*2310%d", lane.number)
	}
	files, _ := e.made.Since(0)
	events, _ := e.auditor.Since(0)
	took, _, err = effectOf(ctx, p.caller, c, func() (time.Time, error) {
		switch c.name {
		case "hangup":
			return (*latencyBench)(nil).hungUp(ctx, p)
		case "transfer":
			target, err := lane.target.Incoming(ctx)
			at := time.Now()
			if err != nil {
				return at, err
			}
			return at, p.callee.WaitTone(ctx, effectTones[target.Phone().Name()[:len("target")]])
		}
		return e.recorded(ctx, p.caller.ID(), side, len(files), len(events))
	})
	if err != nil {
		err = fmt.Errorf("%w; its events: %s", err, e.story(p.caller.ID(), len(events)))
	}
	return took, err
}

// story tells the events about a caller from a position on, for errors.
func (e *effects) story(call string, from int) string {
	list, _ := e.auditor.Since(from)
	told := []string{}
	for _, n := range list {
		if n.SIPCallID == call {
			told = append(told, rig.Tell(n))
		}
	}
	return strings.Join(told, ", ")
}

// recorded waits for the file of a call's recording.
func (e *effects) recorded(ctx context.Context, call string, side, files, events int) (time.Time, error) {
	if side == 0 {
		event, _, err := e.auditor.Await(ctx, events, func(n calls.Notice) bool { return n.Type == "recording.started" && n.SIPCallID == call })
		if err != nil {
			return time.Time{}, err
		}
		call = event.Call
	}
	file, _, err := e.made.Await(ctx, files, func(f appeared) bool { return strings.HasSuffix(f.path, ".wav") && strings.Contains(f.path, call) })
	return file.at, err
}

// clear ends what a lane's phones are in.
func (l *lane) clear() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, p := range []*phone.Phone{l.presser, l.peer, l.target} {
		for _, c := range p.Calls() {
			_ = c.Hangup(ctx)
		}
		p.ForgetIncoming()
	}
	return ctx.Err()
}

// tell prints what was measured.
func (e *effects) tell() (list []figure) {
	const goal = 8 * time.Millisecond
	for _, c := range effectCodes {
		took := e.took[c.name]
		list = append(list, quantiles(fmt.Sprintf("%s: %s, beside %d calls", c.name, c.effect, e.size), took[0], took[1])...)
		verdict := "reached"
		if took[0].quantile(0.99) > goal {
			verdict = "MISSED"
		}
		for side, s := range sides {
			fmt.Fprintf(e.out, "  %-10s %-14s %d times; from the last digit's end to %s p50 %s, p99 %s, most %s\n", c.name, s.name, len(took[side]),
				c.effect, milliseconds(took[side].median()), milliseconds(took[side].quantile(0.99)), milliseconds(took[side].quantile(1)))
		}
		fmt.Fprintf(e.out, "  %-10s goal for p99 by metaflows <= %s: %s\n", "", milliseconds(goal), verdict)
	}
	return append(list, figure{"codes without an effect, of " + fmt.Sprint(e.runs*len(effectCodes)), "", float64(e.missed[0]), 0})
}

func (e *effects) close() {
	if e != nil && e.files != nil {
		e.files.close()
	}
}
