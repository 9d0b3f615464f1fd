package server

import "testing"

// METAFLOWS_BLOCKED_ADDRESSES decides which URLs a document may name.
func TestBlockedAddresses(t *testing.T) {
	const path, local, other = "/v2/accounts/acme/metaflows", "http://127.0.0.1/r", "http://192.0.2.1/r"
	for list, allowed := range map[string]map[string]bool{
		"loopback,private": {local: false, other: true}, "none": {local: true, other: true}, "192.0.2.0/24": {local: true, other: false},
	} {
		cfg := settingsFor(t.TempDir())
		cfg.BlockedAddresses = list
		l := start(t, cfg)
		for url, ok := range allowed {
			status, body := l.do("POST", path, `{"data":{"numbers":{"9":{"module":"record_call","data":{"url":"`+url+`"}}}}}`)
			if (status == 200) != ok || status != 200 && status != 400 {
				t.Errorf("%s, %s: %d %s", list, url, status, body)
			}
		}
	}
}
