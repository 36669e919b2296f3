package pinned

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/requirements"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/analyzers/python"
)

// file judges the file of an -r: the one of the build context that the command
// reads.
func (c *check) file(s *installs.Step, w shell.Word) {
	if c.pass.Files == nil {
		return
	}
	if !w.Known {
		c.pass.Undecided(requirement, s, "the name of the file behind -r is not known")
		return
	}
	src := c.tree.Resolve(s.Command, w.Text)
	if src.Path == "" {
		c.pass.Undecided(requirement, s, fmt.Sprintf("%q cannot be opened: %s", w.Text, src.Reason))
		return
	}
	c.judge(src.Path, fmt.Sprintf("%s of line %d", s.Manager, s.Line), c.constraints(s), s)
}

// named judges a file that the user named.
func (c *check) named(name string) { c.judge(name, "pip", nil, nil) }

// judge reports the lines of a file that are not exact. Reader is what reads
// it, for the message; pins are names that its -c files pin.
func (c *check) judge(name, reader string, pins map[string]bool, at analysis.Node) {
	if c.seen["file "+name]++; c.seen["file "+name] > 1 {
		return
	}
	f, err := requirements.Read(c.pass.Files, name)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		c.pass.Undecided(requirement, c.pass.At(name, 0, 0), fmt.Sprintf("%q cannot be read: %v", name, err))
		return
	}
	for _, u := range f.Undecided {
		c.pass.Undecided(requirement, c.pass.At(u.Path, u.Line, u.Line), u.Reason)
	}
	for _, r := range f.Requirements {
		where := c.pass.At(r.Path, r.Line, r.Line)
		switch {
		case r.Constraint, r.Exact, r.Pinned, r.Class == requirements.Local, r.URL != "":
			continue
		case pins[python.NormalizeName(r.Name)]:
			continue
		case requirements.HasVariable(r.Text):
			c.pass.Undecided(requirement, where, "the line holds a variable that pip takes from its environment")
			continue
		}
		key := r.Path + ": " + python.NormalizeName(r.Name)
		if c.seen[key]++; c.seen[key] > 1 {
			key += fmt.Sprintf(" #%d", c.seen[key])
		}
		finding := analysis.Finding{
			Rule: requirement, Location: where, Key: key,
			Message: fmt.Sprintf("%q is not exact (%s): %s takes whatever is newest on the day of the build; write %q", r.Text, said(r), reader, r.Name+"==VERSION"),
		}
		if at != nil {
			finding.Related = []analysis.Related{{Location: at.Location(), Message: "installed here"}}
		}
		c.pass.Report(finding)
	}
}

// said is why a requirement is not exact.
func said(r *requirements.Requirement) string {
	switch r.Class {
	case requirements.Bare:
		return "no version"
	case requirements.Wildcard:
		return "a wildcard"
	case requirements.Multi:
		return "two versions that exclude each other"
	case requirements.Pinned:
		return "no version of PEP 440, which pip rejects from 24.1 on"
	}
	return "a range"
}
