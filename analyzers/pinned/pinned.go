// Package pinned finds dependencies that the next build may take in another
// version.
package pinned

import (
	_ "embed"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/locks"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:   "pinned",
	Doc:    doc,
	Rules:  []*analysis.Rule{inline, installer, requirement, source, hashes, unlocked, invalid},
	Needs:  analysis.Needs{Facts: []analysis.AnyFact{installs.Fact, inputs.Fact, packages.Fact}},
	Config: Config{},
	Run:    run,
}

// Config is what the user requires.
type Config struct {
	// Hashes says that every requirement of an index wants a --hash.
	Hashes bool `yaml:"hashes"`
}

var inline = &analysis.Rule{
	ID:       "pinned-inline",
	Title:    "an install command names a distribution without an exact version",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
	Uses:     analysis.InputFiles,
}

var installer = &analysis.Rule{
	ID:       "pinned-installer",
	Title:    "an installer is upgraded to whatever is newest",
	Severity: analysis.Note,
	Needs:    analysis.InputDockerfile,
	Uses:     analysis.InputFiles,
}

var requirement = &analysis.Rule{
	ID:       "pinned-requirement",
	Title:    "a line of a requirements file is not exact",
	Many:     "are not pinned",
	Severity: analysis.Warning,
	Needs:    analysis.InputContext,
	Uses:     analysis.InputFiles,
}

var source = &analysis.Rule{
	ID:       "pinned-source",
	Title:    "a requirement is taken from a branch or a URL that may change",
	Severity: analysis.Warning,
	Needs:    analysis.InputContext,
	Uses:     analysis.InputFiles,
}

var hashes = &analysis.Rule{
	ID:       "pinned-hashes",
	Title:    "some requirements of a file have hashes and others do not",
	Severity: analysis.Warning,
	Needs:    analysis.InputContext,
	Uses:     analysis.InputFiles,
}

var invalid = &analysis.Rule{
	ID:       "pinned-invalid",
	Title:    "a line that pip rejects",
	Severity: analysis.Error,
	Needs:    analysis.InputContext,
	Uses:     analysis.InputFiles,
}

var unlocked = &analysis.Rule{
	ID:       "pinned-unlocked",
	Title:    "a project is installed without its lock",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
	Uses:     analysis.InputFiles,
}

func run(pass *analysis.Pass) error {
	if pass.HasFiles() && !hasPython(pass) {
		for _, r := range pass.Analyzer.Rules {
			pass.Undecided(r, nil, "the image holds no Python")
		}
		return nil
	}
	c := &check{pass: pass, tree: inputs.Fact.Of(pass), seen: map[string]int{}}
	if pass.Dockerfile != nil {
		steps := installs.Fact.Of(pass)
		for _, stage := range pass.Dockerfile.Stages {
			if !stage.Reached {
				continue
			}
			var before []*installs.Step
			for _, below := range stage.Chain() {
				for _, inst := range below.Instructions {
					before = append(before, c.copied(steps, inst)...)
					for _, s := range steps.Of(inst) {
						if below == stage {
							c.step(s)
							if !s.Dead {
								c.unlocked(s, before)
							}
						}
						before = append(before, s)
					}
				}
			}
		}
		c.last = true
		for _, judge := range c.later {
			judge()
		}
		for _, o := range steps.Open() {
			if o.Python && o.Stage.Reached {
				pass.Undecided(inline, o, o.Reason)
			}
		}
	}
	for _, name := range pass.Named {
		if kind := locks.KindOf(name); kind != "" {
			c.lock(name, kind)
			continue
		}
		c.judge(name, "pip", nil, nil, nil)
	}
	return nil
}

// copied are the steps of the stage whose environment a COPY --from brings: what
// they installed is there from then on.
func (c *check) copied(steps *installs.Steps, inst *analysis.Instruction) (list []*installs.Step) {
	if _, ok := inst.Command.(*instructions.CopyCommand); !ok {
		return nil
	}
	for _, e := range inst.Stage.Uses {
		if e.Instruction != inst || e.Stage == nil {
			continue
		}
		for _, s := range e.Stage.Chain() {
			for _, from := range s.Instructions {
				list = append(list, steps.Of(from)...)
			}
		}
	}
	return list
}

// hasPython reports whether the image holds an interpreter or a distribution.
func hasPython(pass *analysis.Pass) bool {
	if len(packages.Fact.Of(pass).Distributions()) > 0 {
		return true
	}
	for _, p := range []string{"usr/bin/python3", "usr/local/bin/python3", "usr/local/bin/python", "usr/bin/python", "opt/venv/bin/python"} {
		if pass.Image.Lookup(p) != nil {
			return true
		}
	}
	for p := range pass.Image.Files() {
		if isPython(p) {
			return true
		}
	}
	return false
}

// A check is one run over one target.
type check struct {
	pass *analysis.Pass
	tree *inputs.Tree
	seen map[string]int // requirement files that were judged, and keys that were used

	later []func() // files that are read only if an ARG is given a value
	last  bool     // they are judged now
}

// step judges one command that installs.
func (c *check) step(s *installs.Step) {
	if s.Remove || s.Dead {
		return
	}
	switch s.Kind {
	case installs.Python:
		if s.Verb != "wheel" { // which installs nothing
			c.names(s)
		}
		for _, w := range s.Pip.Requirements {
			c.file(s, w)
		}
	case installs.Conda:
		c.specs(s)
		c.environments(s)
	}
}
