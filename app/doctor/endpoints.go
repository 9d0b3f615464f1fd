package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// endpoint is whom pjsip.conf lets call.
type endpoint struct {
	*section
	vars map[string]string
}

// identity are the variables that say whose a leg is, and where it may dial.
var identity = []string{"METAFLOWS_ACCOUNT", "METAFLOWS_USER", "METAFLOWS_DEVICE", "METAFLOWS_CONTEXT"}

// endpoints finds those of pjsip.conf, or of pjsip_wizard.conf, where an endpoint's keys begin with endpoint/.
func endpoints(c *configuration) []endpoint {
	var found []endpoint
	for _, s := range c.sections {
		kind, _ := s.last("type")
		if s.template || kind.value != "endpoint" && kind.value != "wizard" {
			continue
		}
		e := endpoint{s, map[string]string{}}
		for _, line := range s.entries {
			if key := strings.ToLower(line.key); key == "set_var" || key == "endpoint/set_var" {
				name, value, _ := strings.Cut(line.value, "=")
				e.vars[strings.TrimLeft(strings.TrimSpace(name), "_")] = strings.TrimSpace(value)
			}
		}
		found = append(found, e)
	}
	return found
}

// shown is how many endpoints are named at most.
const shown = 10

func names(list []endpoint) string {
	var b strings.Builder
	for i, e := range list {
		if i == shown {
			return fmt.Sprintf("%s and %d more", b.String(), len(list)-shown)
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%s)", e.name, e.place)
	}
	return b.String()
}

// examineEndpoints looks for those that lack what others have. It may be meant so: a trunk has no codes.
func examineEndpoints(all []endpoint) []finding {
	if len(all) == 0 {
		return nil
	}
	lacking := map[string][]endpoint{}
	for _, e := range all {
		for _, name := range identity {
			if e.vars[name] == "" {
				lacking[name] = append(lacking[name], e)
				if name == identity[0] { // an outsider; the others would mean nothing
					break
				}
			}
		}
	}
	outsiders := lacking[identity[0]]
	if len(outsiders) == len(all) {
		return []finding{{level: note, what: "no endpoint has METAFLOWS_ACCOUNT: nobody has codes, but for callers whose dialplan sets it", lines: setVar(all[0], all[0], identity)}}
	}
	pattern := all[slices.IndexFunc(all, func(e endpoint) bool { return e.vars[identity[0]] != "" })]
	insiders := len(all) - len(outsiders)
	var found []finding
	for i, name := range identity {
		who := lacking[name]
		switch {
		case len(who) == 0 || i > 0 && len(who) == insiders: // nobody has it: it is meant so
			continue
		case i == 0:
			found = append(found, finding{
				level: note, what: fmt.Sprintf("%d of %d endpoints have no METAFLOWS_ACCOUNT, so no codes, and cannot transfer: %s", len(who), len(all), names(who)),
				lines: setVar(who[0], pattern, identity),
			})
		default:
			found = append(found, finding{
				level: note, what: fmt.Sprintf("%d of %d endpoints with METAFLOWS_ACCOUNT have no %s: %s", len(who), insiders, name, names(who)),
				lines: setVar(who[0], pattern, []string{name}),
			})
		}
	}
	if found == nil {
		found = []finding{{what: fmt.Sprintf("all %d endpoints have METAFLOWS_ACCOUNT", len(all))}}
	}
	return found
}

// setVar are the lines for an endpoint, by the pattern of one that has them.
func setVar(e, pattern endpoint, wanted []string) []string {
	values := map[string]string{
		"METAFLOWS_ACCOUNT": "acme", "METAFLOWS_USER": e.name, "METAFLOWS_DEVICE": e.name, "METAFLOWS_CONTEXT": "internal",
	}
	for _, common := range []string{"METAFLOWS_ACCOUNT", "METAFLOWS_CONTEXT"} {
		if value := pattern.vars[common]; value != "" {
			values[common] = value
		} else if context, ok := pattern.last("context"); ok && common == "METAFLOWS_CONTEXT" {
			values[common] = context.value
		}
	}
	key := "set_var = "
	if kind, _ := e.last("type"); kind.value == "wizard" {
		key = "endpoint/set_var = "
	}
	lines := []string{"in " + e.file + ", [" + e.name + "], if its user shall have codes:"}
	for _, name := range wanted {
		lines = append(lines, key+name+"="+values[name])
	}
	return append(lines, `asterisk -rx "module reload res_pjsip.so"`)
}
