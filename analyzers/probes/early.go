package probes

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/facts/process"
	"github.com/tareweight/tare/analyzers/python"
)

// slowImports are distributions that take long to import, or load models.
var slowImports = []string{"torch", "tensorflow", "transformers", "vllm", "sentence-transformers", "spacy"}

// slowStart is how many seconds a program should have that is slow to start: one of those, or with a file of a model.
const slowStart = 60

// early finds liveness probes that restart a program which is slow to start before it can have started.
func early(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	l := c.Liveness
	if l == nil || c.Startup != nil || p.Server == nil && (len(p.Inner) == 0 || !strings.HasPrefix(path.Base(p.Inner[0]), "python")) {
		return
	}
	budget := l.InitialDelay + l.Failure*l.Period
	if budget >= slowStart {
		return
	}
	because := ""
	for _, d := range packages.Fact.Of(pass).Distributions() {
		if slices.Contains(slowImports, python.NormalizeName(d.Name)) {
			because = fmt.Sprintf("the image has %s %s", d.Name, d.Version)
			break
		}
	}
	if app := process.Application.Of(pass); app.Model != nil {
		name, f := app.Named, app.Model
		because = fmt.Sprintf("the image holds a model of %s (%s)", analysis.Bytes(f.Size), "/"+name)
	}
	if because == "" {
		return
	}
	pass.Report(analysis.Finding{
		Rule: hasty, Location: l.At, Key: c.Name,
		Message: fmt.Sprintf("liveness of %q restarts it %d s after its start, and %s: it may never come up; "+
			"add a startupProbe on the same path, with failureThreshold: 30", c.Name, budget, because),
	})
}
