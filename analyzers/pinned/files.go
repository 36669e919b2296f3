package pinned

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/analyzers/locks"
	"github.com/tareweight/tare/analyzers/python"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/analyzers/requirements"
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
	if s.Pip.RequireHashes {
		return // pip refuses what is not exact and has no hash
	}
	if w.Text == "-" || w.Text == "/dev/stdin" {
		if s.PipeFrom == nil || !c.exported(s, s.PipeFrom) {
			c.pass.Undecided(requirement, s, "the requirements come by standard input")
		}
		return
	}
	src := c.tree.Resolve(s.Command, w.Text)
	if src.Path == "" {
		if src.Writer == nil || !c.exported(s, src.Writer) {
			c.pass.Undecided(requirement, s, fmt.Sprintf("%q cannot be opened: %s", w.Text, src.Reason))
		}
		return
	}
	switch base := path.Base(src.Path); {
	case locks.KindOf(base) == locks.Pylock:
		c.lock(src.Path, locks.Pylock)
		return
	case base == "pyproject.toml" || base == "setup.py" || base == "setup.cfg": // uv's documentation, "uv pip install -r"
		c.reportUnlocked(
			s,
			"",
			fmt.Sprintf("%s resolves anew what %q only bounds: lock it (uv pip compile, uv export) and install from the lock",
				s.Manager, base),
		)
		return
	}
	if s.Unlikely && !c.last { // what another step reads as a rule is judged by that
		c.later = append(c.later, func() { c.file(s, w) })
		return
	}
	pins, readable := c.constraints(s)
	if !readable {
		c.pass.Undecided(requirement, s, unreadable)
		return
	}
	c.judge(src.Path, fmt.Sprintf("%s of line %d", s.Manager, s.Line), pins, s, c.tree.Locate(s.Command, w.Text, src.Path))
}

const unreadable = "a file of constraints cannot be read, which may pin what is open"

// judge reports the lines of a file that are not exact. Reader is what reads
// it, for the message; pins are names that its -c files pin; locate finds what it
// includes.
func (c *check) judge(
	name, reader string,
	pins map[string]bool,
	at analysis.Node,
	locate func(from, target string) string,
) {
	if c.seen["file "+name]++; c.seen["file "+name] > 1 {
		return
	}
	if text, err := c.pass.ReadFile(name); err == nil && template.MatchString(text) {
		c.pass.Undecided(requirement, c.pass.At(name, 1, 1),
			fmt.Sprintf("%q is a template: render it, and check what comes of it", name))
		return
	}
	f, err := requirements.Read(c.pass.Files, name, locate)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			c.pass.Undecided(requirement, c.pass.At(name, 0, 0), fmt.Sprintf("%q cannot be read: %v", name, pe.Err))
			return
		}
		if errors.Is(err, requirements.ErrTooLarge) {
			c.pass.Undecided(requirement, c.pass.At(name, 0, 0), fmt.Sprintf("%q is not read: %v", name, err))
			return
		}
		c.pass.Reportf(invalid, c.pass.At(name, 1, 1), name, "pip cannot read the file: %v", err)
		return
	}
	for _, u := range f.Undecided {
		c.pass.Undecided(requirement, c.pass.At(u.Path, u.Line, u.Line), u.Reason)
	}
	for _, i := range f.Invalid {
		if i.Absent { // it may be where pip runs
			c.pass.Undecided(invalid, c.pass.At(i.Path, i.Line, i.Line), i.Reason)
			continue
		}
		c.pass.Reportf(invalid, c.pass.At(i.Path, i.Line, i.Line), c.key(i.Path+": "+i.Text),
			"pip rejects the line, and stops: %s", i.Reason)
	}
	env := c.environment()
	among := map[string]int{} // requirements, by the file that they are in
	for _, r := range f.Requirements {
		if !r.Constraint {
			among[r.Path]++
		}
	}
	for _, r := range f.Requirements {
		if r.Marker.Eval(env) == python.False {
			continue // pip does not install it here
		}
		if !r.Constraint && !r.Exact && !r.Pinned && r.Class != requirements.Local && !pins[python.NormalizeName(r.Name)] {
			c.line(r, reader, at, among[r.Path])
		}
	}
	c.hashed(f, name)
}

// environment is what is known of the Python that reads a requirement: that it runs
// on Linux, and its release where the base of the judged stage tells it.
func (c *check) environment() python.Environment {
	env := python.Environment{}
	if d := c.pass.Dockerfile; d != nil {
		env["sys_platform"], env["platform_system"], env["os_name"] = "linux", "Linux", "posix"
		b := bases.Lookup(d.Chain()[0].Root)
		if m := reMinor.FindString(b.Tag); b.Family == "python" && m != "" {
			env["python_version"] = m
		}
		if b.Family == "python" {
			env["platform_python_implementation"], env["implementation_name"] = "CPython", "cpython"
		}
	}
	return env
}

var reMinor = regexp.MustCompile(`^\d+\.\d+`)

// template is text that Jinja, or a tool like it, fills in.
var template = regexp.MustCompile(`\{\{.*?\}\}|\{%.*?%\}`)

// key makes a key that no other finding has.
func (c *check) key(key string) string {
	if c.seen[key]++; c.seen[key] > 1 {
		return fmt.Sprintf("%s #%d", key, c.seen[key])
	}
	return key
}

// line reports one requirement that is not exact, of as many as its file has.
func (c *check) line(r *requirements.Requirement, reader string, at analysis.Node, among int) {
	where := c.pass.At(r.Path, r.Line, r.Line)
	if requirements.HasVariable(r.Text) {
		c.pass.Undecided(requirement, where, "the line holds a variable that pip takes from its environment")
		return
	}
	f := analysis.Finding{
		Rule: requirement, Location: where, Key: c.key(r.Path + ": " + python.NormalizeName(r.Name)), Packages: distribution(r),
		Among: among,
	}
	f.Message = fmt.Sprintf("%q is not exact (%s): %s takes whatever is newest on the day of the build; write %q", r.Text,
		said(r), reader, r.Name+"==VERSION")
	if r.Class == requirements.Pinned {
		f.Message = fmt.Sprintf("%q names no version of PEP 440: pip rejects it from 24.1 on; write %q", r.Text,
			r.Name+"==VERSION")
	}
	if r.URL != "" {
		f.Rule, f.Key = source, c.key(r.Path+": "+r.URL)
		f.Message = fromSource(r, reader)
	}
	if at != nil {
		f.Related = []analysis.Related{{Location: at.Location(), Message: "installed here"}}
	}
	if s, ok := at.(*installs.Step); ok {
		f.Severity = usual(s)
	}
	c.pass.Report(f)
}

// distribution is the name of a requirement's distribution, where it has one.
func distribution(r *requirements.Requirement) []string {
	if r.Name == "" {
		return nil
	}
	return []string{python.NormalizeName(r.Name)}
}

// about reports a package that an entry of a list or of a lock names.
func (c *check) about(rule *analysis.Rule, where analysis.Location, list, name, format string, args ...any) {
	c.pass.Report(analysis.Finding{
		Rule: rule, Location: where, Key: c.key(list + ": " + name), Packages: []string{python.NormalizeName(name)},
		Message: fmt.Sprintf(format, args...),
	})
}

// fromSource says what is open about a requirement that is not of an index.
func fromSource(r *requirements.Requirement, reader string) string {
	text := redact.Credentials(r.Text)
	switch r.Class {
	case requirements.URLNoHash:
		return fmt.Sprintf("%q has no hash: %s takes whatever the URL gives on the day of the build; add #sha256=DIGEST",
			text, reader)
	case requirements.VCSRef:
		return fmt.Sprintf(
			"%q names a branch, a tag or a short commit, which may move: "+
				"%s takes what it names on the day of the build; name the full commit",
			text,
			reader,
		)
	}
	return fmt.Sprintf("%q names no commit: %s takes the newest; add @ and the full commit", text, reader)
}

// hashed reports a file in which some requirements have hashes and others do
// not: pip then refuses the others, or, without them all, checks none.
func (c *check) hashed(f *requirements.File, name string) {
	required := c.pass.Config.(Config).Hashes
	var with, without []*requirements.Requirement
	for _, r := range f.Requirements {
		switch {
		case r.Constraint || r.Class == requirements.Local || r.Class == requirements.URLHash || r.URL != "":
		case len(r.Hashes) > 0:
			with = append(with, r)
		default:
			without = append(without, r)
		}
	}
	if len(without) == 0 || len(with) == 0 && !required && !f.RequireHashes {
		return
	}
	first := without[0]
	finding := analysis.Finding{Rule: hashes, Location: c.pass.At(first.Path, first.Line, first.Line), Key: name}
	if required {
		finding.Severity = analysis.Error
	}
	finding.Message = fmt.Sprintf(
		"%d of %d requirements have no --hash, %q first: pip install --require-hashes refuses them; "+
			"lock with hashes (pip-compile --generate-hashes, uv export)",
		len(without),
		len(with)+len(without),
		first.Text,
	)
	c.pass.Report(finding)
}

// lock judges a lock file that the user named.
func (c *check) lock(name string, kind locks.Kind) {
	text, err := c.pass.ReadFile(name)
	if err != nil {
		c.pass.Undecided(requirement, c.pass.At(name, 0, 0), fmt.Sprintf("%q cannot be read: %v", name, err))
		return
	}
	l, err := locks.Read(kind, []byte(text))
	if err != nil {
		if errors.Is(err, locks.ErrTooLarge) {
			c.pass.Undecided(requirement, c.pass.At(name, 0, 0), fmt.Sprintf("%q is not read: %v", name, err))
			return
		}
		c.pass.Reportf(invalid, c.pass.At(name, 1, 1), name, "the lock file cannot be read: %v", err)
		return
	}
	for _, p := range l.Packages {
		where := c.pass.At(name, max(1, p.Line), max(1, p.Line))
		switch {
		case kind == locks.Environment && p.Conda:
			if open, _ := condaOpen(p.Spec); open && !installs.Installer(p.Name) { // "- pip" only lets the part of pip be read
				c.about(requirement, where, name, p.Name,
					"%q is not exact: conda takes whatever is newest; write %q, or install from a lock", p.Spec, p.Name+"==VERSION")
			}
		case kind == locks.Environment:
			if r, err := requirements.ParseArgument(p.Spec); err == nil && !r.Exact && r.Class != requirements.Local {
				r.Path, r.Line = name, p.Line
				c.line(r, "pip", nil, 0)
			}
		case p.Source.Type == "git" && len(p.Source.Commit) < 40:
			c.about(source, where, name, p.Name, "%q is locked to no full commit of %q: lock again", p.Name,
				redact.Credentials(p.Source.URL))
		}
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
		return "no version of PEP 440"
	}
	return "a range"
}
