package actions_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"metaflows/actions"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/flows/calls"
)

// TestDeclared: every module has a schema, and speaks of keys of it alone.
func TestDeclared(t *testing.T) {
	runs := actions.New(actions.Config{}).Modules()
	schemas, err := schema.Load(egress.Blocked{}, actions.Declared())
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]string{} // by whom
	for name, m := range actions.Declared() {
		if (m.Run != nil) != (runs[name].Run != nil) {
			t.Errorf("module %s runs, and is said to be one of those that do not yet", name)
		}
		text := schemas.Text("metaflows." + name)
		if text == nil {
			t.Errorf("module %s has no schema in app/schema/schemas", name)
			continue
		}
		keys := m.Keys
		for _, l := range m.Lacks {
			keys = append(keys, l.Key)
		}
		if m.URL != "" {
			keys = append(keys, m.URL)
		}
		for _, act := range m.Serves {
			if other := served[act.Name]; other != "" {
				t.Errorf("channel action %s is served by %s and by %s", act.Name, other, name)
			}
			served[act.Name] = name
			for _, p := range act.Params {
				if m.Run != nil { // Kazoo's move takes a timeout that its schema does not have
					keys = append(keys, cmp.Or(p.Key, p.Name))
				}
			}
		}
		for _, key := range keys {
			if text.Get("properties").Get(key) == nil {
				t.Errorf("module %s speaks of a key %s, which is not in its schema", name, key)
			}
		}
	}
}

// TestReasons: a module fails for the reasons that it declares, each of which a call in testdata shows, and a reason is of one
// kind whoever fails for it.
func TestReasons(t *testing.T) {
	declared := actions.Declared()
	kinds := calls.Reasons{}
	shown := shownReasons(t)
	for name, m := range declared {
		for reason, kind := range m.Reasons {
			if known, some := kinds[reason]; some && known != kind {
				t.Errorf("reason %s is of another kind for %s than for others", reason, name)
			}
			if kinds[reason] = kind; kind == 0 || (calls.Module{}).Kind(reason) != 0 {
				t.Errorf("module %s: reason %s is of no kind, or every module may fail for it", name, reason)
			}
			if !shown[[2]string{name, reason}] {
				t.Errorf("module %s says that it may fail for %s, and no call in testdata does", name, reason)
			}
		}
	}
	for at := range shown {
		if name, reason := at[0], at[1]; declared[name].Kind(reason) == 0 {
			t.Errorf("module %s fails for %s in testdata, and does not say that it may", name, reason)
		}
	}
	for reason, at := range writtenReasons(t, ".", "../flows/calls") {
		if kinds[reason] == 0 && (calls.Module{}).Kind(reason) == 0 {
			t.Errorf("%s: no module says that it may fail for %s", at, reason)
		}
	}
}

// shownReasons are the modules that fail in testdata, and for what.
func shownReasons(t *testing.T) map[[2]string]bool {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	shown := map[[2]string]bool{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range actionFailed.FindAllStringSubmatch(string(text), -1) {
			shown[[2]string{m[1], m[2]}] = true
		}
	}
	return shown
}

var actionFailed = regexp.MustCompile(`(?m)^ +[0-9.]+ +event +action\.failed .*\bmodule=(\S+) .*\bresult=failed reason=(\S+)`)

// writtenReasons are the words that a package's failures are made with, where they are written in them, and where.
func writtenReasons(t *testing.T, folders ...string) map[string]token.Position {
	written, set := map[string]token.Position{}, token.NewFileSet()
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", folder, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				name := ""
				switch made := call.Fun.(type) {
				case *ast.Ident:
					name = made.Name
				case *ast.SelectorExpr:
					name = made.Sel.Name
				}
				word, ok := call.Args[0].(*ast.BasicLit)
				if ok && word.Kind == token.STRING && (name == "Fail" || name == "Broken") {
					reason, err := strconv.Unquote(word.Value)
					if err != nil {
						t.Fatal(err)
					}
					written[reason] = set.Position(word.Pos())
				}
				return true
			})
		}
	}
	if written["forbidden"].Line == 0 || written["not_two_legs"].Line == 0 {
		t.Fatalf("the reasons are not found: %v", written)
	}
	return written
}
