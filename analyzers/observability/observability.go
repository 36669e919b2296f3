// Package observability judges whether what the application says can be seen from outside while it runs.
package observability

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/facts/process"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:   "observability",
	Doc:    doc,
	Rules:  []*analysis.Rule{unbuffered, multiproc, unserved, noOtel, fleet},
	Needs:  analysis.Needs{Facts: []analysis.AnyFact{process.Fact, process.Application, packages.Fact}},
	Config: Config{},
	Run:    run,
}

// Config is the section observability of .tare.yaml.
type Config struct {
	// Report containers of Python that send no traces and write no structured logs.
	Fleet bool `yaml:"fleet"`
}

var unbuffered = &analysis.Rule{
	ID:       "observability-unbuffered",
	Title:    "PYTHONUNBUFFERED=0 leaves the output buffered",
	Severity: analysis.Warning,
	Any:      analysis.InputDockerfile | analysis.InputWorkload,
	Runtime:  true,
}

// variable is read as a number where it is one, so that 0 is as if it were not set; any other text sets it (measured
// with CPython 3.11: docs.python.org, "PYTHONUNBUFFERED").
const variable = "PYTHONUNBUFFERED"

func run(pass *analysis.Pass) error {
	if c := pass.Container; c != nil {
		if v, ok := c.Lookup(variable); ok && v.Known && v.Value == "0" {
			report(pass, v.At, c.Name, fmt.Sprintf("%q in the pod", c.Name))
		}
		if pass.HasFiles() {
			p := process.Fact.Of(pass)
			several(pass, p)
			scraped(pass, p)
			otel(pass, p)
			printed(pass, p)
			silent(pass, p)
		}
		return nil
	}
	if pass.Dockerfile == nil || len(pass.RunBy) > 0 && !slices.ContainsFunc(pass.RunBy, func(c *analysis.Container) bool {
		_, set := c.Lookup(variable) // which is judged there
		return !set
	}) {
		return nil
	}
	var last *analysis.Instruction // that sets it to 0, and that no other overrides
	for _, s := range pass.Dockerfile.Chain() {
		for _, i := range s.Instructions {
			env, ok := i.Command.(*instructions.EnvCommand)
			if !ok {
				continue
			}
			for _, kv := range env.Env {
				if strings.Trim(kv.Key, `"'`) != variable {
					continue
				}
				if last = nil; strings.Trim(kv.Value, `"'`) == "0" {
					last = i
				}
			}
		}
	}
	if last != nil {
		report(pass, last, variable, "the image")
	}
	return nil
}

var rePrint = regexp.MustCompile(`(?m)^[ \t]*print\(`)

// printed finds a program of the application's own that prints, and whose output is held back in a buffer: as process 1 it is killed
// more often than it ends. Logging writes each record at once, to standard error.
func printed(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	program, _ := p.Program(pass)
	if program == nil || !c.Workload.LongRunning() || slices.Contains(p.Argv, "-u") || !rePrint.MatchString(program.Text) ||
		strings.Contains(program.Text, "file=sys.stderr") ||
		strings.Contains(program.Text, "flush=True") ||
		strings.Contains(program.Text, "reconfigure(") {
		return
	}
	if v, set, known := p.Env(variable); !known || set && v != "" {
		return
	}
	pass.Report(analysis.Finding{
		Rule: unbuffered, Severity: analysis.Note, Location: p.At, Key: c.Name + " print", Related: p.Made(),
		Message: fmt.Sprintf(
			"%q of %q prints, and its output is held back in a buffer, and lost when the process is killed; set %s=1, or give python -u",
			program.Main,
			c.Name,
			variable,
		),
	})
}

func report(pass *analysis.Pass, at analysis.Node, key, of string) {
	pass.Report(analysis.Finding{
		Rule: unbuffered, Location: at.Location(), Key: key,
		Message: fmt.Sprintf("%s=0 of %s is as if it were not set: what is printed is held back in a buffer, and lost when the "+
			"process is killed; write %[1]s=1, or leave it out", variable, of),
	})
}
