package e2e

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"metaflows/app/config"
	"metaflows/app/doctor"
	"metaflows/docker/pbx"
	"metaflows/docker/phone"
)

// stopCodes has codes of one key and of five.
const stopCodes = `{"numbers":{"9":{"module":"record_call"},"0":{"module":"hangup"}},"patterns":{"2(\\d{4})":{"module":"transfer"}}}`

// The program stops while the keys of a leg are kept from the other party, in each way in which they can be: what waits is
// passed on, and whatever is typed afterwards is heard.
func TestStopGivesTheKeysBack(t *testing.T) {
	t.Parallel()
	fast := phone.Press{Digit: 60 * time.Millisecond, Gap: 40 * time.Millisecond}
	for _, tt := range []struct {
		name   string
		before string
		how    phone.Press
		after  string
		want   string
	}{
		{"armed", "*", phone.Press{}, "4711", "*4711"},
		{"in mid-code", "*21", phone.Press{}, "234", "*21234"},
		{"draining", "*5566778899", fast, "1", "*55667788991"},
		{"recorded", "*9*2", phone.Press{}, "1234", "**21234"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := ownProcess(t)
			o.document("acme", stopCodes)
			alice, bob := o.phone("alice"), o.phone("bob")
			o.steadily(tt.name, func() error {
				a, b := o.call(alice, "1002", bob)
				o.press(b, tt.before, tt.how)
				o.event("code.armed", 1)
				o.must(o.program.Stop())
				o.press(b, tt.after)
				heard := a.WaitDigits(o.soon(15*time.Second), tt.want)
				o.talk(a, b)
				o.hangUp(a)
				o.ended(b)
				o.again()
				return heard
			})
			o.nothingLeft()
		})
	}
	t.Run("both, who type on", func(t *testing.T) {
		o := ownProcess(t)
		o.document("acme", stopCodes)
		alice, bob := o.phone("alice"), o.phone("bob")
		o.steadily("both type on", func() error {
			a, b := o.call(alice, "1002", bob)
			o.press(a, "*")
			o.press(b, "*")
			o.event("code.armed", 2)
			var both sync.WaitGroup
			both.Go(func() { o.press(a, "55112233") })
			both.Go(func() { o.press(b, "66445566") })
			both.Go(func() { o.must(o.program.Stop()) })
			both.Wait()
			o.press(a, "7")
			o.press(b, "8")
			heard := errors.Join(b.WaitDigits(o.soon(15*time.Second), "*551122337"), a.WaitDigits(o.soon(15*time.Second), "*664455668"))
			o.hangUp(b)
			o.ended(a)
			o.again()
			return heard
		})
		o.nothingLeft()
	})
}

// The program is killed while a code is typed: the doctor gives the keys back, but does nothing as long as somebody is
// connected.
func TestDoctorGivesTheKeysBack(t *testing.T) {
	t.Parallel()
	o := ownProcess(t)
	o.document("acme", stopCodes)
	a, b := o.call(o.phone("alice"), "1002", o.phone("bob"))
	var cfg config.Config
	cfg.ARI.URL, cfg.ARI.Username, cfg.ARI.Password, cfg.ARI.Application = o.ARIURL, pbx.ARIUser, o.ARIPassword, "metaflows"
	var says strings.Builder
	if doctor.Repair(o.ctx, cfg, &says) || !strings.Contains(says.String(), "metaflows is connected") {
		t.Errorf("beside a connected program the doctor says %q", says.String())
	}
	o.press(b, "*")
	o.event("code.armed", 1)
	o.program.Kill()
	o.asteriskSays("Deactivating Stasis app 'metaflows'")
	o.press(b, "4") // lost
	says.Reset()
	if !doctor.Repair(o.ctx, cfg, &says) || !strings.Contains(says.String(), "2 parties") {
		t.Errorf("the doctor says %q", says.String())
	}
	o.press(b, "711")
	o.gets(a, "*711")
	o.press(a, "8")
	o.gets(b, "8")
	o.talk(a, b)
	o.again()
	o.event("call.adopted", 1)
	o.press(b, "*0")
	o.ended(a)
	o.ended(b)
	o.nothingLeft()
}
