package shutdown

import (
	"fmt"
	"path"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/process"
)

var unhandled = &analysis.Rule{
	ID:       "shutdown-unhandled",
	Title:    "the program is process 1 and handles no SIGTERM, which is ignored then",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

// ignores finds programs of the application that are process 1 and do nothing about SIGTERM: the kernel gives process 1
// no default action (pid_namespaces(7)), and Python handles SIGINT alone.
func ignores(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	if stop, _, _ := stopBy(pass); stop != "" && stop != "TERM" {
		return
	}
	if h := c.PreStop; h != nil && h.Kind != "sleep" && (h.Kind != "exec" || len(h.Command) == 0 || path.Base(h.Command[0]) != "sleep") {
		return // it may end the program itself
	}
	program, why := p.Program(pass)
	switch {
	case why != "":
		pass.Undecided(unhandled, p.At, why)
		return
	case program == nil || program.Handles():
		return
	case program.Foreign != "":
		pass.Undecided(unhandled, p.At, fmt.Sprintf("%q may handle signals", program.Foreign))
		return
	case c.Workload.SharedProcesses:
		pass.Undecided(unhandled, p.At, "shareProcessNamespace: process 1 is not the container's")
		return
	}
	pass.Report(analysis.Finding{
		Rule: unhandled, Location: p.At, Key: c.Name + " " + program.Main, Related: p.Made(),
		Message: fmt.Sprintf("%q is process 1 of %q and handles no SIGTERM, which is ignored then: each rollout waits %d s and kills it; "+
			"write signal.signal(signal.SIGTERM, ...) that ends it, or start it below tini",
			program.Main, c.Name, c.Workload.Grace.Or(grace)),
	})
}
