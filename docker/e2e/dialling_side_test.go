package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"metaflows/docker/phone"
)

// The two sides of a comparison are extensions that do the same with other means.
const (
	appSide  = "app"  // Stasis(metaflows,dial,...), with the fallback
	dialSide = "dial" // Dial(...)
)

// The ways in which an extension may end: the caller of a callee that was not reached learns it by a SIP status.
const (
	byFalling = "fall"   // there is no next priority
	byHangup  = "hangup" // Hangup()
	byCause   = "cause"  // Hangup() with the cause that the dialplan was told
)

// sideLines is the dialplan of both sides. X-Dial has the arguments of Dial(), X-Then those of
// another one behind it, X-Set variables for them; app-fall, dial-cause and so on say where.
var sideLines = "[acme](+)" +
	sideExtension(appSide, "Stasis(metaflows,dial,${WANTED})\n"+
		` same => n,ExecIf($["${STASISSTATUS}"="FAILED"]?Dial(${WANTED}))`, "METAFLOWS_HANGUPCAUSE") +
	sideExtension(dialSide, "Dial(${WANTED})", "HANGUPCAUSE")

func sideExtension(side, dials, cause string) string {
	again, _, _ := strings.Cut(dials, "\n")
	again = strings.ReplaceAll(again, "${WANTED}", "${PJSIP_HEADER(read,X-Then)}")
	return `
exten => _` + side + `-.,1,Set(WANTED=${EVAL(${PJSIP_HEADER(read,X-Dial)})})
 same => n,Verbose(0,begins call=${CHANNEL(pjsip,call-id)} channel=${CHANNEL})
 same => n,GotoIf($["${PJSIP_HEADER(read,X-Set)}"=""]?set)
 same => n,MSet(${EVAL(${PJSIP_HEADER(read,X-Set)})})
 same => n(set),` + dials + `
 same => n,ExecIf($["${PJSIP_HEADER(read,X-Then)}"!=""]?` + again + `)
 same => n,Verbose(0,goes on channel=${CHANNEL} DIALSTATUS=${DIALSTATUS} DIALEDPEERNAME=${DIALEDPEERNAME} DIALEDTIME=${DIALEDTIME} ANSWEREDTIME=${ANSWEREDTIME} CAUSE=${` + cause + `})
 same => n,Goto(${CUT(EXTEN,-,2)})
 same => n(hangup),Hangup()
 same => n(cause),Hangup(${` + cause + `})
 same => n(fall),NoOp()
`
}

// outcome is what can be told of a call: what the caller's dialplan knows, what the phones saw.
type outcome map[string]string

// note adds what was seen; of a case that is played several times, everything that was.
func (o outcome) note(what, seen string) {
	if before, ok := o[what]; ok {
		all := append(strings.Split(before, " | "), seen)
		slices.Sort(all)
		seen = strings.Join(slices.Compact(all), " | ")
	}
	o[what] = seen
}

// differences are lines as "DIALSTATUS: NOANSWER, Dial(): ANSWER".
func (o outcome) differences(dial outcome) (lines []string) {
	both := maps.Clone(o)
	maps.Copy(both, dial)
	for _, what := range slices.Sorted(maps.Keys(both)) {
		if o[what] != dial[what] {
			lines = append(lines, fmt.Sprintf("%s: %s, Dial(): %s", what, cmp.Or(o[what], "-"), cmp.Or(dial[what], "-")))
		}
	}
	return lines
}

// scene is one side of a case being played.
type scene struct {
	*lab
	diallingCase
	side    string
	phones  map[string]*phone.Phone
	outcome outcome
}

// dials begins the call of the case.
func (s *scene) dials(end string) (*phone.Call, error) {
	caller := s.phones[cmp.Or(s.from, "alice")]
	return caller.Dial(s.ctx, s.set+s.side+"-"+end, phone.WithHeader("X-Dial", s.dial), phone.WithHeader("X-Then", s.then), phone.WithHeader("X-Set", s.vars))
}

// call begins the call of the case.
func (s *scene) call() *phone.Call {
	s.Helper()
	a, err := s.dials(byHangup)
	s.must(err)
	return a
}

// rings is the next call of a phone, ringing or not.
func (s *scene) rings(name string) *phone.Call {
	s.Helper()
	c, err := s.phones[name].Incoming(s.soon(10 * time.Second))
	s.must(err)
	return c
}

// answered is the next call of a phone, answered.
func (s *scene) answered(name string) *phone.Call {
	s.Helper()
	return s.incoming(s.phones[name])
}

// talk waits until two calls hear each other, and with the application until the caller's channel has been told of the
// answer, which takes some milliseconds more.
func (s *scene) talk(a, b *phone.Call) {
	s.Helper()
	s.lab.talk(a, b)
	caller := a
	if a.Incoming() {
		caller = b
	}
	s.told(caller)
}

// told waits with the application until the caller's channel has been told of the answer.
func (s *scene) told(caller *phone.Call) {
	s.Helper()
	if s.side == dialSide {
		return
	}
	told := s.soon(5 * time.Second)
	for !s.toldAnswer(caller) {
		select {
		case <-told.Done():
			s.Fatalf("%s: its channel is not told of the answer", caller)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// toldAnswer says whether a caller's channel knows that it is answered.
func (s *scene) toldAnswer(c *phone.Call) bool {
	s.Helper()
	return s.variable(c, "DIALSTATUS") == "ANSWER"
}

// variable reads a variable or function of a phone's channel.
func (s *scene) variable(c *phone.Call, name string) string {
	s.Helper()
	var channels []struct {
		ID         string
		ProtocolID string `json:"protocol_id"`
	}
	_, text, err := s.ask("/channels")
	s.must(err)
	s.must(json.Unmarshal([]byte(text), &channels))
	for _, ch := range channels {
		if ch.ProtocolID == c.ID() {
			_, text, err := s.ask("/channels/" + ch.ID + "/variable?variable=" + url.QueryEscape(name))
			s.must(err)
			var answer struct{ Value string }
			s.must(json.Unmarshal([]byte(text), &answer))
			return answer.Value
		}
	}
	s.Fatalf("%s has no channel", c)
	return ""
}

// over waits for the end of a call and notes what its dialplan learned.
func (s *scene) over(a *phone.Call) outcome {
	s.Helper()
	learned, err := s.learned(a)
	s.must(err)
	for what, value := range learned {
		if what != "ANSWEREDTIME" { // depends on the second
			s.outcome.note(what, value)
		}
	}
	code, _ := a.Status()
	s.outcome.note("SIP status", strconv.Itoa(code))
	return learned
}

var (
	begins  = regexp.MustCompile(`begins call=(\S+) channel=(\S+)`)
	goesOn  = regexp.MustCompile(`goes on channel=(\S+) DIALSTATUS=(\S*) DIALEDPEERNAME=(\S*) DIALEDTIME=(\S*) ANSWEREDTIME=(\S*) CAUSE=(\d*)`)
	hangsUp = regexp.MustCompile(`app_verbose.c: h channel=(\S+) DIALSTATUS=(\S*) DIALEDPEERNAME=(\S*) METAFLOWS_ANSWERED=\d* ANSWEREDTIME=(\d*) HANGUPCAUSE=(\d*)`)
	serial  = regexp.MustCompile(`-[0-9a-f]{8}(;[12])?$`)
)

// learned waits for the end of a caller's call and reads from Asterisk's log what the caller's dialplan knew: where it went
// on, and else in its extension h.
func (l *lab) learned(a *phone.Call) (outcome, error) {
	if err := a.WaitEnded(l.ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(l.ctx, 5*time.Second)
	defer cancel()
	for {
		var channel string
		learned := outcome{"goes on": "no"}
		for line := range strings.Lines(l.Server.Log()[l.lines:]) {
			if m := begins.FindStringSubmatch(line); len(m) > 1 && m[1] == a.ID() {
				channel = m[2]
			}
			if m := goesOn.FindStringSubmatch(line); len(m) > 1 && m[1] == channel {
				learned = outcome{"goes on": "yes", "DIALSTATUS": m[2], "DIALEDPEERNAME": serial.ReplaceAllString(m[3], ""), "DIALEDTIME": m[4], "ANSWEREDTIME": m[5], "HANGUPCAUSE": m[6]}
			}
			if m := hangsUp.FindStringSubmatch(line); len(m) > 1 && m[1] == channel {
				if learned["goes on"] == "no" {
					learned["DIALSTATUS"], learned["DIALEDPEERNAME"] = m[2], serial.ReplaceAllString(m[3], "")
					learned["ANSWEREDTIME"], learned["HANGUPCAUSE"] = m[4], m[5]
				}
				return learned, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: Asterisk's log has no end of channel %q", a, channel)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// waits lets the caller wait for the end of its call, once for each way in which the extension may end.
func (s *scene) waits() error {
	var calls sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for _, end := range []string{byFalling, byHangup, byCause} {
		calls.Go(func() {
			a, err := s.dials(end)
			var learned outcome
			if err == nil {
				learned, err = s.learned(a)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = errors.Join(failed, err)
				return
			}
			for what, value := range learned {
				s.outcome.note(what, value)
			}
			code, _ := a.Status()
			s.outcome.note(map[string]string{
				byFalling: "SIP status at the extension's end", byHangup: "SIP status after Hangup()", byCause: "SIP status after Hangup(cause)",
			}[end], strconv.Itoa(code))
		})
	}
	calls.Wait()
	return failed
}

// compare plays both sides of a case, which shall differ as is known and in nothing else.
func (c diallingCase) compare(l *lab) {
	if c.codes {
		l.document("acme", twoCodes)
	}
	if c.vars != "" {
		l.writeWarning()
	}
	phones := map[string]*phone.Phone{}
	for _, name := range append(slices.Collect(maps.Keys(c.phones)), cmp.Or(c.from, "alice")) {
		phones[name] = l.phone(name)
	}
	for name, behaviour := range c.phones {
		phones[name].Behave(behaviour)
	}
	l.steadily("beside Dial()", func() error {
		app := &scene{lab: l, diallingCase: c, side: appSide, phones: phones, outcome: outcome{}}
		dial := &scene{lab: l, diallingCase: c, side: dialSide, phones: phones, outcome: outcome{}}
		c.playBoth(app, dial)
		if len(dial.outcome) == 0 {
			l.Error("nothing was compared")
		}
		l.Logf("Dial(): %v", map[string]string(dial.outcome))
		if differences := app.outcome.differences(dial.outcome); !slices.Equal(differences, c.differs) {
			return fmt.Errorf("differs in\n  %s\nexpected are\n  %s", strings.Join(differences, "\n  "), strings.Join(c.differs, "\n  "))
		}
		return nil
	})
}

// playBoth plays a case on both sides: what has a script one after the other.
func (c diallingCase) playBoth(app, dial *scene) {
	if c.play == nil {
		var sides sync.WaitGroup
		var failed [2]error
		sides.Go(func() { failed[0] = app.waits() })
		sides.Go(func() { failed[1] = dial.waits() })
		sides.Wait()
		app.must(errors.Join(failed[:]...))
		return
	}
	for _, s := range []*scene{app, dial} {
		c.play(s)
		s.nothingLeft()
		for _, p := range s.phones {
			p.ForgetIncoming()
		}
	}
}
