package calls

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Next says how a flow goes on after a node: Continue, Stop or Branch.
type Next struct {
	stop   bool
	branch string
}

// Continue runs the child "_"; Stop ends the flow.
var (
	Continue = Next{}
	Stop     = Next{stop: true}
)

// Branch runs the child named key, else the child "_".
func Branch(key string) Next { return Next{branch: key} }

// Module is a named behaviour that a node runs.
type Module struct {
	Name string
	// Owned: an outsider may run it only on a node that says allow_peer (flows/README.md, Whose keys).
	Owned bool
	// Ends: whether a run with this data only ends what the account has begun. Its program may run that on an outsider's leg,
	// too, although the module is Owned, and while the account records a call that its own legs have left on any leg of it.
	// nil: none does.
	Ends func(data json.RawMessage) bool
	// Early: a program may run it on a call that is not answered yet.
	Early bool
	// Run does it, on the call's goroutine. A Failure's reason chooses the child that runs next.
	Run func(t *Task, data json.RawMessage) (Next, error)
	// Resume goes on, after a restart, with a run that had noted data on a leg by Task.Checkpoint. The call is held until it
	// returns. nil: what the module does needs no checkpoint.
	Resume func(t *Task, noted *Leg, data json.RawMessage) (Next, error)

	// Keep is how it keeps what it has begun by Task.Keep and what outlives its node.
	Keep Keep

	// Keys are those of its data that it obeys, in the order of its data's fields: a document that has others of its schema is
	// told so. Define takes them from the data.
	Keys []string
	// Lacks are what else it does not do of its schema, or what is to be told of that in words of its own.
	Lacks []Lack
	// URL is the key of its data that names a URL which it calls, "" for none: a document whose URL leads to where nobody is to
	// be called from here is refused.
	URL string
	// Reasons are for what its runs fail, beside what every module may fail for.
	Reasons Reasons
	// Serves are Kazoo's actions on a channel that it does.
	Serves []ChannelAction
}

// Modules are the modules there are, by name.
type Modules map[string]Module

// Define makes a module from a function that takes its data, a struct, decoded onto a copy of the defaults. Its fields' json
// tags are the keys that are obeyed. Unknown keys are ignored, as in Kazoo's schemas.
func Define[D any](name string, defaults D, run func(*Task, D) (Next, error)) Module {
	return Module{Name: name, Keys: keysOf(reflect.TypeFor[D]()), Run: func(t *Task, raw json.RawMessage) (Next, error) {
		data := defaults
		if len(raw) > 0 {
			if err := json.Unmarshal(raw, &data); err != nil {
				return Stop, Broken("invalid_data", CorrectNode, fmt.Errorf("data of module %s: %w", name, err))
			}
		}
		return run(t, data)
	}}
}

// keysOf are the keys of JSON that a struct takes.
func keysOf(data reflect.Type) (keys []string) {
	for _, f := range reflect.VisibleFields(data) {
		if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" && key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}
