package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// driverOnly are the names of package analysis that are for who runs checks, not for who writes
// them: a check gets its Pass and its Image made. Go cannot export them to the driver alone, as
// checks of other modules import the package too.
var driverOnly = []string{"Target", "NewPass", "Merge", "NewMerger"}

// TestNames: no check and no fact names them.
func TestNames(t *testing.T) {
	for _, problem := range named(t, os.DirFS("../..")) {
		t.Error(problem)
	}
	for src, want := range map[string]int{
		"var t analysis.Target": 1, "func f(t *analysis.Target) { t.NewPass() }": 2, "func f(i *analysis.Image) { i.Merge(1, 2) }": 1,
		"func f(p *analysis.Pass) { p.Report(analysis.Finding{}) }": 0, "var d = x.Dockerfile.Target": 0,
	} {
		if got := named(t, fstest.MapFS{"analyzers/pinned/x.go": {Data: []byte("package x\n" + src + "\n")}}); len(got) != want {
			t.Errorf("%q: %q, want %d", src, got, want)
		}
	}
}

func named(t *testing.T, root fs.FS) (problems []string) {
	t.Helper()
	err := fs.WalkDir(root, "analyzers", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") ||
			under(name, "analyzers/analysis") || under(name, "analyzers/analysistest") {
			return err
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains(driverOnly, s.Sel.Name) {
				return true
			}
			pkg, ok := s.X.(*ast.Ident)
			if s.Sel.Name != "Target" || ok && pkg.Name == "analysis" {
				problems = append(problems, name+" names "+s.Sel.Name+", which is the driver's")
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return problems
}
