package rest

import (
	"strings"
	"testing"
)

// deviceOwners knows whose devices are.
type deviceOwners map[string]string

func (o deviceOwners) OwnerOf(_, device string) (user string, ok bool) {
	user, ok = o[device]
	return user, ok
}

func newSimulatorLab(t *testing.T) *lab {
	l := newLab(t)
	l.api.cfg.Owners = deviceOwners{"desk": "bob"}
	for path, doc := range map[string]string{
		"acme":              `{"binding_digit":"#","numbers":{"2":{"module":"hangup"},"1":{"module":"hangup"}},"patterns":{"1(\\d)":{"module":"tts"}}}`,
		"acme/users/bob":    `{"binding_digit":"*","numbers":{"2":{"module":"none"}}}`,
		"acme/users/eve":    `{"numbers":{"3":{"module":"hangup"}}}`,
		"acme/devices/desk": `{"listen_on":"both","numbers":{"2":{"module":"record_call"}}}`,
	} {
		if w := l.do("POST", "/v2/accounts/"+path+"/metaflows", `{"data":`+doc+`}`); w.Code != 200 {
			t.Fatal(w.Body)
		}
	}
	return l
}

// dataOf is an answer's data as it stands there.
func TestEffective(t *testing.T) {
	l := newSimulatorLab(t)
	for _, c := range []struct{ path, want string }{
		{"acme/devices/desk", `{"metaflows":{"binding_digit":"*","numbers":{"2":{"module":"record_call"},"1":{"module":"hangup"}},"patterns":{"1(\\d)":{"module":"tts"}},"listen_on":"both"},` +
			`"origins":{"binding_digit":{"source":"user","id":"bob","replaced":["account"]},"digit_timeout":{"source":"system"},"listen_on":{"source":"device","id":"desk"},` +
			`"numbers":{"2":{"source":"device","id":"desk","replaced":["account","user"]},"1":{"source":"account","id":"acme"}},"patterns":{"1(\\d)":{"source":"account","id":"acme"}}},` +
			`"conflicts":[{"code":"prefix","entry":"numbers.1","with":"patterns.1(\\d)","message":"*1 runs only`},
		{"acme/users/bob", `{"metaflows":{"binding_digit":"*","numbers":{"2":{"module":"none"},`},
		{"acme", `{"metaflows":{"binding_digit":"#","numbers":{"2":{"module":"hangup"},"1":{"module":"hangup"}},"patterns":{"1(\\d)":{"module":"tts"}}},"origins":{"binding_digit":{"source":"account","id":"acme"},`},
		{"empty", `{"metaflows":{},"origins":{"binding_digit":{"source":"system"},"digit_timeout":{"source":"system"},"listen_on":{"source":"system"},"numbers":{},"patterns":{}},"conflicts":[]}`},
	} {
		w := l.do("GET", "/v2/accounts/"+c.path+"/metaflows/effective", "")
		if got := dataOf(t, w); w.Code != 200 || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %d\ngot  %s\nwant %s", c.path, w.Code, got, c.want)
		}
	}
	w := l.do("GET", "/v2/accounts/acme/metaflows/effective", "")
	if !strings.Contains(dataOf(t, w), `{"code":"unsupported","entry":"patterns.1(\\d)","message":"module tts is stored, but this version cannot run it"}`) {
		t.Errorf("tts is not told: %s", w.Body)
	}
}

// ?user= says whose a device is only where nobody else does.
func TestEffectiveUser(t *testing.T) {
	l := newSimulatorLab(t)
	for _, c := range []struct {
		path   string
		status int
		has3   bool // eve's number
	}{
		{"acme/devices/desk/metaflows/effective?user=eve", 200, false},
		{"acme/devices/other/metaflows/effective?user=eve", 200, true},
		{"acme/devices/other/metaflows/effective", 200, false},
		{"acme/devices/other/metaflows/effective?user=e%2Fe", 404, false},
		{"acme/users/bob/metaflows/effective?user=eve", 200, false},
	} {
		w := l.do("GET", "/v2/accounts/"+c.path, "")
		if w.Code != c.status || strings.Contains(w.Body.String(), `"3":{"module"`) != c.has3 {
			t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
		}
	}
}

func TestSimulate(t *testing.T) {
	l := newSimulatorLab(t)
	for _, c := range []struct {
		path, data string
		status     int
		has        string
	}{
		{"acme", `{"keys":"#2"}`, 200, `"key":"2","source":"account"`},
		{"acme/users/bob", `{"keys":"*2"}`, 200, `"runs":[]`},
		{"acme/devices/desk", `{"keys":"*2"}`, 200, `"key":"2","source":"device","collected":"2","nodes":[{"path":"numbers.2","module":"record_call","data":{},"outcome":"continue"}]`},
		{"acme/devices/other/metaflows/simulate?user=eve", `{"keys":"#3"}`, 200, `"key":"3","source":"user"`},
		{"acme", `{"keys":"*9","documents":{"a":{"device":{"numbers":{"9":{"module":"hangup"}}}}}}`, 200, `"key":"9","source":"device"`},
		{"acme", `{"keys":"*9","documents":{"a":null}}`, 200, `"effective":{"a":null,"b":null}`},
		{"acme", `{"keys":"x"}`, 400, `"keys":{"pattern":{"message":"character 1: 'x' is no key;`},
		{"acme", `{"documents":{"a":{"user":{"numbers":{"9":{}}}}}}`, 400, `"documents.a.user.numbers.9.module":{"required":{"message":"Field is required but missing","value":"module"}}`},
		{"acme", `[]`, 400, `"data":{"data":{"type":{"message":"Value did not match type(s): object"}}}`},
		// Documents are those that a POST would have stored.
		{"acme", `{"keys":"*9","documents":{"a":{"account":{"numbers":{"9":{"module":"foo"}}}}}}`, 400,
			`"data":{"documents.a.account.numbers.9.module":{"error":{"message":"unable to find metaflow schema for module foo","value":"foo"}},` +
				`"documents.a.account.schema":{"schema":{"message":"schema not found","schema":"metaflows.foo"}}}`},
		{"acme", `{"documents":{"b":{"device":{"patterns":{"1.":{"module":"transfer","data":{"transfer_type":"x"}}}}}}}`, 400,
			`"data":{"documents.b.device.patterns.1%2E.data.transfer_type":{"enum":{"message":"Value not found in enumerated list of values","target":["attended","blind"],"value":"x"}}}`},
		{"acme", `{"documents":{"a":{"user":{"numbers":{"9":{"module":"record_call","data":{"url":"http://127.0.0.1"}}}}}}}`, 400, `"documents.a.user.numbers.9.data.url":{"error":`},
		{"acme", `{"documents":{"a":{"user":7}}}`, 400, `"documents.a.user":{"type":{`},
		{"acme", `{"keys":"x","settings":{"absorb":"x"},"documents":{"a":{"user":{"listen_on":"x"}},"b":{"device":{"digit_timeout":-1}}}}`, 400,
			`"data":{"documents.a.user.listen_on":{`},
		{"acme", `{"keys":"x","settings":{"absorb":"x"},"documents":{"a":{"user":{"listen_on":"x"}},"b":{"device":{"digit_timeout":-1}}}}`, 400,
			`},"documents.b.device.digit_timeout":{"minimum":{"message":"Value must be at least 0","target":0,"value":-1}},"keys":{"pattern":`},
		{"acme", `{"keys":"*9","documents":{"a":{"account":{"digit_timeout":"500","numbers":{"9":{"module":"transfer","data":{"timeout":"20"}},"91":{"module":"hangup"}}}}}}`, 200,
			`"runs":[{"at":700,"leg":"a","owner":"a","decided_by":"timeout","kind":"number","key":"9","source":"account","collected":"9","nodes":[{"path":"numbers.9","module":"transfer","data":{"timeout":20},`},
		{"acme", `{"keys":"","documents":{"a":{"account":{"digit_timeout":"500"}}}}`, 200, `"effective":{"a":{"digit_timeout":500},"b":null}`},
	} {
		path := "/v2/accounts/" + c.path
		if !strings.Contains(path, "simulate") {
			path += "/metaflows/simulate"
		}
		before := l.docs.revision
		w := l.do("POST", path, `{"data":`+c.data+`}`)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.has) {
			t.Errorf("%s %s: %d %s", c.path, c.data, w.Code, w.Body)
		}
		if l.docs.revision != before || strings.Contains(l.log.String(), "error") {
			t.Errorf("%s %s: a document has changed, or something failed: %s", c.path, c.data, l.log)
		}
	}
	l.docs.away = true
	if w := l.do("POST", "/v2/accounts/acme/metaflows/simulate", `{"data":{"keys":"#2"}}`); w.Code != 503 {
		t.Errorf("without documents: %d %s", w.Code, w.Body)
	}
	if w := l.do("POST", "/v2/accounts/acme/metaflows/simulate", `{"data":{"keys":"#2","documents":{"a":{}}}}`); w.Code != 200 {
		t.Errorf("with its own documents: %d %s", w.Code, w.Body)
	}
	if w := l.do("GET", "/v2/accounts/acme/metaflows/effective", ""); w.Code != 503 {
		t.Errorf("effective without documents: %d %s", w.Code, w.Body)
	}
}
