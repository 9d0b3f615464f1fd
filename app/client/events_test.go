package client

import "testing"

// TestWhat: an event in words. How many keys something was is not taken for which ones they were.
func TestWhat(t *testing.T) {
	for data, want := range map[string]string{
		`{"endpoint":"PJSIP/bob","other_channel":"1.0","caller_id_number":"4930123456","dialled":"1002"}`:             "PJSIP/bob - 1.0 4930123456 dials 1002",
		`{"endpoint":"PJSIP/bob","dialled":"1002","duration_ms":1200}`:                                                "PJSIP/bob dials 1002 1.2s",
		`{"endpoint":"PJSIP/bob","module":"record_call","path":"numbers.9","result":"digit","digits":1}`:              "PJSIP/bob record_call numbers.9 digit after one key",
		`{"endpoint":"PJSIP/bob","result":"timeout","digits":4}`:                                                      "PJSIP/bob timeout after 4 keys",
		`{"endpoint":"PJSIP/bob","module":"transfer","path":"numbers.8","collected":"8","digits":1,"target":"1234"}`:  "PJSIP/bob transfer numbers.8 keys 8 to 1234",
		`{"endpoint":"PJSIP/bob","module":"transfer","path":"api","result":"failed","reason":"busy","target":"1999"}`: "PJSIP/bob transfer api to 1999 failed (busy)",
		`{"count":7}`: "count 7",
	} {
		e, err := eventOf([]byte(`{"type":"metaflows.v1.call.started","data":` + data + `}`))
		if err != nil || e.what() != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", data, err, e.what(), want)
		}
	}
}
