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

// A line of level ERROR is about something that cost somebody something, and says what to do: each has a key "do". Test kits
// do not log; what they call by these names is a test's.
func TestErrorsInTheLogSayWhatToDo(t *testing.T) {
	for _, folder := range []string{"flows", "actions", "ari", "app"} {
		found := 0
		err := filepath.WalkDir(filepath.Join("..", folder), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && strings.HasSuffix(d.Name(), "test"):
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			n, silent := errorLines(file)
			found += n
			for _, line := range silent {
				t.Errorf("%s: the line does not say what to do", set.Position(line.Pos()))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if found < 3 {
			t.Errorf("only %d lines were found in %s", found, folder)
		}
	}
}

// TestErrorLines: whichever way a line becomes an ERROR, it is found.
func TestErrorLines(t *testing.T) {
	for line, want := range map[string]string{
		`log.Error("x", "error", err)`:                                              "silent",
		`log.Error("x", "error", err, "do", "look")`:                                "says",
		`a.cfg.Log.Error("x")`:                                                      "silent",
		`logger.With("call", id).Error("x")`:                                        "silent",
		`logger.With("call", id).ErrorContext(ctx, "x")`:                            "silent",
		`logger.ErrorContext(ctx, "x", slog.String("do", "look"))`:                  "says",
		`log.Log(ctx, slog.LevelError, "x")`:                                        "silent",
		`log.Log(ctx, slog.LevelError, "x", "do", "look")`:                          "says",
		`log.LogAttrs(ctx, slog.LevelError+1, "x")`:                                 "silent",
		`log.LogAttrs(ctx, slog.LevelError, "x", slog.String("do", "look"))`:        "says",
		`log.Error("x", append(words, "do", do)...)`:                                "says",
		`log.Error("x", words...)`:                                                  "silent",
		`server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelError)`:       "silent",
		`level := slog.LevelError; log.Log(ctx, level, "x")`:                        "silent",
		`log.Info("x", "error", err.Error()); log.Log(ctx, slog.LevelWarn, "x")`:    "none",
		`go func() { log.Error("x") }(); later(func() { log.Info("do") }, "do")`:    "silent",
		`later(func() { log.Log(ctx, slog.LevelError, "x") }, "do", "not of this")`: "silent",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p; func f() { "+line+" }", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(line, err)
		}
		found, silent := errorLines(file)
		got := "none"
		switch {
		case len(silent) > 0:
			got = "silent"
		case found > 0:
			got = "says"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// errorLines are the places of a file that make a line of level ERROR, and those of them that have no key "do": a method
// Error or ErrorContext that is given something (error's own is given nothing), and whatever names slog.LevelError.
func errorLines(file *ast.File) (found int, silent []ast.Node) {
	look := func(n ast.Node, said bool) {
		if found++; !said {
			silent = append(silent, n)
		}
	}
	var around []*ast.CallExpr // calls that n stands in, and no function within them
	var walk func(ast.Node)
	walk = func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				outside := around
				around = nil
				walk(n.Body)
				around = outside
				return false
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 0 && (f.Sel.Name == "Error" || f.Sel.Name == "ErrorContext") {
					look(n, saysWhatToDo(n))
				}
				walk(n.Fun)
				around = append(around, n)
				for _, arg := range n.Args {
					walk(arg)
				}
				around = around[:len(around)-1]
				return false
			case *ast.SelectorExpr:
				if n.Sel.Name == "LevelError" {
					look(n, len(around) > 0 && saysWhatToDo(around[len(around)-1]))
				}
			}
			return true
		})
	}
	walk(file)
	return found, silent
}

// saysWhatToDo says of a call that one of its arguments, or what makes one, is the key "do".
func saysWhatToDo(call *ast.CallExpr) (says bool) {
	for _, arg := range call.Args {
		ast.Inspect(arg, func(n ast.Node) bool {
			word, ok := n.(*ast.BasicLit)
			says = says || ok && word.Value == `"do"`
			return true
		})
	}
	return says
}
