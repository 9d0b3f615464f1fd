package flows_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// outside are sources that no reader of the repository has. (Written apart, since this file is read, too.)
	outside = regexp.MustCompile(`\b(ari|kazoo|pbx)-fact` + `s\b|\(desig` + `n\b|\bdesig` + `n ([0-9]|page)|\b(desig` + `n|styl` + `e)\.md\b|/work/` + `shared`)
	// cited is a Markdown file in a comment; sections of it may follow: (ari/ASTERISK.md, Digits; Bridges).
	cited = regexp.MustCompile(`[\w./-]*\w\.md\b`)
	// section begins with a capital letter, so that "README.md, or whatever" names none.
	section = regexp.MustCompile(`^[,;] ([A-Z].*)`)
	// linked is a link to a file of the repository, to a section of one, or to both.
	linked = regexp.MustCompile(`\]\(([^)#\s:]*)(?:#([^)\s]+))?\)`)
	// noLetter is what GitHub leaves out of a heading's anchor.
	noLetter = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// What a comment or a document cites is in the repository, under the name by which it is cited.
func TestCites(t *testing.T) {
	texts := texts(t)
	comments := 0
	for path, text := range texts {
		for i, line := range strings.Split(text, "\n") {
			if found := outside.FindString(line); found != "" {
				t.Errorf("%s:%d cites what is not in the repository: %q", path, i+1, found)
			}
		}
		switch filepath.Ext(path) {
		case ".go":
			comments += citesOfGo(t, path, text, texts)
		case ".md":
			links(t, path, text, texts)
		}
	}
	if comments < 100 {
		t.Errorf("only %d comments of %d files cite a document: is it the repository that was read?", comments, len(texts))
	}
}

// texts are the repository's files by their paths, but for data of tests and what is built.
func texts(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "data", "testdata"}, d.Name()):
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		raw, err := os.ReadFile(path)
		texts[filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// citesOfGo looks at the citations in a Go file's comments, and says how many name a section.
func citesOfGo(t *testing.T, path, text string, texts map[string]string) (sections int) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.ParseComments)
	if err != nil {
		t.Error(err)
		return 0
	}
	for _, group := range file.Comments {
		where := files.Position(group.Pos()).String()
		comment := strings.Join(strings.Fields(group.Text()), " ")
		for _, at := range cited.FindAllStringIndex(comment, -1) {
			document, follows := comment[at[0]:at[1]], comment[at[1]:]
			known := documents(path, document, texts)
			if known == nil {
				t.Errorf("%s cites %s, which is not in the repository", where, document)
			}
			for known != nil {
				named := section.FindStringSubmatch(follows)
				if len(named) == 0 || strings.HasPrefix(named[1], "README.md") { // that is another document
					break
				}
				sections++
				var found bool
				if follows, found = afterSection(known, texts, named[1]); !found {
					t.Errorf("%s cites %s, which has no such section: %q", where, document, named[1])
				}
			}
		}
	}
	return sections
}

// documents are the files that a path may mean that stands in another file: from the top, or from where it stands.
func documents(from, path string, texts map[string]string) (known []string) {
	for _, p := range []string{filepath.ToSlash(filepath.Clean(path)), filepath.ToSlash(filepath.Join(filepath.Dir(from), path))} {
		if _, there := texts[p]; there {
			known = append(known, p)
		}
	}
	return known
}

// afterSection finds the section of one of the documents whose name begins the text, and ends with it or before a punctuation
// mark; rest is what follows.
func afterSection(documents []string, texts map[string]string, text string) (rest string, found bool) {
	for _, d := range documents {
		for _, h := range headings(texts[d]) {
			rest, begins := strings.CutPrefix(text, h)
			if begins && (rest == "" || strings.ContainsAny(rest[:1], ").,:;")) {
				return rest, true
			}
		}
	}
	return "", false
}

// headings are the names of a document's sections.
func headings(document string) (names []string) {
	code := false
	for line := range strings.Lines(document) {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if name := strings.TrimLeft(line, "#"); !code && name != line {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// links looks at the links of a document that lead to files of the repository.
func links(t *testing.T, path, text string, texts map[string]string) {
	t.Helper()
	for _, link := range linked.FindAllStringSubmatch(text, -1) {
		to := path
		if link[1] != "" {
			to = filepath.ToSlash(filepath.Join(filepath.Dir(path), link[1]))
		}
		if _, err := os.Stat(filepath.Join("..", to)); err != nil {
			t.Errorf("%s links to %s, which is not in the repository", path, link[1])
			continue
		}
		anchor := func(h string) bool {
			return strings.ReplaceAll(noLetter.ReplaceAllString(strings.ToLower(h), ""), " ", "-") == link[2]
		}
		if link[2] != "" && !slices.ContainsFunc(headings(texts[to]), anchor) {
			t.Errorf("%s links to %s#%s, which is no section", path, link[1], link[2])
		}
	}
}
