// Package imports holds the test that keeps imports one-way.
package imports

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/tareweight/tare/"

// may lists what the packages below a directory may import of this module, in the
// order in which data flows: what many use, sources, model, facts, analyzers,
// findings, reports. The longest directory counts; a directory may always import
// itself. Checks and facts import nothing internal, no network, no disk.
var may = map[string][]string{
	// used by many
	"analyzers/analysis": {},
	"analyzers/python":   {},
	"analyzers/redact":   {},
	"internal/checkout":  {},
	"internal/command":   {},
	"internal/inflate":   {},
	"internal/nodes":     {},
	"internal/toc":       {},
	"internal/trace":     {},

	// programs of the build, which are no part of Tare
	".ci": {},

	// sources
	"internal/ignore":       {"analyzers/analysis"},
	"internal/projects":     {"analyzers/analysis", "internal/checkout", "internal/nodes"},
	"internal/cache":        {"analyzers/analysis"},
	"internal/source":       {"analyzers/analysis", "internal/cache", "internal/checkout", "internal/command", "internal/inflate", "internal/toc"},
	"internal/config":       {"analyzers/analysis", "analyzers/redact", "internal/checkout", "internal/ignore", "internal/nodes"},
	"internal/buildcontext": {"analyzers/analysis", "internal/checkout", "internal/dockerfile"},

	// the model
	"internal/dockerfile":  {"analyzers/analysis"},
	"internal/image":       {"analyzers/analysis", "internal/cache", "internal/inflate", "internal/source", "internal/toc"},
	"internal/kubernetes":  {"analyzers/analysis", "internal/nodes"},
	"internal/attribution": {"analyzers/analysis", "analyzers/bases", "analyzers/redact"},

	// facts, and what reads files for them
	"analyzers/bases":        {},
	"analyzers/locks":        {},
	"analyzers/rpmdb":        {},
	"analyzers/requirements": {"analyzers/python", "analyzers/redact"},
	"analyzers/facts":        {"analyzers/analysis", "analyzers/bases", "analyzers/facts", "analyzers/python", "analyzers/redact", "analyzers/rpmdb"},

	// analyzers: a check; the suite alone imports several
	"analyzers": {"analyzers/analysis", "analyzers/bases", "analyzers/facts", "analyzers/locks", "analyzers/python", "analyzers/redact", "analyzers/requirements"},

	// findings
	"internal/driver": {"analyzers/analysis", "analyzers/bases", "analyzers/redact", "analyzers/facts/packages", "internal/attribution", "internal/cache", "internal/dockerfile", "internal/ignore", "internal/image", "internal/source"},

	// reports
	"internal/report":   {"analyzers/analysis", "analyzers/bases", "analyzers/redact", "internal/checkout", "internal/driver"},
	"internal/baseline": {"internal/checkout", "internal/report"},
	"internal/diff":     {"analyzers/analysis", "analyzers/redact", "internal/report"},
	"internal/scan":     {"analyzers/analysis", "analyzers/python", "analyzers/redact", "internal/cache", "internal/driver", "internal/report", "internal/source", "internal/trace"},

	// the programs
	"internal/cli": {"analyzers/analysis", "analyzers/bases", "analyzers/locks", "analyzers/redact", "analyzers/requirements", "internal/buildcontext", "internal/cache", "internal/checkout", "internal/command",
		"internal/baseline", "internal/config", "internal/diff", "internal/dockerfile", "internal/driver", "internal/ignore", "internal/image", "internal/kubernetes", "internal/projects", "internal/report", "internal/scan", "internal/source", "internal/trace"},
	"analyzers/multichecker": {"analyzers/analysis", "internal/cli"},
	"cmd":                    {"analyzers", "analyzers/multichecker"},
	"analyzers/analysistest": {"analyzers/analysis", "internal/cache", "internal/config", "internal/dockerfile", "internal/driver", "internal/kubernetes", "internal/report", "internal/source", "internal/toc"},
	"internal/corpus": {"analyzers", "analyzers/analysis", "analyzers/bases", "analyzers/facts", "analyzers/locks", "analyzers/requirements", "internal/buildcontext", "internal/checkout",
		"internal/dockerfile", "internal/driver", "internal/source"},
	"internal/attacks": {},
	"internal/imports": {},
}

// barred are packages of the standard library that checks and facts must not
// import: they compute, the driver reads.
var barred = []string{"net", "net/http", "os", "os/exec", "io/ioutil"}

// TestImports reads the sources itself, rather than run "go list", so that go
// test knows which files its cached result depends on.
func TestImports(t *testing.T) {
	for _, problem := range check(t, os.DirFS("../..")) {
		t.Error(problem)
	}
}

// TestPlanted plants imports that must be found.
func TestPlanted(t *testing.T) {
	for file, imported := range map[string]string{
		"analyzers/pinned/x.go":            module + "internal/driver",
		"analyzers/facts/shell/x.go":       "os",
		"analyzers/analysis/x.go":          module + "analyzers/facts/shell",
		"internal/dockerfile/x.go":         module + "internal/image",
		"analyzers/pinned/sub/x.go":        "net/http",
		"somewhere/x.go":                   "fmt",
		"internal/inflate/x.go":            module + "internal/image",
		"analyzers/facts/packages/deep.go": module + "analyzers/pinned",
		"analyzers/pinned/check.go":        module + "analyzers/toolchain",
	} {
		src := "package x\nimport _ " + strconv.Quote(imported) + "\n"
		if got := check(t, fstest.MapFS{file: {Data: []byte(src)}}); len(got) != 1 {
			t.Errorf("%s imports %s: %d problems, want one: %q", file, imported, len(got), got)
		}
	}
}

func check(t *testing.T, root fs.FS) (problems []string) {
	t.Helper()
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		place := ""
		for dir := range may {
			if under(name, dir) && len(dir) > len(place) {
				place = dir
			}
		}
		if place == "" {
			problems = append(problems, name+" belongs to no place of the table")
			return nil
		}
		check := under(name, "analyzers") && !under(name, "analyzers/analysistest") && !under(name, "analyzers/multichecker")
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			dep, ours := strings.CutPrefix(imported, module)
			switch {
			case check && slices.Contains(barred, imported):
				problems = append(problems, name+" must not import "+imported+": checks and facts do no input or output")
			case ours && !under(dep, place) && !slices.ContainsFunc(may[place], func(dir string) bool { return under(dep, dir) && (dir != "analyzers" || dep == dir) }):
				problems = append(problems, name+" must not import "+dep)
			case ours && place == "analyzers" && under(dep, place) && path.Dir(name) != place && path.Dir(name) != dep && !slices.ContainsFunc(may[place], func(dir string) bool { return under(dep, dir) }):
				problems = append(problems, name+" must not import "+dep+": a check is on its own, and what several need is a fact")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

func under(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }
