package actions_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"metaflows/actions"
	"metaflows/app/egress"
	"metaflows/app/schema"
	"metaflows/flows/calls"
)

// TestNewModule: nothing of what doc.go asks of a module is missing.
func TestNewModule(t *testing.T) {
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
	eachCall(t, "*.go", func(called string, call *ast.CallExpr, at token.Position) {
		if called == "Define" {
			if name := literal(call.Args[0]); runs[name].Run == nil {
				t.Errorf("%s: module %s is not in the list of actions.go", at, name)
			}
		}
	})
	stories, restarts := strings.Join(slices.Collect(maps.Values(textsOf(t, "testdata/*.txtar"))), "\n"), restartFiles(t)
	for name := range runs {
		if begun := regexp.MustCompile(`(?m)^ +[0-9.]+ +event +action\.started .*\bmodule=` + name + `\b`); !begun.MatchString(stories) {
			t.Errorf("module %s runs in no call in testdata", name)
		}
		if !slices.ContainsFunc(restarts, func(path string) bool {
			file := strings.TrimSuffix(filepath.Base(path), ".txtar")
			return strings.HasPrefix(file+"_", name+"_") || strings.HasPrefix(name, file+"_")
		}) {
			t.Errorf("module %s has no call in testdata/restart", name)
		}
		for _, path := range []string{"README.md", "../README.md"} {
			if _, table, _ := strings.Cut(textsOf(t, path)[path], "\n## Modules\n"); !strings.Contains(table, "\n| `"+name+"` | ") {
				t.Errorf("module %s has no row in %s, Modules", name, path)
			}
		}
	}
}

// textsOf are the files of a pattern, by their paths.
func textsOf(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no %s: %v", pattern, err)
	}
	texts := map[string]string{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(text)
	}
	return texts
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
	shown := map[[2]string]bool{}
	for _, text := range textsOf(t, "testdata/*.txtar") {
		for _, m := range actionFailed.FindAllStringSubmatch(text, -1) {
			shown[[2]string{m[1], m[2]}] = true
		}
	}
	return shown
}

var actionFailed = regexp.MustCompile(`(?m)^ +[0-9.]+ +event +action\.failed .*\bmodule=(\S+) .*\bresult=failed reason=(\S+)`)

// writtenReasons are the words that the failures of packages are made with, where they are written in them, and where.
func writtenReasons(t *testing.T, folders ...string) map[string]token.Position {
	written := map[string]token.Position{}
	for _, folder := range folders {
		eachCall(t, filepath.Join(folder, "*.go"), func(name string, call *ast.CallExpr, at token.Position) {
			if name == "Fail" || name == "Broken" {
				written[literal(call.Args[0])] = at
			}
		})
	}
	delete(written, "") // where it is a variable, the calls in testdata show it
	if written["forbidden"].Line == 0 || written["not_two_legs"].Line == 0 {
		t.Fatalf("the reasons are not found: %v", written)
	}
	return written
}

// TestContractIsWhole: every verb of the port is tried by the contract that a real Asterisk passes, too.
func TestContractIsWhole(t *testing.T) {
	tried := map[string]bool{}
	eachCall(t, "pbxtest/contract*.go", func(name string, call *ast.CallExpr, _ token.Position) {
		on, _ := call.Fun.(*ast.SelectorExpr)
		if on != nil {
			is, _ := on.X.(*ast.Ident)
			tried[name] = tried[name] || is != nil && is.Name == "tr"
		}
	})
	for m := range reflect.TypeFor[actions.PBX]().Methods() {
		if !tried[m.Name] {
			t.Errorf("the port's %s has no trial in pbxtest.Contract", m.Name)
		}
	}
}

// literal is a text that is written there, "" for anything else.
func literal(e ast.Expr) string {
	if word, ok := e.(*ast.BasicLit); ok && word.Kind == token.STRING {
		return strings.Trim(word.Value, "\"`")
	}
	return ""
}

// eachCall visits what is called in the files of a pattern, but for tests: name is the function's or the method's.
func eachCall(t *testing.T, pattern string, visit func(name string, call *ast.CallExpr, at token.Position)) {
	t.Helper()
	set := token.NewFileSet()
	for path, text := range textsOf(t, pattern) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				switch called := call.Fun.(type) {
				case *ast.Ident:
					visit(called.Name, call, set.Position(call.Pos()))
				case *ast.SelectorExpr:
					visit(called.Sel.Name, call, set.Position(call.Pos()))
				}
			}
			return true
		})
	}
}
