package doctor

import "fmt"

// finding is one thing that was looked at.
type finding struct {
	level level
	what  string   // what is wrong, and where
	lines []string // what mends it
}

// level says how bad a finding is.
type level string

const (
	fine    level = ""        // all is well
	note    level = "NOTE"    // may be meant so
	missing level = "MISSING" // metaflows, or what is beside it, does not work as it is
)

// tell prints findings.
func (p *patient) tell(findings ...finding) {
	for _, f := range findings {
		switch f.level {
		case fine:
			p.good(f.what)
		case missing:
			p.bad(f.what, f.lines...)
		case note:
			p.print(string(note), f.what, f.lines)
		}
	}
}

func (p *patient) good(what string) { p.print("ok", what, nil) }

// bad prints what is missing, and the lines that put it right.
func (p *patient) bad(what string, lines ...string) {
	p.healthy = false
	p.print(string(missing), what, lines)
}

func (p *patient) print(word, what string, lines []string) {
	fmt.Fprintf(p.out, "%-7s %s\n", word, what)
	for _, line := range lines {
		fmt.Fprintln(p.out, "          "+line)
	}
}
