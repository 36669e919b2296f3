// Package slimbase judges the base image by its name.
package slimbase

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/bases"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:  "slimbase",
	Doc:   doc,
	Rules: []*analysis.Rule{full, floating},
	Run:   run,
}

var full = &analysis.Rule{
	ID:       "slimbase-full",
	Title:    "the base image has a smaller sibling",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
	Runtime:  true,
}

var floating = &analysis.Rule{
	ID:       "slimbase-floating",
	Title:    "the base image's tag moves to other versions",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
	Runtime:  true,
}

func run(pass *analysis.Pass) error {
	d := pass.Dockerfile
	if d == nil {
		return nil
	}
	root := d.Chain()[0]
	judgeRoot(pass, root)
	for _, s := range d.Stages {
		if !s.Reached {
			continue
		}
		if s != root && s.Parent == nil && s.Base != "" {
			other(pass, s, s.Base, "FROM "+s.Base)
		}
		for _, e := range s.Uses {
			if e.Kind == analysis.EdgeCopy && e.Image != "" {
				other(pass, e.Instruction, e.Image, "COPY --from="+e.Image)
			}
		}
	}
	return nil
}

// judgeRoot judges the base of the image that ships.
func judgeRoot(pass *analysis.Pass, root *analysis.Stage) {
	if root.Root == "" {
		why := fmt.Sprintf("the base %q holds a variable without a value", root.From)
		pass.Undecided(full, root, why)
		pass.Undecided(floating, root, why)
		return
	}
	if bases.Scratch(root.Root) {
		return
	}
	b := bases.Lookup(root.Root)
	if b.Full {
		f := analysis.Finding{
			Rule: full, Location: root.Location(), Key: b.Repository(),
			Message: fmt.Sprintf("base image %q is the full variant: use %q; %s, which belong in a build stage", root.Root, b.Sibling, b.Loses),
		}
		if b.Family == "debian" {
			f.Message = fmt.Sprintf("base image %q is the full variant: use %q; %s", root.Root, b.Sibling, b.Loses)
		}
		if edit := replace(root, root.Root, b.Sibling); edit != nil && b.Digest == "" {
			f.Fixes = []analysis.Fix{{Message: "use " + b.Sibling, Edits: []analysis.Edit{*edit}}}
		}
		pass.Report(f)
	}
	if b.Floating {
		pass.Report(analysis.Finding{Rule: floating, Location: root.Location(), Key: b.Repository(), Message: drift(b, root.Root)})
	}
}

// drift says what a floating tag does.
func drift(b bases.Base, ref string) string {
	what := fmt.Sprintf("tag %q", b.Tag)
	if b.Tag == "" {
		what = "no tag"
	}
	fix := "name a version, or a digest"
	if b.Line != "" {
		fix = fmt.Sprintf("name a release line such as %q, or a digest", b.Line)
	}
	return fmt.Sprintf("base image %q has %s: a rebuild may take another version; %s", ref, what, fix)
}

// other notes an image that is read besides the base.
func other(pass *analysis.Pass, at analysis.Node, ref, how string) {
	if b := bases.Lookup(ref); b.Floating && !bases.Scratch(ref) {
		pass.Report(analysis.Finding{
			Rule: floating, Severity: analysis.Note, Location: at.Location(), Key: how + " " + at.Location().String(),
			Message: fmt.Sprintf("%q has no version: a rebuild may take another; name a version, or a digest", ref),
		})
	}
}

// replace is the edit that writes another base on the line of a FROM; nil
// where the base does not stand there as it is.
func replace(s *analysis.Stage, from, to string) *analysis.Edit {
	if s.Line != s.End || s.From != from {
		return nil
	}
	lines := strings.Split(string(s.Dockerfile.Source), "\n")
	line := lines[s.Line-1]
	if strings.Count(line, from) != 1 {
		return nil
	}
	return &analysis.Edit{Path: s.Dockerfile.Path, Line: s.Line, End: s.Line, New: strings.Replace(line, from, to, 1)}
}
