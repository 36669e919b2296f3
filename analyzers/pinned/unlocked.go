package pinned

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/analyzers/requirements"
)

// unlocked judges a command that installs a project: it may resolve what the
// project only bounds. Before is what the same chain ran earlier.
func (c *check) unlocked(s *installs.Step, before []*installs.Step) {
	switch {
	case s.Kind == installs.Python && (s.Verb == "install" || s.Verb == "wheel"):
		c.projectInstall(s, before)
	case s.Manager == "uv" && s.Verb == "sync":
		if has(s, "--locked", "--frozen") || on(s, "UV_LOCKED") || on(s, "UV_FROZEN") {
			return
		}
		switch c.reaches(s, "uv.lock") {
		case yes:
			c.reportUnlocked(s, analysis.Note,
				"uv sync may change uv.lock while it installs: add --locked, which fails instead, or --frozen")
		case no:
			c.reportUnlocked(s, "", "uv sync resolves anew, as no uv.lock reaches it: COPY uv.lock and add --locked")
		}
	case s.Manager == "poetry" && (s.Verb == "install" || s.Verb == "sync"):
		if c.reaches(s, "poetry.lock") == no {
			c.reportUnlocked(s, "",
				"poetry install resolves anew, as no poetry.lock reaches it: COPY poetry.lock beside pyproject.toml")
		}
	case s.Manager == "pdm" && s.Verb == "install": // sync fails without a lock
		if c.reaches(s, "pdm.lock") == no {
			c.reportUnlocked(s, "",
				fmt.Sprintf("pdm %s resolves anew, as no pdm.lock reaches it: COPY pdm.lock beside pyproject.toml", s.Verb))
		}
	case s.Manager == "pixi" && s.Verb == "install":
		if has(s, "--locked", "--frozen") || on(s, "PIXI_LOCKED") || on(s, "PIXI_FROZEN") {
			return
		}
		if c.reaches(s, "pixi.lock") == no {
			c.reportUnlocked(s, "", "pixi install resolves anew, as no pixi.lock reaches it: COPY pixi.lock and add --locked")
		}
	case s.Manager == "pipenv" && s.Verb == "install" && len(s.Names) == 0 && len(s.Pip.Requirements) == 0:
		if !has(s, "--deploy", "--ignore-pipfile") {
			c.reportUnlocked(s, "",
				"pipenv install takes a stale Pipfile.lock, or makes a new one: use pipenv sync, or add --deploy")
		}
	}
}

func (c *check) reportUnlocked(s *installs.Step, severity analysis.Severity, message string) {
	if s.Unlikely {
		severity = analysis.Note
	}
	key := s.Manager + " " + s.Verb
	if c.seen["unlocked "+key]++; c.seen["unlocked "+key] > 1 {
		key += fmt.Sprintf(" #%d", c.seen["unlocked "+key])
	}
	c.pass.Report(analysis.Finding{Rule: unlocked, Severity: severity, Location: s.Location(), Key: key, Message: message})
}

func has(s *installs.Step, options ...string) bool {
	return slices.ContainsFunc(s.Words, func(w shell.Word) bool { return slices.Contains(options, w.Text) })
}

// on reports whether a variable of uv is set to true.
func on(s *installs.Step, name string) bool {
	v := s.Vars.Find(name)
	return v != nil && (!v.Known || v.Value != "" && v.Value != "0" && !strings.EqualFold(v.Value, "false"))
}

type answer int

const (
	unknown answer = iota
	yes
	no
)

// reaches says whether a file reaches the directory in which s runs: by the
// build context, or, where there is none, by what the COPY instructions name.
func (c *check) reaches(s *installs.Step, name string) answer {
	dir := ""
	for i, w := range s.Words { // -C, --directory, --project
		if (w.Text == "-C" || w.Text == "--directory" || w.Text == "--project") && i+1 < len(s.Words) {
			dir = s.Words[i+1].Text
			if !s.Words[i+1].Known {
				return unknown
			}
		}
	}
	if c.pass.Files != nil {
		src := c.tree.Resolve(s.Command, path.Join(dir, name))
		if src.Path != "" || src.By != nil {
			return yes // it is copied, mounted, or made
		}
		if named(s, name) == no {
			return no
		}
		return unknown
	}
	return named(s, name)
}

// named reads the COPY instructions alone: one whose source is the file, a
// glob that matches it, or a whole directory may bring it.
func named(s *installs.Step, name string) answer {
	stage := s.Stage
	for ; stage != nil; stage = stage.Parent {
		for _, inst := range stage.Instructions {
			if inst == s.Instruction {
				for _, m := range mounts(inst) {
					if m.Type == instructions.MountTypeBind &&
						(path.Base(m.Source) == name || m.Target == "." || path.Base(m.Target) == name || m.From != "" || m.Source == "" || m.Source == ".") {
						return yes
					}
				}
				break
			}
			var sources []string
			switch cp := inst.Command.(type) {
			case *instructions.CopyCommand:
				if cp.From != "" {
					return unknown
				}
				sources = cp.SourcePaths
			case *instructions.AddCommand:
				sources = cp.SourcePaths
			}
			for _, src := range sources {
				if ok, _ := path.Match(path.Base(src), name); ok || strings.Contains(src, "$") || path.Ext(src) == "" ||
					path.Base(src) == "." {
					return yes
				}
			}
		}
	}
	return no
}

func mounts(inst *analysis.Instruction) []*instructions.Mount {
	run, ok := inst.Command.(*instructions.RunCommand)
	if !ok {
		return nil
	}
	return instructions.GetMounts(run)
}

// projectInstall judges pip install of a path, which takes the project's
// dependencies in whatever versions are newest.
func (c *check) projectInstall(s *installs.Step, before []*installs.Step) {
	if s.Manager != "pip" && s.Manager != "uv pip" || s.Pip.NoDeps || s.Pip.NoIndex || len(s.Pip.Constraints) > 0 ||
		len(s.Pip.Requirements) > 0 {
		return
	}
	project := ""
	for _, w := range s.Names {
		if w.Known && isProject(w.Text) {
			project = w.Text
		}
	}
	for _, w := range s.Pip.Editables { // always paths
		if w.Known && !strings.Contains(w.Text, "://") {
			project = w.Text
		}
	}
	if project == "" {
		return
	}
	severity, open := analysis.Severity(""), ""
	for _, b := range before {
		switch closed, first := c.closes(b, s); {
		case closed:
			return
		case first != nil: // most of what is required is there already
			severity = analysis.Note
			open = fmt.Sprintf(" (%q of %s:%d leaves the set open)", first.Text, first.Path, first.Line)
		}
	}
	c.reportUnlocked(
		s,
		severity,
		fmt.Sprintf(
			"%s %s of %q takes what the project requires in whatever versions are newest%s: "+
				"install from a locked file first, then the project with --no-deps",
			s.Manager,
			s.Verb,
			project,
			open,
		),
	)
}

// isProject reports whether an operand of pip install is a project whose
// requirements pip resolves: a directory, or what was built of one, a wheel or an
// archive by its name or in dist. A directory of wheels may hold all that they
// require.
func isProject(text string) bool {
	if _, p, ok := strings.Cut(text, " @ "); ok {
		text = strings.TrimPrefix(p, "file://")
	}
	text, _, _ = strings.Cut(text, "[")
	file := path.Ext(text) == ".whl" || strings.HasSuffix(text, ".tar.gz") || path.Ext(text) == ".zip"
	switch {
	case strings.Contains(text, "://"):
		return false
	case file && strings.ContainsAny(text, "*?"):
		return path.Base(path.Dir(text)) == "dist"
	case file:
		return !strings.Contains(path.Dir(text), "wheel")
	}
	return !strings.ContainsAny(text, "*?") &&
		(text == "." || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".."))
}

// closes reports whether b installed an exact set into the environment of s;
// where it installed one that is not, first is the first requirement that is not
// exact.
func (c *check) closes(b, s *installs.Step) (closed bool, first *requirements.Requirement) {
	if b.Dead || b.Remove {
		return false, nil
	}
	if b.Kind == installs.Project {
		return b.Verb == "sync" || b.Verb == "install", nil
	}
	here := slices.Contains(s.Stage.Chain(), b.Stage) // else the environment was copied
	if b.Kind != installs.Python || here && b.Pip.Python != s.Pip.Python && b.Manager == s.Manager ||
		len(b.Pip.Requirements) == 0 {
		return false, nil
	}
	for _, w := range b.Pip.Requirements {
		f := c.read(b, w)
		if f == nil {
			return true, nil // not known: not said
		}
		for _, r := range f.Requirements {
			if !r.Constraint && !r.Exact && !r.Pinned && r.Class != requirements.Local {
				return false, r
			}
		}
	}
	return true, nil
}
