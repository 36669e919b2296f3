// Package slimbase judges the base image by its name.
package slimbase

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/analyzers/facts/causes"
	"github.com/tareweight/tare/analyzers/facts/swap"
)

//go:embed README.md
var doc string

// Config is what the user approves.
type Config struct {
	// Approved lists the bases that may be used, as repositories or references
	// with "*" for any characters; empty approves all.
	Approved []string `yaml:"approved"`
}

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:   "slimbase",
	Doc:    doc,
	Rules:  []*analysis.Rule{full, floating, undigested, heavy, eol, unapproved},
	Needs:  analysis.Needs{Facts: []analysis.AnyFact{causes.Fact, swap.Fact}},
	Config: Config{},
	Run:    run,
}

var full = &analysis.Rule{
	ID:       "slimbase-full",
	Title:    "the base image has a smaller sibling",
	Severity: analysis.Warning,
	Any:      analysis.InputDockerfile | analysis.InputFiles,
	Siblings: true,
	Bytes:    true,
	Runtime:  true,
}

var floating = &analysis.Rule{
	ID:       "slimbase-floating",
	Title:    "the base image's tag moves to other versions",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
	Runtime:  true,
}

var undigested = &analysis.Rule{
	ID:       "slimbase-undigested",
	Title:    "the base image has no digest",
	Severity: analysis.Note,
	Needs:    analysis.InputDockerfile,
	Runtime:  true,
}

var heavy = &analysis.Rule{
	ID:       "slimbase-heavy",
	Title:    "the base image holds a compiler, and its name does not say so",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile | analysis.InputFiles,
	Runtime:  true,
}

var eol = &analysis.Rule{
	ID:       "slimbase-eol",
	Title:    "the base image's Python or distribution is past its support",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
}

var unapproved = &analysis.Rule{
	ID:       "slimbase-unapproved",
	Title:    "the base image is not in the configured list",
	Severity: analysis.Error,
	Unset:    "off",
	Needs:    analysis.InputDockerfile,
}

func run(pass *analysis.Pass) error {
	d := pass.Dockerfile
	if d == nil {
		alone(pass)
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
	if root.Root == "" || strings.HasSuffix(root.Root, "/") || strings.Contains(root.Root, "/:") {
		why := fmt.Sprintf("the base %q holds a variable without a value", root.From)
		if !strings.Contains(root.From, "$") {
			why = fmt.Sprintf("the base %q is a context that the build is given", root.From)
		}
		for _, r := range pass.Analyzer.Rules {
			if r != unapproved || len(pass.Config.(Config).Approved) > 0 {
				pass.Undecided(r, root, why)
			}
		}
		return
	}
	if bases.Scratch(root.Root) {
		return
	}
	b := bases.Lookup(root.Root)
	why := because(root)
	if b.Full && !windows(pass.Dockerfile) {
		f := larger(pass, root, root.Root, b)
		if edit := replace(root, root.Root, b.Sibling); edit != nil && b.Digest == "" {
			f.Fixes = []analysis.Fix{{Message: "use " + b.Sibling, Edits: []analysis.Edit{*edit}}}
		}
		f.Related = append(f.Related, why...)
		pass.Report(f)
	}
	if b.Floating {
		pass.Report(analysis.Finding{
			Rule:     floating,
			Location: root.Location(),
			Key:      b.Repository(),
			Message:  drift(b, root.Root),
			Related:  why,
		})
	}
	if b.Digest == "" {
		pass.Reportf(undigested, root, b.Repository(),
			"base image %q has no digest: a rebuild may take other layers under the same tag; add @sha256:...", root.Root)
	}
	if pass.HasFiles() && !b.Full && !b.Compiler {
		for _, g := range causes.Fact.Of(pass).Groups {
			if g.Cause == causes.Compiler && g.Layer.Base {
				pass.Reportf(heavy, root, b.Repository(),
					"base image %q holds a compiler (%s and what belongs to it, %s), which its name does not tell: choose or make a base without one",
					root.Root, g.Tools[0].Name, analysis.Bytes(g.Size.Unpacked))
			}
		}
	}
	for _, e := range b.Ends() {
		left := e.Date.Sub(pass.Now)
		f := analysis.Finding{Rule: eol, Location: root.Location(), Key: e.What, Related: why}
		switch day := e.Date.Format(time.DateOnly); {
		case left < 0:
			f.Message = fmt.Sprintf("%s had its last security support on %s (%s): move to a supported release", e.What, day,
				e.Source)
		case left <= bases.Notice:
			f.Severity = analysis.Note
			f.Message = fmt.Sprintf("%s has security support until %s (%s): plan the move to a later release", e.What, day, e.Source)
		default:
			continue
		}
		pass.Report(f)
	}
	if list := pass.Config.(Config).Approved; len(list) > 0 &&
		!slices.ContainsFunc(list, func(pattern string) bool { return approves(pattern, root.Root, b.Repository()) }) {
		pass.Reportf(unapproved, root, b.Repository(), "base image %q is not approved: use one of %s", root.Root,
			analysis.And(list, 5))
	}
}

// because are the lines of the ARGs that a base is named by.
func because(root *analysis.Stage) (list []analysis.Related) {
	if !strings.Contains(root.From, "$") {
		return nil
	}
	for _, inst := range root.Dockerfile.Args {
		c, ok := inst.Command.(*instructions.ArgCommand)
		if !ok {
			continue
		}
		for _, a := range c.Args {
			if strings.Contains(root.From, "$"+a.Key) || strings.Contains(root.From, "${"+a.Key) {
				at := root.Location()
				at.Line, at.End = inst.Line, inst.End
				list = append(list, analysis.Related{Location: at, Message: "by ARG " + a.Key})
			}
		}
	}
	return list
}

// approves reports whether a pattern of the configuration names the base.
func approves(pattern, ref, repository string) bool {
	parts := strings.Split(pattern, "*")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	re := regexp.MustCompile("^" + strings.Join(parts, ".*") + "$")
	return re.MatchString(ref) || re.MatchString(repository)
}

// windows reports whether the judged chain is built for Windows, where images
// of the same tag have other variants.
func windows(d *analysis.Dockerfile) bool {
	for _, s := range d.Chain() {
		for _, inst := range s.Instructions {
			if c, ok := inst.Command.(*instructions.ShellCommand); ok && len(c.Shell) > 0 {
				if name := strings.ToLower(c.Shell[0]); strings.Contains(name, "powershell") || strings.Contains(name, "pwsh") ||
					strings.HasSuffix(name, "cmd") ||
					strings.HasSuffix(name, "cmd.exe") {
					return true
				}
			}
		}
		if strings.HasPrefix(s.Platform, "windows/") {
			return true
		}
	}
	return d.Escape == '`'
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
			Rule: floating, Severity: analysis.Note, Location: at.Location(), Key: how,
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
