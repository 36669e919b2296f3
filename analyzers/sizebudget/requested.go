package sizebudget

import (
	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/facts/shell"
	"github.com/tareweight/tare/analyzers/locks"
	"github.com/tareweight/tare/analyzers/python"
	"github.com/tareweight/tare/analyzers/requirements"
)

// requested are the lines that ask for a package: words of install commands, and lines of the
// requirement and lock files that they read. Of several the first counts.
func requested(pass *analysis.Pass) map[string]analysis.Location {
	lines := map[string]analysis.Location{}
	add := func(t packages.Type, name string, at analysis.Location) {
		if key := lineKey(t, name); name != "" && lines[key] == (analysis.Location{}) {
			lines[key] = at
		}
	}
	file := func(name string, locate func(from, target string) string) {
		if kind := locks.KindOf(name); kind != "" {
			if text, err := pass.ReadFile(name); err == nil {
				if lock, err := locks.Read(kind, []byte(text)); err == nil {
					for _, p := range lock.Packages {
						add(packages.PyPI, p.Name, pass.At(name, p.Line, p.Line))
					}
				}
			}
			return
		}
		f, err := requirements.Read(pass.Files, name, locate)
		if err != nil {
			return
		}
		for _, r := range f.Requirements {
			if !r.Constraint {
				add(packages.PyPI, r.Name, pass.At(r.Path, r.Line, r.End))
			}
		}
	}
	if pass.Dockerfile != nil {
		tree, steps := inputs.Fact.Of(pass), installs.Fact.Of(pass)
		for _, stage := range pass.Dockerfile.Stages {
			if !stage.Reached {
				continue
			}
			for _, inst := range stage.Instructions {
				for _, s := range steps.Of(inst) {
					if s.Remove || s.Dead {
						continue
					}
					named(s, add)
					if s.Kind == installs.Project && pass.Files != nil {
						for _, lock := range projectLocks {
							file(lock, nil)
						}
					}
					for _, w := range s.Pip.Requirements {
						if src := tree.Resolve(s.Command, w.Text); w.Known && src.Path != "" && pass.Files != nil {
							file(src.Path, tree.Locate(s.Command, w.Text, src.Path))
						}
					}
				}
			}
		}
	}
	if pass.Files != nil {
		for _, name := range pass.Named {
			file(name, nil)
		}
	}
	return lines
}

// projectLocks are the locks that an installer of projects reads in its directory.
var projectLocks = []string{"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml"}

// named adds the packages that a command names.
func named(s *installs.Step, add func(packages.Type, string, analysis.Location)) {
	at := func(w shell.Word) analysis.Location {
		l := s.Location()
		l.Line, l.End = w.Line, w.Line
		return l
	}
	for _, w := range s.Names {
		switch s.Kind {
		case installs.Python:
			if r, err := python.ParseRequirement(w.Text); err == nil {
				add(packages.PyPI, r.Name, at(w))
			}
		case installs.Conda:
			add(packages.Conda, installs.PackageName(s.Manager, w.Text), at(w))
		case installs.System:
			add("", installs.PackageName(s.Manager, w.Text), at(w))
		}
	}
}

// lineKey names a package of a kind; those of the distribution's managers are one kind.
func lineKey(t packages.Type, name string) string {
	if t.System() {
		t = ""
	}
	return string(t) + " " + python.NormalizeName(name)
}
