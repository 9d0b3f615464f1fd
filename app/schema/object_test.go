package schema

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMerge(t *testing.T) {
	for _, c := range []struct{ there, patch, want string }{
		{`{"a":1,"b":2,"c":3}`, `{"b":null,"d":4,"a":5}`, `{"a":5,"c":3,"d":4}`},
		{`{"a":{"x":1,"y":2},"b":2}`, `{"a":{"x":null,"z":{"k":null,"l":1}},"b":{"k":null}}`, `{"a":{"y":2,"z":{"l":1}},"b":{}}`},
		{`{"a":1}`, `{"a":null,"a":2,"b":3,"b":null,"c":null}`, `{"a":2}`},
		{`{"a":1,"b":2,"a":{"x":1}}`, `{"a":{"y":2}}`, `{"b":2,"a":{"x":1,"y":2}}`},
		{`{"a":1,"a":2,"b":3}`, `{"a":null}`, `{"b":3}`},
		{`{}`, `{}`, `{}`},
	} {
		there, _ := Parse([]byte(c.there))
		patch, _ := Parse([]byte(c.patch))
		if there.Merge(patch); string(there.Encode()) != c.want {
			t.Errorf("%s with %s: %s, want %s", c.there, c.patch, there.Encode(), c.want)
		}
	}
}

// A PATCH of many keys costs as much as it is long, and not for each of its keys as much as all others.
func TestMergeOfManyKeys(t *testing.T) {
	members := func(prefix, value string) *Value {
		var all []string
		for i := range 100_000 {
			all = append(all, fmt.Sprintf(`"%s%d":%s`, prefix, i, value))
		}
		v, err := Parse([]byte("{" + strings.Join(all, ",") + "}"))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	entry := members("a", "1")
	patches := []*Value{members("b", "1"), members("a", "{}"), members("a", "null")}
	began := time.Now()
	for _, patch := range patches {
		entry.Merge(patch)
	}
	if took := time.Since(began); took > 5*time.Second { // minutes, if it grew with the square
		t.Errorf("it took %v", took)
	}
	if n := len(entry.Members); n != 100_000 {
		t.Errorf("%d keys", n)
	}
}
