package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// injected are names that Kubernetes and container links make for a service called metaflows, or metaflows-something.
var injected = regexp.MustCompile(`^METAFLOWS_(.+_)?(NAME|PORT|PORT_[0-9]+_(TCP|UDP)(_(ADDR|PORT|PROTO))?|SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?)$|^METAFLOWS_ENV_`)

// variable is one variable of the environment as the tags of Config describe it.
type variable struct {
	Name, Default, About, Accepts string
	Secret, File                  bool // never shown; can be given as a file
}

// variables lists them in the order of Config. Their names follow envconfig's rules.
func variables() []variable { return describe(prefix, reflect.TypeFor[Config]()) }

// A name is split after a small letter, and before the last of several capital ones: MaxAPIKeys is Max_API_Keys.
var (
	words    = regexp.MustCompile(`([a-z])([A-Z])`)
	acronyms = regexp.MustCompile(`([A-Z])([A-Z][a-z])`)
)

func describe(prefix string, t reflect.Type) []variable {
	var list []variable
	for f := range t.Fields() {
		name := f.Name
		if f.Tag.Get("split_words") == "true" {
			name = acronyms.ReplaceAllString(words.ReplaceAllString(name, "${1}_${2}"), "${1}_${2}")
		}
		name = prefix + "_" + strings.ToUpper(name)
		if f.Type.Kind() == reflect.Struct {
			list = append(list, describe(name, f.Type)...)
			continue
		}
		list = append(list, variable{
			Name: name, Default: f.Tag.Get("default"), About: f.Tag.Get("about"), Accepts: f.Tag.Get("accepts"),
			Secret: f.Tag.Get("secret") == "true", File: f.Tag.Get("secret") == "true" || f.Tag.Get("file") == "true",
		})
	}
	return list
}

// distance is the edit distance of two names: how many characters must be put in, left out or replaced, or exchanged with
// the next one.
func distance(a, b string) int {
	var before, last []int // the rows above
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// Nearest is the one of some names that is most like a name that is none of them, without dashes before it; "" where none is
// near: within two edits, that are less than half of what was written.
func Nearest(name string, names []string) string {
	name = strings.TrimLeft(name, "-")
	nearest := slices.MinFunc(names, func(a, b string) int { return distance(name, a) - distance(name, b) })
	if edits := distance(name, nearest); edits > 2 || 2*edits >= len(name) {
		return ""
	}
	return nearest
}

// UnknownCommand is what is said of a command that is none of some names. program is what its user has written before it.
func UnknownCommand(program, name string, names []string) string {
	guess := ""
	if nearest := Nearest(name, names); nearest != "" {
		guess = " did you mean " + nearest + "?"
	}
	return fmt.Sprintf("%s has no command %s;%s %s --help tells what there is\n", program, name, guess, program)
}
