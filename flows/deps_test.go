package flows_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// arrows says what a package and those below it may import beside the standard library and themselves, and
// why that is all. The imports of tests do not count.
var arrows = map[string]struct {
	may []string
	why string
}{
	"metaflows/flows": {
		why: "what users configured and the call that runs it are tested in virtual time, without Asterisk, NATS or files; " +
			"flows/calls is below it in the tree only, documents and keys know of no call (TestPure)",
	},
	"metaflows/actions": {
		may: []string{"metaflows/flows"},
		why: "an action asks the small interface of actions/port.go, never ari, so that it runs without Asterisk",
	},
	"metaflows/ari": {
		may: []string{"metaflows/flows", "github.com/CyCoreSystems/ari/v5", "github.com/coder/websocket"},
		why: "ari.Client fits actions.PBX by its methods alone, and app states that; arrows point from app to ari",
	},
	"metaflows/app/schema": {
		may: []string{"metaflows/flows", "metaflows/app/egress", "github.com/santhosh-tekuri/jsonschema/v6"},
		why: "documents are checked by the command line too, without the API, NATS and Asterisk",
	},
	"metaflows/app/simulate": {
		may: []string{"metaflows/flows"},
		why: "keys are played through on flows alone; what else it needs it is given",
	},
	"metaflows/app/cli": {
		may: []string{"metaflows/flows", "metaflows/actions", "metaflows/app/schema", "metaflows/app/simulate", "metaflows/app/egress"},
		why: "simulate and check need no NATS, no Asterisk and no settings",
	},
	"metaflows/app/client": {
		why: "what is asked of a metaflows that runs is asked over its API, so that it can be any, and is what the API says",
	},
	"metaflows/app/auth": {
		may: []string{"metaflows/app/store", "github.com/golang-jwt/jwt/v5", "golang.org/x/time/rate"},
		why: "who somebody is depends on nothing that he asks for; where keys are kept is behind an interface",
	},
	"metaflows/app/directory": {
		may: []string{"metaflows/flows", "metaflows/app/schema", "metaflows/app/store"},
		why: "it is asked by the API and by calls, and knows neither",
	},
	"metaflows/app/rest": {
		may: []string{
			"metaflows/flows", "metaflows/app/auth", "metaflows/app/directory", "metaflows/app/events", "metaflows/app/live", "metaflows/app/recordings", "metaflows/app/schema", "metaflows/app/simulate", "metaflows/app/store",
		},
		why: "it answers without Asterisk and knows NATS only by what keeps documents, entries, keys, recordings and live calls",
	},
	"metaflows/app/recordings": {
		may: []string{"metaflows/flows", "metaflows/app/broker", "metaflows/app/egress", "github.com/nats-io/nats.go"},
		why: "what becomes of a file is tested without Asterisk, whose files it has by an interface; calls and the API ask it, and it knows neither",
	},
	"metaflows/app/metrics": {
		may: []string{"metaflows/flows", "metaflows/ari", "github.com/prometheus/client_golang"},
		why: "what is measured is told it, or asked by it; nobody else counts for Prometheus",
	},
	"metaflows/app/egress": {
		why: "whatever calls a URL asks it, so it needs nobody",
	},
}

// strangers are packages, with those below them, that the program must not be linked with, and why.
var strangers = map[string]string{
	"metaflows/docker":  "it serves lab and tests only",
	"github.com/emiago": "the phones of lab and tests need it; Asterisk speaks SIP for us",
	"github.com/pion":   "the phones of lab and tests need it; Asterisk speaks RTP for us",
	"github.com/pb33f":  "it holds answers against /openapi.json, in tests",
	"testing":           "it brings the flags of go test along",
	"net/http/httptest": "it is for tests",
}

func TestArrows(t *testing.T) {
	all := packages(t)
	for from, arrow := range arrows {
		if all[from] == nil {
			t.Errorf("there is no package %s", from)
		}
		for _, p := range all {
			if !below(p.ImportPath, from) {
				continue
			}
			for _, path := range p.Imports {
				allowed := below(path, from) || all[path] != nil && all[path].Standard
				for _, may := range arrow.may {
					allowed = allowed || below(path, may)
				}
				allowed = allowed || isKit(p.ImportPath) && !below(path, "metaflows")
				if !allowed {
					t.Errorf("%s imports %s: %s", p.ImportPath, path, arrow.why)
				}
			}
		}
	}
}

// TestPure: documents, matching and keypads have no goroutine, no lock, no clock and no log of their own; whoever uses them
// brings the time.
func TestPure(t *testing.T) {
	p := packages(t)["metaflows/flows"]
	for _, path := range p.Imports {
		if below(path, "metaflows") || slices.Contains([]string{"context", "log/slog", "os", "sync/atomic"}, path) {
			t.Errorf("package flows imports %s", path)
		}
	}
	for _, name := range p.GoFiles {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: package flows begins a goroutine", set.Position(n.Pos()))
			case *ast.SelectorExpr:
				on, ok := n.X.(*ast.Ident)
				if ok && on.Name == "time" && slices.Contains([]string{"Now", "Since", "After", "AfterFunc", "NewTimer", "Sleep"}, n.Sel.Name) {
					t.Errorf("%s: package flows has a clock, time.%s", set.Position(n.Pos()), n.Sel.Name)
				}
				if ok && on.Name == "sync" && n.Sel.Name != "OnceValue" {
					t.Errorf("%s: package flows has a lock, sync.%s", set.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestProductionBinary(t *testing.T) {
	all := packages(t)
	if p := all["metaflows/app"]; p == nil || p.Name != "main" {
		t.Fatal("metaflows/app is not a program")
	}
	importer := map[string]string{"metaflows/app": ""}
	for queue := []string{"metaflows/app"}; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		for stranger, why := range strangers {
			if below(path, stranger) {
				t.Errorf("the program is linked with %s: %s; it is imported by %s", path, why, importer[path])
			}
		}
		if isKit(path) {
			t.Errorf("the program is linked with %s: it is for tests; it is imported by %s", path, importer[path])
		}
		if all[path] == nil || all[path].Standard {
			continue
		}
		for _, next := range all[path].Imports {
			if _, seen := importer[next]; !seen {
				importer[next] = path
				queue = append(queue, next)
			}
		}
	}
}

// below says whether path is the package top or lies in a folder below it.
func below(path, top string) bool { return path == top || strings.HasPrefix(path, top+"/") }

// isKit says whether path is one of our test kits, as ari/aritest; they may use modules of others as they like.
func isKit(path string) bool { return below(path, "metaflows") && strings.HasSuffix(path, "test") }

// goPackage is what we use of go list's answer.
type goPackage struct {
	ImportPath, Name, Dir string
	Standard              bool
	GoFiles, Imports      []string
}

// packages are this module's and all that they need, by import path.
func packages(t *testing.T) map[string]*goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Name,Dir,Standard,GoFiles,Imports", "metaflows/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]*goPackage)
	for decoder := json.NewDecoder(out); ; {
		p := new(goPackage)
		if err := decoder.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
		if below(p.ImportPath, "metaflows") {
			touch(t, p)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

// touch looks at the package's files, so that go test runs this test again when one of them has changed: it knows
// only of files that the test itself has looked at.
func touch(t *testing.T, p *goPackage) {
	t.Helper()
	if _, err := os.ReadDir(p.Dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range p.GoFiles {
		if _, err := os.Stat(filepath.Join(p.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}
