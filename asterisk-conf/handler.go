package asteriskconf

import "strings"

// HangupHandler returns the lines of the context metaflows-orphan in site/extensions.conf: its name in brackets, then one
// line for each priority from 1 on. The slice is the caller's own.
func HangupHandler() []string {
	text, err := site.ReadFile("site/extensions.conf")
	if err != nil {
		panic("a file that is embedded: " + err.Error())
	}
	_, section, _ := strings.Cut(string(text), "[metaflows-orphan]\n")
	section, _, _ = strings.Cut(section, "\n\n")
	return append([]string{"[metaflows-orphan]"}, strings.Split(section, "\n")...)
}
