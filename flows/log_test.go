package flows_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// A line of level ERROR about a call is about something that cost somebody something, and says what to do: each has a key
// "do", or the attributes of one that has it.
func TestErrorsInTheLogSayWhatToDo(t *testing.T) {
	found := 0
	for _, folder := range []string{"../flows", "../actions"} {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !isLogError(call) {
					return true
				}
				found++
				if call.Ellipsis.IsValid() { // what it is made of is looked at by the tests of the log
					return true
				}
				for _, arg := range call.Args {
					if word, ok := arg.(*ast.BasicLit); ok && word.Value == `"do"` {
						return true
					}
				}
				t.Errorf("%s: the line does not say what to do", set.Position(call.Pos()))
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 10 {
		t.Errorf("only %d lines were found", found)
	}
}

// isLogError says of a call that it is one of slog's Error: by name, by what it is called on, and by what it is given.
func isLogError(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != "Error" || len(call.Args) == 0 {
		return false
	}
	switch on := f.X.(type) {
	case *ast.Ident:
		return strings.EqualFold(on.Name, "log") || on.Name == "slog"
	case *ast.SelectorExpr:
		return strings.EqualFold(on.Sel.Name, "log")
	}
	return false
}
