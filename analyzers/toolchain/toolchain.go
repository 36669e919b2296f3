// Package toolchain finds compilers in the image that ships.
package toolchain

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/analyzers/facts/causes"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/python"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:  "toolchain",
	Doc:   doc,
	Rules: []*analysis.Rule{installed, shipped, headers, buried, packaging},
	Needs: analysis.Needs{Facts: []analysis.AnyFact{installs.Fact, packages.Fact, causes.Fact, inputs.Fact}},
	Run:   run,
}

var installed = &analysis.Rule{
	ID:       "toolchain-installed",
	Title:    "the stage that ships installs a compiler",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
	Uses:     analysis.InputFiles,
	Runtime:  true,
}

var shipped = &analysis.Rule{
	ID:       "toolchain-shipped",
	Title:    "the image holds a compiler",
	Severity: analysis.Warning,
	Needs:    analysis.InputFiles,
	Bytes:    true,
	Runtime:  true,
}

var headers = &analysis.Rule{
	ID:       "toolchain-headers",
	Title:    "the image holds headers and static libraries to build with",
	Severity: analysis.Warning,
	Needs:    analysis.InputFiles,
	Runtime:  true,
}

var buried = &analysis.Rule{
	ID:       "toolchain-buried",
	Title:    "a compiler is shipped and deleted by a later layer",
	Severity: analysis.Warning,
	Needs:    analysis.InputFiles,
	Runtime:  true,
}

var packaging = &analysis.Rule{
	ID:       "toolchain-packaging",
	Title:    "an environment holds the tools that made it",
	Severity: analysis.Note,
	Needs:    analysis.InputFiles,
	Runtime:  true,
}

func run(pass *analysis.Pass) error {
	switch {
	case pass.HasFiles():
		fromImage(pass)
		fromLayers(pass)
		fromEnvironments(pass)
		pass.Undecided(installed, nil, "the image decides: see toolchain-shipped")
	case pass.Dockerfile != nil:
		fromText(pass)
	}
	return nil
}

// fromText predicts: compilers that the judged chain installs and keeps, one
// finding for each RUN.
func fromText(pass *analysis.Pass) {
	type group struct {
		first installs.Package
		names []string
	}
	var groups []*group
	chain := pass.Dockerfile.Chain()
	had := bases.Lookup(chain[0].Root).Compiler
	for _, p := range installs.Fact.Of(pass).Remaining(chain) {
		if !installs.Compiler(p.Name) || had && installs.Usual(p.Name) {
			continue // the base had it: that is said of the base
		}
		i := slices.IndexFunc(groups, func(g *group) bool {
			return g.first.Step.Instruction == p.Step.Instruction && g.first.Step.Script == p.Step.Script
		})
		if i < 0 {
			groups = append(groups, &group{first: p})
			i = len(groups) - 1
		}
		if g := groups[i]; !slices.Contains(g.names, p.Name) {
			g.names = append(g.names, p.Name)
		}
	}
	for _, o := range installs.Fact.Of(pass).Open() {
		if o.System && slices.Contains(chain, o.Stage) {
			pass.Undecided(installed, o, o.Reason)
		}
	}
	for _, g := range groups {
		slices.Sort(g.names)
		remedy := ": install it in a build stage and COPY what it makes, or remove it in the same RUN"
		if g.first.Kept != "" { // which the author tried
			remedy = ", where it stays: " + g.first.Kept
		}
		f := analysis.Finding{
			Rule:     installed,
			Location: g.first.Step.Location(),
			Key:      g.first.Step.Manager + ": " + strings.Join(g.names, " "),
			Packages: g.names,
			Message:  fmt.Sprintf("%s installs %s in the stage that ships%s", g.first.Step.Manager, quote(g.names), remedy),
		}
		if g.first.Step.Unlikely { // only if the build gives an ARG a value
			f.Severity = analysis.Note
		}
		pass.Report(f)
	}
}

func quote(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return analysis.And(quoted, 6)
}

// fromImage tells: compilers that a container sees, one finding for each
// instruction that brought them, those of the base on FROM.
func fromImage(pass *analysis.Pass) {
	severity := analysis.Severity("")
	because := runtimeCompiler(packages.Fact.Of(pass))
	if because != "" {
		severity = analysis.Note
	}
	if unknown := causes.Fact.Of(pass).Unknown; len(unknown) > 0 {
		pass.Undecided(shipped, nil, fmt.Sprintf("%s may be a compiler: the layer's table of contents does not tell, --only toolchain reads it",
			analysis.And(unknown, 3)))
	}
	keys := map[string]bool{}
	for _, g := range causes.Fact.Of(pass).Groups {
		if g.Cause != causes.Compiler && g.Cause != causes.Parts {
			continue
		}
		f := analysis.Finding{Rule: shipped, Severity: severity, Location: place(pass, g), Bytes: g.Size, OfBase: g.Layer.Base}
		size := g.Size
		names, rest := tools(g)
		switch {
		case g.Cause == causes.Parts:
			if g.Layer.Base {
				continue
			}
			f.Severity = analysis.Note
			f.Message = fmt.Sprintf("ships %s, parts of a toolchain without a compiler: %s; leave them in a build stage",
				quote(rest), size)
		case g.Layer.Base:
			f.Message = fmt.Sprintf("the base image ships %s%s: %s; %s", analysis.And(names, 5), also(rest), size, remedy(pass))
		default:
			f.Message = fmt.Sprintf("ships %s%s%s: %s; install them in a build stage and COPY what they make",
				analysis.And(names, 5), also(rest), orphans(g), size)
		}
		if because != "" {
			f.Message += fmt.Sprintf(" (a note, as %s may compile at run time)", because)
		}
		f.Packages = append(slices.Clone(names), rest...)
		about := key(g, f.Packages)
		f.Key = about
		for n := 2; keys[f.Key]; n++ { // the same tools once more, from another place
			f.Key = fmt.Sprintf("%s (%d)", about, n)
		}
		keys[f.Key] = true
		for _, p := range g.Packages { // those that hold the tools, which the message calls by their own names
			if !slices.Contains(f.Packages, p.Name) {
				f.Packages = append(f.Packages, p.Name)
			}
		}
		f.Related = inputs.Fact.Of(pass).Made(g.Layer)
		tools := slices.Clone(g.Tools)
		slices.SortStableFunc(tools, func(a, b causes.Tool) int { return cmp.Compare(b.File.Size, a.File.Size) })
		for i, t := range tools {
			if i == 10 {
				break
			}
			f.Related = append(f.Related,
				analysis.Related{Location: t.File.Location(), Message: fmt.Sprintf("%s, %s", t.Name, analysis.Bytes(t.File.Size))})
		}
		pass.Report(f)
	}
}

// key is what a group is about, whichever layer holds it.
func key(g *causes.Group, names []string) string {
	where := "added"
	if g.Layer.Base {
		where = "base"
	}
	return where + ": " + strings.Join(names, " ")
}

// place is the line that a group stands on: that of the command which installs
// one of its packages, if it can be found, else that of the instruction.
func place(pass *analysis.Pass, g *causes.Group) analysis.Location {
	for _, inst := range g.Layer.Instructions {
		for _, step := range installs.Fact.Of(pass).Of(inst) {
			for _, w := range step.Names {
				name := installs.PackageName(step.Manager, w.Text)
				if !step.Remove &&
					(installs.Compiler(name) || slices.ContainsFunc(g.Packages, func(p *packages.Package) bool { return p.Name == name })) {
					return step.Location()
				}
			}
		}
	}
	return g.Layer.Location()
}

// tools are the names of a group's compilers as people call them, and the
// packages beside those that hold them.
func tools(g *causes.Group) (names, rest []string) {
	backend := map[string]bool{
		"cc1":        true,
		"cc1plus":    true,
		"lto1":       true,
		"f951":       true,
		"cc1obj":     true,
		"cc1objplus": true,
		"cicc":       true,
		"c++":        true,
		"go1":        true,
		"d21":        true,
		"gnat1":      true,
	}
	for _, all := range []bool{false, true} {
		for _, t := range g.Tools {
			if (all || !backend[t.Name]) && !slices.Contains(names, t.Name) {
				names = append(names, t.Name)
			}
		}
		if len(names) > 0 {
			break
		}
	}
	slices.Sort(names)
	for _, p := range g.Packages {
		holds := slices.ContainsFunc(g.Tools, func(t causes.Tool) bool { return slices.Contains(p.Files, t.File) })
		if !holds && !slices.Contains(rest, p.Name) {
			rest = append(rest, p.Name)
		}
	}
	slices.Sort(rest)
	return names, rest
}

// orphans says how many packages came along that nothing else needs.
func orphans(g *causes.Group) string {
	switch n := len(g.Orphans); n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(", and %s, which nothing else needs", g.Orphans[0].Name)
	default:
		return fmt.Sprintf(", and %d packages that nothing else needs", n)
	}
}

func also(rest []string) string {
	switch len(rest) {
	case 0:
		return ""
	case 1, 2, 3:
		return " with " + analysis.And(rest, 3)
	}
	return fmt.Sprintf(" and %d packages of their toolchain", len(rest))
}

// remedy says which base to use instead.
func remedy(pass *analysis.Pass) string {
	if pass.Dockerfile != nil {
		if root := pass.Dockerfile.Chain()[0].Root; root != "" {
			if b := bases.Lookup(root); b.Full {
				return fmt.Sprintf("use %q for the stage that ships", b.Sibling)
			}
		}
	}
	return "use a base without one for the stage that ships"
}

// compiling are distributions that call a compiler at run time.
var compiling = []string{"triton", "pytensor", "theano", "theano-pymc", "cython"}

// runtimeCompiler names a distribution that may call a compiler when the
// application runs, or "".
func runtimeCompiler(s *packages.Set) string {
	for _, p := range s.Distributions() {
		if slices.Contains(compiling, python.NormalizeName(p.Name)) {
			return p.Name
		}
	}
	return ""
}
