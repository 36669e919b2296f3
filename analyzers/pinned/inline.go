package pinned

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/analyzers/python"
	"github.com/tareweight/tare/analyzers/requirements"
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
		if v := unsetDefault(s, w, r); v != nil {
			c.pass.Undecided(
				inline,
				s,
				fmt.Sprintf("%q is no version of PEP 440: it is what ARG %s of line %d has until the build gives it another",
					w.Text, v.Name, v.Line),
			)
			continue
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
		if r, err := requirements.ParseEditable(w.Text); err == nil && w.Known && r.URL != "" && !r.Exact &&
			r.Class != requirements.Local {
			c.sourced(s, r)
		}
	}
	if unknown {
		c.pass.Undecided(inline, s, "a word of the command is not known"+s.Unknown())
	}
	if !readable && len(open) > 0 {
		c.pass.Undecided(inline, s, unreadable)
		return
	}
	if len(open) > 0 {
		c.report(inline, s, open,
			"the next build may take another version; write "+example(open[0])+", or install from a file that pins it")
	}
	if len(own) > 0 {
		c.report(installer, s, own, "the next build may run another installer; write "+example(own[0]))
	}
}

// unsetDefault is the ARG whose default makes a requirement one that pip would
// reject: it stands for what the build is given. Nil if there is none.
func unsetDefault(s *installs.Step, w shell.Word, r *requirements.Requirement) *analysis.Vars {
	if r.Class != requirements.Pinned {
		return nil
	}
	for _, v := range s.Vars.All() {
		if v.Arg && v.Line > 0 && v.Value != "" && strings.Contains(w.Text, v.Value) &&
			strings.Contains(s.Instruction.Text, v.Name) {
			return v
		}
	}
	return nil
}

// sourced reports a URL or VCS requirement that a command names.
func (c *check) sourced(s *installs.Step, r *requirements.Requirement) {
	c.pass.Report(analysis.Finding{
		Rule: source, Location: s.Location(), Key: c.key(r.URL), Packages: distribution(r), Message: fromSource(r, s.Manager),
	})
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
	var quoted, names []string
	for _, o := range open {
		quoted = append(quoted, fmt.Sprintf("%q", o))
		if r, err := requirements.ParseArgument(o); err == nil && r.Name != "" {
			names = append(names, python.NormalizeName(r.Name))
		} else {
			names = append(names, o)
		}
	}
	c.pass.Report(analysis.Finding{Rule: rule, Severity: usual(s), Location: s.Location(), Key: key, Packages: names,
		Message: fmt.Sprintf("%s of %s %s not exact: %s", analysis.And(quoted, 5), s.Manager, is, rest)})
}

// usual is the severity of what a step does: a note, where it is run only if the
// build gives an ARG a value.
func usual(s *installs.Step) analysis.Severity {
	if s.Unlikely {
		return analysis.Note
	}
	return ""
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
	f, err := requirements.Read(c.pass.Files, src.Path, c.tree.Locate(s.Command, w.Text, src.Path))
	if err != nil {
		return nil
	}
	return f
}
