package asteriskconf

import (
	"strconv"
	"strings"
)

// Contexts of site/extensions.conf that the application needs in the dialplan.
const (
	HangupHandler = "metaflows-orphan"  // ends the leg that must not stay behind alone
	Predial       = "metaflows-predial" // runs the subroutines of the options b and B
)

// Context returns the lines of such a context: its name in brackets, then one line for each priority. Who changes what is in it
// gives another name to its extension v<number>, by which metaflows doctor knows an older form. The slice is the caller's own.
func Context(name string) []string {
	text, err := site.ReadFile("site/extensions.conf")
	if err != nil {
		panic("a file that is embedded: " + err.Error())
	}
	header := "[" + name + "]"
	_, section, _ := strings.Cut(string(text), header+"\n")
	section, _, _ = strings.Cut(section, "\n\n")
	return append([]string{header}, strings.Split(section, "\n")...)
}

// Priorities returns the extensions and priorities of the lines of such a context, as "s,1", in their order.
func Priorities(name string) []string {
	var all []string
	var extension string
	priority := 0
	for _, line := range Context(name)[1:] {
		key, value, _ := strings.Cut(line, "=>")
		if priority++; strings.TrimSpace(key) == "exten" {
			extension, _, _ = strings.Cut(strings.TrimSpace(value), ",")
			priority = 1
		}
		all = append(all, extension+","+strconv.Itoa(priority))
	}
	return all
}
