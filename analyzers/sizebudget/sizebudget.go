// Package sizebudget holds an image to a size.
package sizebudget

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/causes"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/packages"
)

//go:embed README.md
var doc string

// Config is the budgets. 0 is none, except that Unpacked then has a default,
// which warns; a budget that is set is an error to go over.
type Config struct {
	Download analysis.Bytes `yaml:"download"`
	Unpacked analysis.Bytes `yaml:"unpacked" default:"300 MB, which warns"`
	Layer    analysis.Bytes `yaml:"layer"` // of each above the base: to download, or, where that is unknown, unpacked
	App      analysis.Bytes `yaml:"app"`   // unpacked, of all above the base

	Path    map[Glob]analysis.Bytes `yaml:"path"`    // of what a container sees below each directory
	Package map[Glob]analysis.Bytes `yaml:"package"` // of installed packages by name or pattern; "*" is any

	Growth Growth `yaml:"growth" default:"total 5%, which warns"` // against the baseline image
}

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:   "sizebudget",
	Doc:    doc,
	Rules:  []*analysis.Rule{download, unpacked, layer, app, tree, pkg, growth},
	Needs:  analysis.Needs{Facts: []analysis.AnyFact{packages.Fact, causes.Fact, inputs.Fact, installs.Fact}},
	Config: Config{},
	Run:    run,
}

var download = &analysis.Rule{
	ID:       "sizebudget-download",
	Title:    "the image is larger to download than its budget",
	Severity: analysis.Error,
	Unset:    "off",
	Needs:    analysis.InputManifest,
	Runtime:  true,
}

var unpacked = &analysis.Rule{
	ID:       "sizebudget-unpacked",
	Title:    "the image is larger unpacked than its budget",
	Severity: analysis.Error,
	Unset:    "warning",
	Needs:    analysis.InputFiles,
	Runtime:  true,
}

var layer = &analysis.Rule{
	ID:       "sizebudget-layer",
	Title:    "a layer is larger than its budget",
	Severity: analysis.Error,
	Unset:    "off",
	Needs:    analysis.InputManifest,
	Runtime:  true,
}

var app = &analysis.Rule{
	ID:       "sizebudget-app",
	Title:    "what was added to the base is larger than its budget",
	Severity: analysis.Error,
	Unset:    "off",
	Needs:    analysis.InputFiles,
	Runtime:  true,
}

var tree = &analysis.Rule{
	ID:       "sizebudget-path",
	Title:    "a directory is larger than its budget",
	Severity: analysis.Error,
	Unset:    "off",
	Needs:    analysis.InputFiles,
	Runtime:  true,
}

var pkg = &analysis.Rule{
	ID:       "sizebudget-package",
	Title:    "an installed package is larger than its budget",
	Severity: analysis.Error,
	Unset:    "off",
	Needs:    analysis.InputFiles,
	Runtime:  true,
}

// usual is the budget where none is set: what a service on a slim base needs.
const usual = 300e6

func run(pass *analysis.Pass) error {
	config := pass.Config.(Config)
	if pass.Image == nil {
		return nil
	}
	switch {
	case config.Download == 0:
		pass.Undecided(download, nil, `no budget is set: "sizebudget: {download: 100 MB}" in .tare.yaml sets one`)
	case pass.Image.Size().Download == 0:
		pass.Undecided(download, nil, "the source holds no compressed layers")
	default:
		judge(pass, download, "", config.Download, func(s analysis.Size) int64 { return s.Download })
	}
	if pass.HasFiles() {
		budget, severity := config.Unpacked, analysis.Severity("")
		if budget == 0 {
			budget, severity = usual, analysis.Warning
		}
		judge(pass, unpacked, severity, budget, func(s analysis.Size) int64 { return s.Unpacked })
	}
	layers(pass, config.Layer)
	if pass.HasFiles() {
		added(pass, config.App)
		below(pass, config.Path)
		installed(pass, config.Package)
		if pass.Baseline != nil {
			grown(pass, config.Growth)
		}
	}
	return nil
}

// judge reports an image over its budget at the instruction that adds most, or
// at FROM if the base alone is over.
func judge(
	pass *analysis.Pass,
	rule *analysis.Rule,
	severity analysis.Severity,
	budget analysis.Bytes,
	of func(analysis.Size) int64,
) {
	im := pass.Image
	layers, whose := slices.Clone(im.Layers), "the image is"
	if pass.AddedOnly && im.Base.How != "" {
		layers = slices.DeleteFunc(layers, func(l *analysis.Layer) bool { return l.Base })
		whose = "what the image adds to its base is"
	}
	var total int64
	for _, l := range layers {
		total += of(l.Size)
	}
	if total <= int64(budget) {
		return
	}
	slices.SortStableFunc(layers, func(a, b *analysis.Layer) int { return cmp.Compare(of(b.Size), of(a.Size)) })
	var base int64
	var at analysis.Node = analysis.Location{}
	found := false
	for _, l := range layers {
		if l.Base {
			base += of(l.Size)
		} else if !found {
			at, found = l, true
		}
	}
	if base > int64(budget) {
		at = layers[slices.IndexFunc(layers, func(l *analysis.Layer) bool { return l.Base })]
	}
	what := "to download"
	if rule == unpacked {
		what = "unpacked"
	}
	f := analysis.Finding{
		Rule:     rule,
		Severity: severity,
		Location: at.Location(),
		Key:      strings.TrimPrefix(rule.ID, "sizebudget-"),
		Measured: total,
	}
	f.Message = fmt.Sprintf("%s %s %s, %s over its budget of %s", whose, analysis.Bytes(total), what,
		analysis.Bytes(total-int64(budget)), budget)
	var parts []string
	for _, p := range heaviest(im, layers, of) {
		parts = append(parts, fmt.Sprintf("%s %s", analysis.Bytes(p.size), p.name))
		f.Related = append(f.Related, analysis.Related{Location: p.at, Message: analysis.Bytes(p.size).String()})
	}
	f.Message += ": heaviest are " + analysis.And(parts, 3)
	if saved := savings(pass); rule == unpacked && saved != "" {
		f.Message += "; of it " + saved
	}
	pass.Report(f)
}

// savings names the heaviest causes why bytes need not be there, with their
// lines.
func savings(pass *analysis.Pass) string {
	if !pass.HasFiles() {
		return ""
	}
	groups := slices.Clone(causes.Fact.Of(pass).Groups)
	slices.SortStableFunc(groups, func(a, b *causes.Group) int { return cmp.Compare(b.Size.Unpacked, a.Size.Unpacked) })
	var parts []string
	for _, g := range groups {
		if len(parts) == 3 || g.Size.Unpacked < 1e6 {
			break
		}
		text := fmt.Sprintf("%s %s", analysis.Bytes(g.Size.Unpacked), words[g.Cause])
		if at := g.Layer.Location(); at.Line > 0 {
			text += fmt.Sprintf(" (line %d)", at.Line)
		}
		parts = append(parts, text)
	}
	return analysis.And(parts, 3)
}

// words say a cause inside a sentence.
var words = map[causes.Cause]string{
	causes.Compiler: "compilers", causes.Parts: "build tools", causes.Buried: "deleted compilers",
	causes.Deleted: "deleted files", causes.Rewritten: "rewritten files",
	causes.Headers: "headers", causes.LooseHeaders: "headers", causes.Cache: "caches", causes.Duplicate: "duplicates",
	causes.VCS: "version control", causes.Bytecode: "bytecode", causes.Tests: "tests",
}

// A part is the base, or one layer above it.
type part struct {
	name string
	size int64
	at   analysis.Location
}

// heaviest are the three largest parts of the image.
func heaviest(im *analysis.Image, layers []*analysis.Layer, of func(analysis.Size) int64) (parts []part) {
	base := part{name: "the base"}
	for _, l := range layers {
		if !l.Base {
			name := fmt.Sprintf("layer %d", l.Index)
			if at := l.Location(); at.Line > 0 {
				name = fmt.Sprintf("line %d", at.Line)
			}
			parts = append(parts, part{name, of(l.Size), l.Location()})
			continue
		}
		base.size += of(l.Size)
		base.at = l.Location()
		if base.at.Line > 0 {
			base.name = fmt.Sprintf("the base (line %d)", base.at.Line)
		}
	}
	if base.size > 0 {
		parts = append(parts, base)
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.size, a.size) })
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.size == 0 })
	return parts[:min(3, len(parts))]
}
