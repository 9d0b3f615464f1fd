package asteriskconf

import "strings"

// Contexts of site/extensions.conf that the application needs in the dialplan.
const (
	HangupHandler = "metaflows-orphan"  // ends the leg that must not stay behind alone
	Predial       = "metaflows-predial" // runs the subroutines of the options b and B
)

// Context returns the lines of such a context: its name in brackets, then one line for each priority from 1 on. The slice is
// the caller's own.
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
