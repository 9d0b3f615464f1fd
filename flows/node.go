package flows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// docMaxDepth is how deep nodes may stand in one another's children.
const docMaxDepth = 64

// MaxChildKey is how many bytes the key of a child may have: every path of a node that it leads to holds it.
const MaxChildKey = 128

// Node is one step of a flow: a module, its data, and the nodes that may follow.
type Node struct {
	// Module is the module's name, 1 to 64 characters (Kazoo schema metaflow).
	Module string
	// Data is the module's data as stored, {} when absent.
	Data json.RawMessage
	// Children are the nodes that may follow, in stored order.
	Children []Child
	// AllowPeer is the node's own "allow_peer": true, in its data or beside its module: an outsider may run it too
	// (flows/README.md, Whose keys). It does not extend to the children.
	AllowPeer bool
	// Raw is the whole node as stored, unknown keys and children included.
	Raw json.RawMessage
}

// ParseNode reads one node and what is under it, by the rules of ParseDocument. The error is a *DocumentError whose paths
// begin at the node.
func ParseNode(raw []byte) (*Node, error) {
	raw = bytes.Clone(raw)
	p := &docParser{doc: &Document{Raw: raw}}
	var node *Node
	root, err := docRead(raw)
	switch {
	case err != nil:
		p.problem(nil, "error", err.Error())
	default:
		docDuplicates(root, nil, func(at *docPath, key string) {
			p.problem(&docPath{at, key}, "duplicate", "Key stands twice in one object")
		})
		node = p.node(root, nil, 0)
	}
	if p.problems != nil {
		return nil, &DocumentError{p.problems}
	}
	return node, nil
}

// Child is a node under the key that leads to it.
type Child struct {
	Key  string
	Node *Node
}

// Child is the child of that key, nil if there is none.
func (n *Node) Child(key string) *Node {
	for _, c := range n.Children {
		if c.Key == key {
			return c.Node
		}
	}
	return nil
}

// moduleNone switches an inherited code off (flows/README.md, Merge).
const moduleNone = "none"

// node reads a node and what is under it; nil when the value is no object.
func (p *docParser) node(v docValue, at *docPath, depth int) *Node {
	if v.kind() != '{' {
		p.wrongType(at, "object")
		return nil
	}
	if depth > docMaxDepth {
		p.problem(at, "error", "Children are nested deeper than 64")
		return nil
	}
	n := &Node{Data: json.RawMessage("{}"), Raw: v.raw}
	module := &docPath{at, "module"}
	if m, ok := v.member("module"); !ok {
		p.problem(module, "required", "Field is required but missing")
	} else if m.kind() != '"' {
		p.wrongType(module, "string")
	} else if n.Module = m.text(); n.Module == "" {
		p.problem(module, "minLength", "String must be at least 1 characters")
	} else if len(n.Module) > 64 && len([]rune(n.Module)) > 64 {
		p.problem(module, "maxLength", "String must not be more than 64 characters")
	}
	if d, ok := v.member("data"); ok {
		if d.kind() != '{' {
			p.wrongType(&docPath{at, "data"}, "object")
		} else {
			n.Data = d.raw
			n.AllowPeer = docTrue(d, "allow_peer")
		}
	}
	n.AllowPeer = n.AllowPeer || docTrue(v, "allow_peer")
	if c, ok := v.member("children"); ok {
		n.Children = p.children(c, &docPath{at, "children"}, depth+1)
	}
	return n
}

// children reads a children object. A child under the empty key is stored unchecked and never reached, as Kazoo
// (app/rest/README.md, Schemas).
func (p *docParser) children(v docValue, at *docPath, depth int) []Child {
	if v.kind() != '{' {
		p.wrongType(at, "object")
		return nil
	}
	var children []Child
	for _, m := range v.members {
		switch {
		case m.key == "":
			continue
		case len(m.key) > MaxChildKey:
			p.problem(&docPath{at, docCut(m.key, MaxChildKey)}, "maxLength", fmt.Sprintf("The key of a child must not be more than %d bytes", MaxChildKey))
			continue
		}
		if n := p.node(m.value, &docPath{at, m.key}, depth); n != nil {
			children = append(children, Child{m.key, n})
		}
	}
	return children
}

// docCut is the beginning of a key or path that is too long to be told whole.
func docCut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…" // a dot would be escaped
}

// docTrue says whether the object has true, and nothing that only looks like it, under the key.
func docTrue(v docValue, key string) bool {
	m, ok := v.member(key)
	return ok && m.kind() == 't'
}

// under follows a path that begins with the node's own key.
func (n *Node) under(path, key string) *Node {
	rest, ok := strings.CutPrefix(path, key)
	if !ok {
		return nil
	}
	if rest == "" {
		return n
	}
	if rest, ok = strings.CutPrefix(rest, ".children."); !ok {
		return nil
	}
	for _, child := range n.Children {
		if found := child.Node.under(rest, child.Key); found != nil {
			return found
		}
	}
	return nil
}
