// Package multistage finds images that are built in the stage that ships.
package multistage

import (
	_ "embed"
	"fmt"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/causes"
	"github.com/tareweight/tare/analyzers/facts/installs"
	"github.com/tareweight/tare/analyzers/facts/shell"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:  "multistage",
	Doc:   doc,
	Rules: []*analysis.Rule{missing, bypassed, copiesToolchain, unused, lateInstall},
	Needs: analysis.Needs{Facts: []analysis.AnyFact{shell.Fact, installs.Fact, causes.Fact}},
	Run:   run,
}

var missing = &analysis.Rule{
	ID:       "multistage-missing",
	Title:    "the only stage builds the application and ships",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
	Uses:     analysis.InputFiles,
	Runtime:  true,
}

var bypassed = &analysis.Rule{
	ID:       "multistage-bypassed",
	Title:    "the stage that ships stands on a stage that builds",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
	Uses:     analysis.InputFiles,
	Runtime:  true,
}

var copiesToolchain = &analysis.Rule{
	ID:       "multistage-copies-toolchain",
	Title:    "COPY --from brings a compiler along",
	Severity: analysis.Warning,
	Needs:    analysis.InputDockerfile,
	Uses:     analysis.InputFiles,
	Runtime:  true,
}

var unused = &analysis.Rule{
	ID:       "multistage-unused",
	Title:    "a stage without a name is not built",
	Severity: analysis.Note,
	Needs:    analysis.InputDockerfile,
}

var lateInstall = &analysis.Rule{
	ID:       "multistage-late-install",
	Title:    "the stage that ships installs what a build stage could",
	Severity: analysis.Note,
	Needs:    analysis.InputDockerfile,
	Runtime:  true,
}

func run(pass *analysis.Pass) error {
	d := pass.Dockerfile
	if d == nil {
		return nil
	}
	c := &check{pass: pass, commands: shell.Fact.Of(pass), steps: installs.Fact.Of(pass)}
	switch w := c.work(d.Chain()); {
	case w == nil:
	case w.key == "compiler" && only(d): // said of the install itself: toolchain-installed, or toolchain-shipped
	case only(d):
		pass.Report(analysis.Finding{
			Rule: missing, Location: w.at, Key: w.key,
			Message: fmt.Sprintf("%s in the stage that ships: build in a stage of its own and COPY --from what it makes", w.what),
		})
	case w.stage != d.Target:
		pass.Report(analysis.Finding{
			Rule: bypassed, Location: w.at, Key: w.stage.String(),
			Message: fmt.Sprintf(
				"%s in %q, which the stage that ships stands on: start that from a clean base and COPY --from what it makes",
				w.what,
				w.stage,
			),
			Related: []analysis.Related{{Location: d.Target.Location(), Message: "the stage that ships"}},
		})
	}
	c.copies(d)
	c.unused(d)
	c.late(d)
	return nil
}

// only reports whether the judged chain is all that is built.
func only(d *analysis.Dockerfile) bool {
	chain := map[*analysis.Stage]bool{}
	for _, s := range d.Chain() {
		chain[s] = true
	}
	for _, s := range d.Stages {
		if s.Reached && !chain[s] {
			return false
		}
	}
	return true
}
