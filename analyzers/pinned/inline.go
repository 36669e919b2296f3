package pinned

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/requirements"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/analyzers/python"
)

var reInterpreter = regexp.MustCompile(`(^|/)bin/(python|pypy)\d*(\.\d+)*$`)

func isPython(p string) bool { return reInterpreter.MatchString(p) }

// names judges what a command of pip, or one like it, names.
func (c *check) names(s *installs.Step) {
	if s.Pip.NoIndex && len(s.Pip.FindLinks) > 0 && !slices.ContainsFunc(s.Pip.FindLinks, remote) {
		return // what is installed was chosen where the wheels were made
	}
	var open, own []string
	var unknown bool
	var pins map[string]bool
	readable := true
	for _, w := range s.Names {
		if !w.Known {
			unknown = true
			continue
		}
		if strings.ContainsAny(w.Text, "*?") && !strings.ContainsAny(w.Text, "=<>") {
			continue // a glob: files
		}
		r, err := requirements.ParseArgument(w.Text)
		if err != nil || r.Class == requirements.Local || r.Exact {
			continue
		}
		if r.URL != "" {
			c.sourced(s, r)
			continue
		}
		if pins == nil {
			pins, readable = c.constraints(s)
		}
		name := python.NormalizeName(r.Name)
		switch {
		case pins[name] || slices.Contains(open, w.Text) || slices.Contains(own, w.Text):
		case installs.Installer(name):
			own = append(own, w.Text)
		default:
			open = append(open, w.Text)
		}
	}
	for _, w := range s.Pip.Editables {
		if r, err := requirements.ParseEditable(w.Text); err == nil && w.Known && r.URL != "" && !r.Exact && r.Class != requirements.Local {
			c.sourced(s, r)
		}
	}
	if unknown {
		c.pass.Undecided(inline, s, "a word of the command is not known")
	}
	if !readable && len(open) > 0 {
		c.pass.Undecided(inline, s, unreadable)
		return
	}
	if len(open) > 0 {
		c.report(inline, s, open, "the next build may take another version; write "+example(open[0])+", or install from a file that pins it")
	}
	if len(own) > 0 {
		c.report(installer, s, own, "the next build may run another installer; write "+example(own[0]))
	}
}

// sourced reports a URL or VCS requirement that a command names.
func (c *check) sourced(s *installs.Step, r *requirements.Requirement) {
	c.pass.Reportf(source, s, c.key(r.URL), "%s", fromSource(r, s.Manager))
}

func remote(w shell.Word) bool { return strings.Contains(w.Text, "://") }

// report reports what a command names, under a key that is its own.
func (c *check) report(rule *analysis.Rule, s *installs.Step, open []string, rest string) {
	key := strings.Join(open, " ")
	if c.seen[rule.ID+key]++; c.seen[rule.ID+key] > 1 {
		key += fmt.Sprintf(" #%d", c.seen[rule.ID+key])
	}
	is := "is"
	if len(open) > 1 {
		is = "are"
	}
	var quoted []string
	for _, o := range open {
		quoted = append(quoted, fmt.Sprintf("%q", o))
	}
	c.pass.Reportf(rule, s, key, "%s of %s %s not exact: %s", analysis.And(quoted, 5), s.Manager, is, rest)
}

// example is how an exact requirement for the same distribution looks.
func example(text string) string {
	r, err := requirements.ParseArgument(text)
	if err != nil {
		return "NAME==VERSION"
	}
	return fmt.Sprintf("%q", r.Name+"==VERSION")
}

// constraints are the names that the exact lines of a command's -c files pin.
// All reports whether every one of the files could be read.
func (c *check) constraints(s *installs.Step) (pins map[string]bool, all bool) {
	pins, all = map[string]bool{}, true
	for _, w := range s.Pip.Constraints {
		f := c.read(s, w)
		if f == nil {
			all = false
		} else {
			for _, r := range f.Requirements {
				if r.Exact && r.Name != "" {
					pins[python.NormalizeName(r.Name)] = true
				}
			}
		}
	}
	return pins, all
}

// locate finds what files include that lie in the container as command sees it:
// name, which is file of the build context, and those that it includes.
func (c *check) locate(command *shell.Command, name, file string) func(from, target string) string {
	lies := map[string]string{file: name} // by path in the build context
	return func(from, target string) string {
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(lies[from]), target)
		}
		src := c.tree.Resolve(command, target)
		if src.Path != "" {
			lies[src.Path] = target
		}
		return src.Path
	}
}

// read reads the file of the build context that a command names; nil if there
// is none.
func (c *check) read(s *installs.Step, w shell.Word) *requirements.File {
	if !w.Known || c.pass.Files == nil {
		return nil
	}
	src := c.tree.Resolve(s.Command, w.Text)
	if src.Path == "" {
		return nil
	}
	f, err := requirements.Read(c.pass.Files, src.Path, c.locate(s.Command, w.Text, src.Path))
	if err != nil {
		return nil
	}
	return f
}

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
		c.report(inline, s, open, fmt.Sprintf("the next build may take another version; write %q, or install from a lock file", name+"==VERSION"))
	}
}

// condaOpen reports whether a specification of conda names a package and
// leaves its version open.
func condaOpen(text string) (open bool, name string) {
	text = strings.Trim(text, `'"`)
	if strings.Contains(text, "/") && !strings.Contains(text, "::") || path.Ext(text) == ".conda" || strings.HasSuffix(text, ".tar.bz2") {
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
	case strings.HasPrefix(m[2], "==") && !strings.ContainsAny(m[2], ",<>|"), build != "" && version != "", reRelease.MatchString(m[2]):
		return false, m[1]
	}
	return true, m[1]
}
