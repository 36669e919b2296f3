package pinned

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/analyzers/locks"
)

// environments judges the files that a command of conda reads: an environment's
// dependencies with its pip part, a list of specifications, and, exact by
// themselves, an explicit list and a lock (conda's documentation, "Managing
// environments").
func (c *check) environments(s *installs.Step) {
	files := s.Pip.Requirements
	if strings.HasPrefix(s.Verb, "env ") && len(files) == 0 {
		files = []shell.Word{{Text: "environment.yml", Known: true, Line: s.Line}}
	}
	if c.pass.Files == nil {
		return
	}
	for _, w := range files {
		if !w.Known {
			c.pass.Undecided(requirement, s, "the name of the environment's file is not known"+s.Unknown())
			continue
		}
		src := c.tree.Resolve(s.Command, w.Text)
		if src.Path == "" {
			c.pass.Undecided(requirement, s, fmt.Sprintf("%q cannot be opened: %s", w.Text, src.Reason))
			continue
		}
		if c.seen["file "+src.Path]++; c.seen["file "+src.Path] > 1 {
			continue
		}
		switch kind := locks.KindOf(src.Path); {
		case kind != "" && kind != locks.Environment:
			c.lock(src.Path, kind)
		case path.Ext(src.Path) == ".yml" || path.Ext(src.Path) == ".yaml":
			c.lock(src.Path, locks.Environment)
		default:
			c.list(s, src.Path)
		}
	}
}

// list judges a file with a specification on each line, or an explicit one, whose
// lines are URLs of packages.
func (c *check) list(s *installs.Step, name string) {
	text, err := c.pass.ReadFile(name)
	if err != nil {
		c.pass.Undecided(requirement, s, fmt.Sprintf("%q cannot be read: %v", name, err))
		return
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "@EXPLICIT" {
			return
		}
		if line == "" || strings.HasPrefix(line, "#") || n > maxSpecs {
			continue
		}
		if open, spec := condaOpen(line); open {
			c.about(requirement, c.pass.At(name, n, n), name, spec,
				"%q is not exact: conda takes whatever is newest; write %q, or install from a lock", line, spec+"==VERSION")
		}
	}
}

// maxSpecs is how many lines of a list are judged.
const maxSpecs = 20_000

var (
	reSpec    = regexp.MustCompile(`^(?:[^\s:]+::)?([A-Za-z0-9_][\w.-]*)\s*(.*)$`)
	reRelease = regexp.MustCompile(`^=\s*\d+(\.\d+){2,}([a-z]+\d*)?$`)
)

// specs judges what a command of conda names (conda's documentation, "Package
// match specifications"): "=1.2" is any 1.2, and exact enough from three
// numbers on.
func (c *check) specs(s *installs.Step) {
	var open, own []string
	for _, w := range s.Names {
		floats, name := condaOpen(w.Text)
		switch {
		case !w.Known || !floats:
		case installs.Installer(name):
			own = append(own, w.Text)
		default:
			open = append(open, w.Text)
		}
	}
	if len(own) > 0 {
		c.report(installer, s, own, fmt.Sprintf("the next build may run another installer; write %q", own[0]+"==VERSION"))
	}
	if len(open) > 0 {
		_, name := condaOpen(open[0])
		c.report(inline, s, open,
			fmt.Sprintf("the next build may take another version; write %q, or install from a lock file", name+"==VERSION"))
	}
}

// condaOpen reports whether a specification of conda names a package and
// leaves its version open.
func condaOpen(text string) (open bool, name string) {
	text = strings.Trim(text, `'"`)
	if strings.Contains(text, "/") && !strings.Contains(text, "::") || path.Ext(text) == ".conda" ||
		strings.HasSuffix(text, ".tar.bz2") {
		return false, ""
	}
	m := reSpec.FindStringSubmatch(text)
	if m == nil {
		return false, ""
	}
	version, build := m[2], ""
	if strings.HasPrefix(version, "=") { // name=version=build, and no ">="
		version, build, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(version, "="), "="), "=")
	}
	switch {
	case m[1] == "python" && strings.Contains(m[2], "."), installs.Compiler(m[1]):
		return false, m[1] // a release line of the interpreter, as a base image's tag; a compiler is another check's
	case strings.Contains(m[2], "*") && (build == "" || strings.Contains(version, "*")):
		return true, m[1]
	case strings.HasPrefix(m[2], "==") && !strings.ContainsAny(m[2], ",<>|"),
		build != "" && version != "",
		reRelease.MatchString(m[2]):
		return false, m[1]
	}
	return true, m[1]
}
