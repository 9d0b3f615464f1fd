package schema

import (
	"math"
	"strconv"
	"strings"
)

// repair converts what has the wrong type where the schema's properties want a number or a boolean, as Kazoo does
// (app/rest/README.md, Defaults and repairs): "500" is 500, 1499.5 is 1500, "true" is true. Strings are never made.
func (d *definition) repair(o *Value) {
	if o.Kind != Object {
		return
	}
	for _, m := range o.Members {
		want := d.properties[m.Key].typeName()
		switch {
		case want == "integer":
			repairInteger(m.Value)
		case want == "number" && m.Value.Kind == String:
			if f, ok := decimal(m.Value.Text); ok && math.Abs(f) < 1e15 {
				*m.Value = Value{Kind: Number, Text: strconv.FormatFloat(f, 'f', -1, 64)}
			}
		case want == "boolean" && m.Value.Kind == String:
			if m.Value.Text == "true" || m.Value.Text == "false" {
				m.Value.Kind = Bool
			}
		}
	}
}

// typeName is the type that a schema's property wants; "" where it wants none.
func (v *Value) typeName() string {
	if v == nil {
		return ""
	}
	if t := v.Get("type"); t != nil {
		return t.Text
	}
	return ""
}

func repairInteger(v *Value) {
	if v.Kind != Number && v.Kind != String {
		return
	}
	n, err := strconv.ParseInt(v.Text, 10, 64)
	if err == nil && v.Kind == Number {
		return // as it is written
	}
	if err != nil {
		f, ok := decimal(v.Text)
		if !ok || math.Abs(f) >= 1<<53 {
			return
		}
		n = int64(math.Round(f))
	}
	*v = Value{Kind: Number, Text: strconv.FormatInt(n, 10)}
}

// decimal reads a decimal number, and not what else strconv takes: hexadecimal, infinite, underscores.
func decimal(s string) (f float64, ok bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}
