package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// usualFolder is where Asterisk's configuration lies where it does not say so.
const usualFolder = "/etc/asterisk"

// folder is the configuration of Asterisk in a folder of this machine.
type folder struct {
	path   string
	named  bool                      // by who asks the doctor
	files  map[string]*configuration // those that are there, by their names
	unread []error                   // why others are not
}

// fileNames are the files that the doctor reads. Into the first three an #include of ours belongs.
var fileNames = []string{"ari.conf", "http.conf", "extensions.conf", "pjsip.conf", "pjsip_wizard.conf"}

// open reads the files in a folder; "" is the one that Asterisk names.
func (p *patient) open(path string, reached bool) {
	p.folder = folder{path: path, named: path != "", files: map[string]*configuration{}}
	if !p.folder.named {
		p.folder.path = usualFolder
		if reached {
			if says, err := p.client.Global("ASTETCDIR"); err == nil && says != "" {
				p.folder.path = says
			}
		}
	}
	for _, name := range fileNames {
		c, err := read(p.folder.path, name)
		switch {
		case err == nil:
			p.folder.files[name] = c
		case !errors.Is(err, fs.ErrNotExist):
			p.folder.unread = append(p.folder.unread, err)
		}
	}
}

// files looks at the files themselves.
func (p *patient) files(reached bool) {
	for _, err := range p.folder.unread {
		p.tell(finding{level: note, what: "not looked at: " + err.Error(), lines: []string{"metaflows doctor is for root, who may read Asterisk's configuration"}})
	}
	if len(p.folder.files) == 0 {
		level := note
		if p.folder.named {
			level = missing
		}
		p.tell(finding{
			level: level, what: "no configuration of Asterisk is in " + p.folder.path + " on this machine: its files were not looked at",
			lines: []string{"where they are elsewhere: metaflows doctor --folder FOLDER"},
		})
		return
	}
	p.good("the files in " + p.folder.path + " are looked at")
	p.examineFiles(p.folder.files, reached)
}

// examineFiles looks at those that are there.
func (p *patient) examineFiles(all map[string]*configuration, reached bool) {
	for _, name := range fileNames {
		if c := all[name]; c != nil {
			p.tell(examineIncludes(c, name)...)
		}
	}
	if c := all["http.conf"]; c != nil {
		p.tell(examineHTTP(c)...)
		if !reached {
			p.tell(examineURL(c, p.cfg.ARI.URL)...)
		}
	}
	if c := all["extensions.conf"]; c != nil {
		p.tell(examineDialplan(c, p.cfg.ARI.Application, p.applications)...)
	}
	var known []endpoint
	for _, name := range []string{"pjsip.conf", "pjsip_wizard.conf"} {
		if c := all[name]; c != nil {
			known = append(known, endpoints(c)...)
		}
	}
	p.tell(examineEndpoints(known)...)
}

// examineIncludes looks for an #include that was written behind a line without an end, where Asterisk takes it for a part of that
// line, and for a file where that would come next.
func examineIncludes(c *configuration, name string) []finding {
	var found []finding
	for _, i := range c.glued {
		found = append(found, finding{
			level: missing, what: fmt.Sprintf("%s: #include %s stands behind something else, and Asterisk reads it as a part of that", i.place, i.to),
			lines: []string{"in " + i.file + ", on a line of its own:", "#include " + i.to},
		})
	}
	for _, i := range c.commented {
		if slices.ContainsFunc(c.includes, func(other reference) bool { return other.to == i.to }) {
			continue
		}
		found = append(found, finding{
			level: note, what: fmt.Sprintf("%s: #include %s is a part of a comment, and Asterisk does not read it; if that is not meant so", i.place, i.to),
			lines: []string{"in " + i.file + ", on a line of its own:", "#include " + i.to},
		})
	}
	for _, unread := range c.unread {
		found = append(found, finding{level: note, what: "not looked at: " + unread, lines: []string{"metaflows doctor is for root, who may read Asterisk's configuration"}})
	}
	for _, u := range c.unopened {
		found = append(found, finding{
			level: missing, what: fmt.Sprintf("%s adds to [%s], which %s does not have above: Asterisk reads nothing of the file", u.place, u.to, name),
			lines: []string{"above all else in " + name + ":", "[" + u.to + "]"},
		})
	}
	included := slices.ContainsFunc(c.includes, func(i reference) bool { return isFragment(i.to) })
	if c.unended && !included && found == nil && slices.Contains(fileNames[:3], name) {
		path := filepath.Join(c.folder, name)
		found = append(found, finding{
			level: note, what: name + " has no newline at its end: an #include that is added there would become a part of its last line",
			lines: []string{"echo >> " + quote(path)},
		})
	}
	return found
}

// quote makes one word for a shell.
func quote(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
