package doctor

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The configuration files of Asterisk, read as Asterisk reads them
// (https://docs.asterisk.org/Fundamentals/Asterisk-Configuration/Asterisk-Configuration-Files/).

// place is a line of a file.
type place struct {
	file   string // as the folder of the configuration has it: metaflows/http.conf
	number int    // from 1 on
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.number) }

// entry is what a line says: key = value, or key => value.
type entry struct {
	place
	key, value string
}

// section is what stands behind one name in brackets, with what it has from its templates.
type section struct {
	place
	name     string
	template bool
	entries  []entry
}

// last is the line that counts where a key is given more than once.
func (s *section) last(key string) (entry, bool) {
	for _, e := range slices.Backward(s.entries) {
		if strings.EqualFold(e.key, key) {
			return e, true
		}
	}
	return entry{}, false
}

// reference is a line that names a file, or a section.
type reference struct {
	place
	to string
}

// configuration is one file with all that it includes.
type configuration struct {
	folder    string
	sections  []*section
	includes  []reference
	glued     []reference // that stand behind something else, and are therefore none
	commented []reference // of ours, in a comment that may be meant so
	unopened  []reference // [name](+) without a [name] before it: Asterisk then reads nothing of the file
	unended   bool        // the file itself has no newline at its end
	unread    []string    // files that are included and cannot be read, and why
	current   *section    // while it is read: where the next line belongs
	inComment bool        // and whether that line does not count
}

// deepest is how deep files may include each other (main/config.c, MAX_INCLUDE_LEVEL).
const deepest = 10

// read reads a file of the folder; what it includes and cannot be read is told in unread.
func read(folder, name string) (*configuration, error) {
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return nil, err
	}
	c := &configuration{folder: folder, unended: len(text) > 0 && !bytes.HasSuffix(text, []byte("\n"))}
	c.parse(name, text, 1)
	return c, nil
}

// named is the first section of a name, which is the one that Asterisk's modules take for [general].
func (c *configuration) named(name string) *section {
	for _, s := range c.sections {
		if s.name == name {
			return s
		}
	}
	return nil
}

var (
	includeLine = regexp.MustCompile(`^#(?:try)?include\s+["<]?([^">\s]+)`)
	gluedLine   = regexp.MustCompile(`\S\s*#(?:try)?include\s+["<]?([^">\s]+\.conf)`)
	headerLine  = regexp.MustCompile(`^\[([^\]]*)\](?:\(([^)]*)\))?`)
)

func (c *configuration) parse(name string, text []byte, depth int) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for at := (place{name, 1}); lines.Scan(); at.number++ {
		raw := lines.Text()
		line := strings.TrimSpace(c.uncomment(raw))
		c.glue(at, raw, line)
		if match := includeLine.FindStringSubmatch(line); match != nil {
			c.includes = append(c.includes, reference{at, match[1]})
			c.include(match[1], depth)
		} else if match := headerLine.FindStringSubmatch(line); match != nil {
			c.open(at, match[1], match[2])
		} else if key, value, ok := strings.Cut(line, "="); ok && c.current != nil {
			c.current.entries = append(c.current.entries, entry{at, strings.TrimSpace(key), strings.TrimSpace(strings.TrimPrefix(value, ">"))})
		}
	}
}

// gap is a comment that has nothing before an #include, but a gap: somebody has written about it.
var gap = regexp.MustCompile(`^\s*;+\s+#`)

// glue looks for an #include that stands behind something else on its line; line is what Asterisk reads of it.
func (c *configuration) glue(at place, raw, line string) {
	match := gluedLine.FindStringSubmatch(raw)
	if match == nil || includeLine.MatchString(line) {
		return
	}
	to := match[1]
	before, _, _ := strings.Cut(match[0], "#")
	switch inValue := gluedLine.MatchString(line); {
	case strings.TrimSpace(before) == before && before != ";", inValue && isFragment(to):
		c.glued = append(c.glued, reference{at, to})
	case !inValue && isFragment(to) && !gap.MatchString(raw):
		c.commented = append(c.commented, reference{at, to})
	}
}

// include puts in what a line includes, by a name that may be a pattern.
func (c *configuration) include(pattern string, depth int) {
	path := pattern
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.folder, path)
	}
	files, err := filepath.Glob(path)
	if err != nil || depth == deepest {
		return
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			c.unread = append(c.unread, err.Error())
			continue
		}
		name := file
		if inside, err := filepath.Rel(c.folder, file); err == nil && filepath.IsLocal(inside) {
			name = inside
		}
		c.parse(name, text, depth+1)
	}
}

// open begins a section, or goes on with an earlier one: [name](+), [name](!), [name](template,...).
func (c *configuration) open(at place, name, options string) {
	s := &section{place: at, name: name}
	for option := range strings.SplitSeq(options, ",") {
		option = strings.TrimSpace(option)
		switch {
		case option == "":
		case option == "!":
			s.template = true
		case strings.HasPrefix(option, "+"):
			if earlier := c.earlier(name, option[1:]); earlier != nil {
				c.current = earlier
				return
			}
			c.unopened = append(c.unopened, reference{at, name})
		default:
			if template := c.named(option); template != nil {
				s.entries = append(s.entries, template.entries...)
			}
		}
	}
	c.current = s
	c.sections = append(c.sections, s)
}

// earlier is the section that [name](+) means, or [name](+key=value) where several have the name.
func (c *configuration) earlier(name, filter string) *section {
	key, value, filtered := strings.Cut(filter, "=")
	for _, s := range c.sections {
		if s.name != name {
			continue
		}
		if e, _ := s.last(key); !filtered || e.value == value {
			return s
		}
	}
	return nil
}

// uncomment takes the comment off a line: behind a ; that has no \ before it, or between ;-- and --;.
func (c *configuration) uncomment(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		rest := line[i:]
		switch {
		case c.inComment:
			if strings.HasPrefix(rest, "--;") {
				c.inComment = false
				i += 2
			}
		case strings.HasPrefix(rest, `\;`):
			b.WriteByte(';')
			i++
		case strings.HasPrefix(rest, ";--") && !strings.HasPrefix(rest, ";---"):
			c.inComment = true
			i += 2
		case line[i] == ';':
			return b.String()
		default:
			b.WriteByte(line[i])
		}
	}
	return b.String()
}
