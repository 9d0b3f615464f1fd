package schema

import (
	"errors"

	"metaflows/flows"
)

// Node checks one node and what is under it, as somebody wants to run it now, by the rules of Document; paths begin with at.
// Types are repaired in place. Beyond that a module that this version cannot run is a problem, of code unsupported.
// The warnings are what this version does not obey of the rest. The node is nil where there are problems.
func (s *Schemas) Node(data *Value, at ...string) (node *flows.Node, problems *Problems, _ []Warning) {
	problems = &Problems{}
	var warned warnings
	var refused *flows.DocumentError
	if _, err := flows.ParseNode(data.Encode()); errors.As(err, &refused) && hopeless(refused) {
		problems.addDocument(at, refused)
		return nil, problems, nil
	}
	problems.check(at, data, s.byName["metaflow"])
	eachUnder(data, at, func(at []string, module string, n *Value) {
		s.node(problems, at, module, n)
		for _, lack := range s.notBuilt(module, n.Get("data")) {
			if where := below(at, lack.at...); lack.at[0] == "module" {
				problems.Add(Path(where...), unsupported, Detail{"message": "this version cannot run module " + module, "value": module})
			} else {
				warned.add(where, lack.message)
			}
		}
	})
	if refused != nil {
		problems.addDocument(at, refused)
	}
	if !problems.Empty() {
		return nil, problems, nil
	}
	node, err := flows.ParseNode(data.Encode()) // as it was repaired
	if err != nil {
		problems.Add("data", "error", Detail{"message": err.Error()})
	}
	return node, problems, warned.list
}
