package flows

import "testing"

// Merged is as stored: order, unknown keys and spelling are kept, nothing is filled in.
func TestMerged(t *testing.T) {
	const (
		account = `{"x":1,"binding_digit":"#","numbers":{"2":{"module":"a" , "y":[1.0]},"1":{"module":"a"}},"patterns":{"<.>":{"module":"p","data":{"k":"é<&>"}}}}`
		user    = `{"digit_timeout":5e2,"x":{"deep":true},"numbers":{"3":{"module":"u"},"2":{"module":"u","data":{}}}}`
		device  = `{"listen_on":"both","digit_timeout":0,"binding_digit":"*","z":null}`
	)
	for _, tc := range []struct {
		name                  string
		kazoo                 bool
		account, user, device string
		want                  string
	}{
		{name: "nothing", want: `{}`},
		{name: "one", account: account, want: `{"x":1,"binding_digit":"#","numbers":{"2":{"module":"a" , "y":[1.0]},"1":{"module":"a"}},"patterns":{"<.>":{"module":"p","data":{"k":"é<&>"}}}}`},
		{name: "empty objects", account: `{"numbers":{},"patterns":{}}`, want: `{"numbers":{},"patterns":{}}`},
		{name: "three", account: account, user: user, device: device,
			want: `{"x":{"deep":true},"binding_digit":"*","numbers":{"2":{"module":"u","data":{}},"1":{"module":"a"},"3":{"module":"u"}},` +
				`"patterns":{"<.>":{"module":"p","data":{"k":"é<&>"}}},"digit_timeout":5e2,"listen_on":"both","z":null}`},
		{name: "Kazoo's order", kazoo: true, user: `{"binding_digit":"1"}`, device: `{"binding_digit":"2","listen_on":"self"}`,
			want: `{"binding_digit":"1","listen_on":"self"}`},
	} {
		document := func(raw string) *Document {
			if raw == "" {
				return nil
			}
			return parse(t, raw)
		}
		e := Merge(Settings{KazooPrecedence: tc.kazoo}, document(tc.account), document(tc.user), document(tc.device))
		got := string(e.Merged())
		if got != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tc.name, got, tc.want)
		}
		if _, err := ParseDocument([]byte(got)); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
