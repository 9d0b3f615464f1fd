package e2e

import (
	"net/http"
	"testing"
)

// A channel that carries its device only has the codes of the user whose device that is in the directory; one that carries
// a user too has that user's.
func TestDeviceFindsItsUser(t *testing.T) {
	l := newLab(t)
	l.entry("acme/users", "ada", `{"id":"ada","username":"ada"}`)
	l.entry("acme/devices", "alice-desk", `{"id":"alice-desk","name":"Desk","owner_id":"ada"}`)
	l.document("acme/users/ada", `{"numbers":{"0":{"module":"hangup"}}}`)
	l.document("acme/users/alice", `{"numbers":{"5":{"module":"hangup"}}}`)
	alice, bob := l.phone("alice"), l.phone("bob")

	a, b := l.call(alice, "deviceonly", bob)
	l.press(a, "*5")
	l.gets(b, "*5")
	l.press(a, "*0")
	l.ended(a)
	l.ended(b)
	if e := l.event("action.finished", 1); e.Module != "hangup" || e.Document != "user" || e.Path != "numbers.0" {
		t.Errorf("%+v", e.Notice)
	}

	a, b = l.call(alice, "1002", bob)
	l.press(a, "*0")
	l.gets(b, "*0")
	l.press(a, "*5")
	l.ended(a)
	l.ended(b)
}

// entry puts somebody or something into the directory until the test's end.
func (l *lab) entry(list, id, entry string) {
	l.Helper()
	path := "/v2/accounts/" + list
	if status, body, err := l.request(http.MethodPut, path, `{"data":`+entry+`}`); err != nil || status != http.StatusCreated {
		l.Fatalf("PUT %s: %d %s %v", path, status, body, err)
	}
	l.Cleanup(func() {
		if status, body, err := l.request(http.MethodDelete, path+"/"+id, ""); err != nil || status != http.StatusOK {
			l.Errorf("DELETE %s/%s: %d %s %v", path, id, status, body, err)
		}
	})
}
