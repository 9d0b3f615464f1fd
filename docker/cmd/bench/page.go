package main

import (
	_ "embed"
	"io"
	"strings"
	"text/template"
	"time"
)

// page is the capacity card.
type page struct {
	Machine  machine
	Quick    bool // it is for trying: too little was measured
	Sections []chapter
}

// chapter is what a section's commands have given.
type chapter struct {
	Title, About string
	Tables       []table
}

// table is what one command has given.
type table struct {
	Command string // as it is typed
	Took    time.Duration
	Figures []figure
	Failed  string // why there are no more figures; empty if all are there
}

// Compared says whether plain Asterisk has a counterpart to any of its figures.
func (t table) Compared() bool {
	for _, f := range t.Figures {
		if f.plain != 0 {
			return true
		}
	}
	return false
}

// Failed are the commands that have failed.
func (p page) Failed() (list []string) {
	for _, c := range p.Sections {
		for _, t := range c.Tables {
			if t.Failed != "" {
				list = append(list, t.Command)
			}
		}
	}
	return list
}

//go:embed page.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"seconds": func(d time.Duration) string { return number(d.Round(time.Second).Seconds()) + " s" },
	// A cell is one line; a bar would end it, and an asterisk change the type.
	"cell": func(text string) string {
		return strings.NewReplacer("|", `\|`, "*", `\*`).Replace(strings.Join(strings.Fields(text), " "))
	},
}).Parse(pageText))

// write writes the page. All in it was measured.
func (p page) write(out io.Writer) error { return pageTemplate.Execute(out, p) }
