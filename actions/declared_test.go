package actions_test

import (
	"testing"

	"metaflows/actions"
	"metaflows/app/egress"
	"metaflows/app/schema"
)

// TestDeclared: every module has a schema, and speaks of keys of it alone.
func TestDeclared(t *testing.T) {
	runs := actions.New(actions.Config{}).Modules()
	schemas, err := schema.Load(egress.Blocked{}, actions.Declared())
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range actions.Declared() {
		if (m.Run != nil) != (runs[name].Run != nil) {
			t.Errorf("module %s runs, and is said to be one of those that do not yet", name)
		}
		text := schemas.Text("metaflows." + name)
		if text == nil {
			t.Errorf("module %s has no schema in app/schema/schemas", name)
			continue
		}
		keys := m.Keys
		for _, l := range m.Lacks {
			keys = append(keys, l.Key)
		}
		if m.URL != "" {
			keys = append(keys, m.URL)
		}
		for _, key := range keys {
			if text.Get("properties").Get(key) == nil {
				t.Errorf("module %s speaks of a key %s, which is not in its schema", name, key)
			}
		}
	}
}
