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
	Rules: []*analysis.Rule{missing},
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

func run(pass *analysis.Pass) error {
	d := pass.Dockerfile
	if d == nil {
		return nil
	}
	c := &check{pass: pass, commands: shell.Fact.Of(pass), steps: installs.Fact.Of(pass)}
	if only(d) {
		if w := c.work(d.Chain()); w != nil {
			pass.Report(analysis.Finding{
				Rule: missing, Location: w.at, Key: w.key,
				Message: fmt.Sprintf("%s in the stage that ships: build in a stage of its own and COPY --from what it makes", w.what),
			})
		}
	}
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
