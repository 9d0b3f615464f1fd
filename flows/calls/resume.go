package calls

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"metaflows/flows"
)

// FlowNote is what a restart must know of a flow: where it stands, and who pressed, since that leg may be gone by then.
// What was pressed is not in it, since METAFLOWS_STATE never holds digits (flows/README.md, State): the code's captures are
// lost to the nodes that run afterwards. One that wants them fails with the reason no_captures (Flow.Captures); events of the
// flow lack collected and captures.
type FlowNote struct {
	Path     string      `json:"p,omitempty"`
	Document flows.Scope `json:"s,omitempty"`
	Whose    string      `json:"i,omitempty"` // id of the user or device whose document it is
	Digits   int         `json:"k,omitempty"` // how many
	Captured bool        `json:"c,omitempty"` // some of them were captures
	Run      string      `json:"a"`           // the action's id, behind the presser's channel
	Presser  string      `json:"id"`          // its channel
	Name     string      `json:"n"`           // and that one's name
	Role     string      `json:"r"`
	Account  string      `json:"o,omitempty"` // the presser's, where it is not that of the leg with the note; nobody: none
	Dialled  string      `json:"d,omitempty"`
	Owner    string      `json:"w,omitempty"` // channel of the owner, where that is not the presser
	Rights   string      `json:"h,omitempty"` // and its account, which it may have left
	Children [][2]string `json:"b,omitempty"` // keys and modules of the node's children, which a program's node has nowhere else
}

// nobody stands for no account.
const nobody = "~"

// Checkpoint notes on a leg how far the module has come, for its Resume. The leg's next State holds it; it is to be written
// before the act. It ends with Settle.
func (t *Task) Checkpoint(on *Leg, data any) {
	f := t.Flow
	note := &FlowNote{
		Path: f.Path, Document: f.document, Digits: f.digits, Run: strings.TrimPrefix(f.Action, f.Presser.ID+"."),
		Presser: f.Presser.ID, Name: f.Presser.Name, Role: f.Presser.Role, Dialled: f.Presser.Dialled,
		Captured: f.lost || f.Match != nil && len(f.Match.Captures) > 0,
	}
	if f.node != nil {
		for _, child := range f.node.Children {
			note.Children = append(note.Children, [2]string{child.Key, child.Node.Module})
		}
	}
	if note.Account = f.Presser.Owner.Account; note.Account == on.Owner.Account {
		note.Account = ""
	} else if note.Account == "" {
		note.Account = nobody
	}
	if f.Owner != f.Presser {
		note.Owner, note.Rights = f.Owner.ID, f.Account()
	}
	switch f.document {
	case flows.ScopeUser:
		note.Whose = f.whose.User
	case flows.ScopeDevice:
		note.Whose = f.whose.Device
	}
	on.note(f.module, note, data)
}

// spellOut writes into the leg's notes whose flows they are of, where they say that by whose the leg is: that changes.
func (l *Leg) spellOut() {
	for name, note := range l.notes {
		if note.Flow == nil || note.Flow.Account != "" {
			continue
		}
		flow := *note.Flow
		flow.Account = cmp.Or(l.Owner.Account, nobody)
		note.Flow = &flow
		l.notes[name] = note
	}
}

// Succeed gives the leg what is noted on another whose place it has taken, if a flow is among it, and says so.
func (l *Leg) Succeed(former *Leg) bool {
	flow := false
	for _, note := range former.notes {
		flow = flow || note.Flow != nil
	}
	if flow {
		former.spellOut()
		l.notes, former.notes = former.notes, nil
	}
	return flow
}

// Settle ends the module's checkpoint on a leg; its next State lacks it.
func (t *Task) Settle(on *Leg) { on.DropNote(t.Flow.module) }

// Resume goes on with the flows of which the legs have notes; they run when the task that calls it awaits. It returns the legs
// that they are about: those with the notes, and their pressers and owners as far as these are there. Each holds the call until
// its module returns.
func (c *Call) Resume() (about []*Leg) {
	for _, leg := range slices.Clone(c.Legs) {
		for name, note := range leg.notes {
			if note.Flow == nil {
				continue
			}
			module, known := c.calls.cfg.Modules[name]
			if !known || module.Resume == nil {
				c.Log.Error("a process before this one ran something on the call that is not known here", "module", name,
					"do", "nothing: it is left as it stands; before a change of version, wait for calls to end")
				delete(leg.notes, name)
				c.resume(Module{Name: name, Resume: func(*Task, *Leg, json.RawMessage) (Next, error) { return Stop, errLost }}, leg, note)
				continue
			}
			f := c.resume(module, leg, note)
			about = append(about, leg, f.Presser, f.Owner)
		}
	}
	c.tellNotResumed()
	return about
}

// errLost is why a node has failed of which a restart knows too little.
var errLost = Fail(ReasonLost, errors.New("metaflows was restarted meanwhile"))

func (c *Call) resume(module Module, noted *Leg, note Note) *Flow {
	f := c.restore(noted, note.Flow, module.Name)
	release := c.hold(module.Name) // also until it runs
	c.begin(f, func(t *Task) error {
		next, err := t.guarded(func() (Next, error) { return module.Resume(t, noted, note.Data) })
		release()
		if !t.goOn(next, err) {
			return err
		}
		return t.runFlow()
	})
	return f
}

// restore makes the flow of a note.
func (c *Call) restore(noted *Leg, note *FlowNote, module string) *Flow {
	presser := c.leg(note.Presser)
	if presser == nil {
		presser = note.ghost(noted)
	}
	f := &Flow{
		Owner: presser, Presser: presser, Path: note.Path, document: note.Document, digits: note.Digits,
		module: module, accepted: true, began: c.clock.now(),
	}
	if owner := c.leg(note.Owner); owner != nil {
		f.Owner = owner
	} else if note.Owner != "" {
		f.Owner = &Leg{Channel: Channel{ID: note.Owner}, Gone: true, Owner: flows.Owner{Account: note.Rights}, LinkedID: noted.LinkedID}
	}
	f.lost = note.Captured
	f.Action = note.action()
	c.goesOn(f.Action)
	f.run, f.depth = splitAction(f.Action)
	c.recall(f)
	if note.Path != "" {
		whose := flows.Owner{Account: f.Owner.Owner.Account}
		switch note.Document {
		case flows.ScopeUser:
			whose.User = note.Whose
		case flows.ScopeDevice:
			whose.Device = note.Whose
		}
		f.node = c.calls.cfg.Effective(whose).Node(note.Path)
	}
	if f.node == nil {
		f.node, f.forgotten = note.node(module), true
	}
	return f
}

// action is the id of the action.
func (n *FlowNote) action() string { return n.Presser + "." + n.Run }

// node is as much of the flow's node as the note has: its children are lost, and told to be.
func (n *FlowNote) node(module string) *flows.Node {
	node := &flows.Node{Module: module}
	for _, child := range n.Children {
		node.Children = append(node.Children, flows.Child{Key: child[0], Node: &flows.Node{Module: child[1]}})
	}
	return node
}

// notedActions are the actions of which there are notes on what was found; none where that is not understood.
func notedActions(found []Found) map[string]bool {
	noted := map[string]bool{}
	for _, f := range found {
		s, _, err := ParseState(f.State, f.ID)
		if err != nil {
			return nil
		}
		for _, note := range s.Notes {
			if note.Flow != nil {
				noted[note.Flow.action()] = false
			}
		}
	}
	return noted
}

// ghost is a presser that has left.
func (n *FlowNote) ghost(noted *Leg) *Leg {
	account := n.Account
	switch account {
	case "":
		account = noted.Owner.Account
	case nobody:
		account = ""
	}
	return &Leg{
		Channel: Channel{ID: n.Presser, Name: n.Name}, Role: n.Role, Dialled: n.Dialled, Gone: true,
		Owner: flows.Owner{Account: account}, LinkedID: noted.LinkedID, Answered: noted.Answered,
	}
}
