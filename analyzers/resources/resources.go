// Package resources judges the limits of a pod together with the processes that its image starts.
package resources

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/facts/process"
	"github.com/tareweight/tare/analyzers/python"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:   "resources",
	Doc:    doc,
	Rules:  []*analysis.Rule{node, idle, memory, dead, none},
	Needs:  analysis.Needs{Facts: []analysis.AnyFact{process.Fact, process.Application, packages.Fact}},
	Config: Config{},
	Run:    run,
}

// Config is the section resources of .tare.yaml.
type Config struct {
	// Report containers that have no limit of memory.
	Required bool `yaml:"required"`
}

var none = &analysis.Rule{
	ID:       "resources-missing",
	Title:    "a container has no limit of memory",
	Severity: analysis.Warning,
	Unset:    "off",
	Needs:    analysis.InputWorkload,
}

var node = &analysis.Rule{
	ID:       "resources-node-workers",
	Title:    "as many workers as the node has processors, in a container that may use few",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var idle = &analysis.Rule{
	ID:       "resources-idle-cpu",
	Title:    "more CPU than the workers can use",
	Severity: analysis.Note,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var memory = &analysis.Rule{
	ID:       "resources-worker-memory",
	Title:    "less memory than the workers or the model need",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var dead = &analysis.Rule{
	ID:       "resources-dead-setting",
	Title:    "a variable that the server does not read",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

func run(pass *analysis.Pass) error {
	c := pass.Container
	if c == nil {
		return nil
	}
	if pass.Config.(Config).Required && !c.Memory.Set {
		pass.Reportf(
			none,
			c,
			c.Name,
			"%q has no limit of memory: one that leaks takes the node with it; set resources.limits.memory",
			c.Name,
		)
	}
	if !pass.HasFiles() {
		return nil
	}
	s := process.Fact.Of(pass).Server
	model(pass)
	if s == nil {
		return nil
	}
	ofNode(pass, s)
	unused(pass, s)
	little(pass, s)
	unread(pass, s)
	return nil
}

// limits are what the container may use: thousandths of a processor, and bytes; 0 where there is none, or where it
// cannot be read.
func limits(c *analysis.Container) (cpu, bytes int64) {
	if n, ok := quantity(c.CPU.S); c.CPU.Set && ok {
		cpu = n
	}
	if n, ok := quantity(c.Memory.S); c.Memory.Set && ok {
		bytes = n / 1000
	}
	return cpu, bytes
}

// ofNode finds workers whose number is that of the node's processors: Python and celery read those, and not what the
// container may use (github.com/python/cpython/issues/149452).
func ofNode(pass *analysis.Pass, s *process.Server) {
	c, p := pass.Container, process.Fact.Of(pass)
	cpu, bytes := limits(c)
	if s.Node == "" || cpu == 0 && bytes == 0 {
		return
	}
	if _, set, known := p.Env("PYTHON_CPU_COUNT"); set || !known {
		return
	}
	flag := "--workers"
	if s.Kind == "celery" {
		flag = "--concurrency"
		if said, known := mentioned(pass, "worker_concurrency", "CELERYD_CONCURRENCY", "WORKER_CONCURRENCY", "worker_pool",
			"WORKER_POOL", "CELERYD_POOL"); said || !known {
			return
		}
	}
	var has []string
	at := c.CPU.At
	if cpu > 0 {
		has = append(has, cores(cpu))
	}
	if bytes > 0 {
		has = append(has, analysis.Bytes(bytes).String()+" of memory")
		if cpu == 0 {
			at = c.Memory.At
		}
	}
	f := analysis.Finding{
		Rule: node, Location: at, Key: c.Name,
		Message: fmt.Sprintf("%s of %q starts workers by the node's processors (%s), and may use %s: on a node of 32 processors "+
			"that is many times more than it can feed; say how many: %s 2", s.Kind, c.Name, s.Node, analysis.And(has, 2), flag),
		Related: p.By(),
	}
	if bytes > 0 && bytes < 1<<30 {
		f.Severity = analysis.Error
	}
	pass.Report(f)
}

// busy are distributions that compute outside of the interpreter's lock, so that one process may use several processors.
var busy = []string{
	"numpy", "scipy", "pandas", "torch", "tensorflow", "onnxruntime", "polars", "pyarrow", "duckdb", "opencv-python", "opencv-python-headless",
	"xgboost", "lightgbm", "scikit-learn", "numba", "pillow", "transformers", "vllm", "sentence-transformers", "spacy", "jax", "ray", "dask",
	"gevent", "playwright", "selenium", "pyppeteer",
}

// spawns are words of a source that starts other processes.
var spawns = []string{"subprocess", "multiprocessing", "ProcessPool", "joblib", "os.fork", "os.system"}

// unused finds containers that may use more processors than they have processes: one of Python's uses one at a time.
func unused(pass *analysis.Pass, s *process.Server) {
	c := pass.Container
	cpu, _ := limits(c)
	at, may, remedy := c.CPU.At, "may use", "lower the limit"
	if n, ok := quantity(c.Asked.S); cpu == 0 && c.Asked.Set && ok { // what it asks for nobody else has
		cpu, at, may, remedy = n, c.Asked.At, "asks for", "ask for less"
	}
	if s.Workers < 1 || s.Kind == "granian" || cpu < (s.Workers+1)*1000 {
		return
	}
	for _, d := range packages.Fact.Of(pass).Distributions() {
		if slices.Contains(busy, python.NormalizeName(d.Name)) {
			return
		}
	}
	if said, known := mentioned(pass, spawns...); said || !known {
		return
	}
	if process.Application.Of(pass).Free {
		return
	}
	workers := "1 worker"
	if s.Workers > 1 {
		workers = fmt.Sprintf("%d workers", s.Workers)
	}
	pass.Report(analysis.Finding{
		Rule: idle, Location: at, Key: c.Name,
		Message: fmt.Sprintf("%s of %q has %s (%s), each of which uses one processor at most, and %s %s: %s, or start more workers",
			s.Kind, c.Name, workers, s.Count, may, cores(cpu), remedy),
	})
}

// leastWorker is how many bytes a worker of a framework has at the very least: the bare interpreter has 13 MiB.
const leastWorker = 24 << 20

// little finds workers that together cannot have the memory that they need.
func little(pass *analysis.Pass, s *process.Server) {
	c := pass.Container
	_, bytes := limits(c)
	if s.Workers < 2 || bytes == 0 || bytes/s.Workers >= leastWorker {
		return
	}
	pass.Report(analysis.Finding{
		Rule: memory, Location: c.Memory.At, Key: c.Name,
		Message: fmt.Sprintf(
			"%d workers of %s of %q share %s, %s each, and an interpreter that has loaded nothing takes 14 MB: "+
				"they are killed as soon as they work; "+
				"start fewer, or raise the limit",
			s.Workers,
			s.Kind,
			c.Name,
			analysis.Bytes(bytes),
			analysis.Bytes(bytes/s.Workers),
		),
	})
}

// model finds a model that is larger than the memory that its container may use.
func model(pass *analysis.Pass) {
	c := pass.Container
	_, bytes := limits(c)
	if bytes == 0 || c.GPU {
		return
	}
	app := process.Application.Of(pass)
	name, f := app.Named, app.Model
	if f == nil || f.Size <= bytes {
		return
	}
	pass.Report(analysis.Finding{
		Rule: memory, Location: c.Memory.At, Key: c.Name,
		Message: fmt.Sprintf(
			"the image holds a model of %s (%s), and %q may use %s of memory: it cannot be resident; raise the limit, or ship a smaller one",
			analysis.Bytes(f.Size),
			"/"+name,
			c.Name,
			analysis.Bytes(bytes),
		),
	})
}

// unknownToGunicorn are variables that people set for gunicorn, and that it does not read.
var unknownToGunicorn = []string{"GUNICORN_WORKERS", "GUNICORN_BIND", "GUNICORN_THREADS", "GUNICORN_TIMEOUT"}

// unread finds variables of the pod that are meant for its server, which does not read them.
func unread(pass *analysis.Pass, s *process.Server) {
	c := pass.Container
	if s.Conf { // a file of its settings that was not read may read it
		return
	}
	p := process.Fact.Of(pass)
	for _, e := range p.Variables(c) {
		where := ""
		if e.OfImage {
			where = ", which the image sets,"
		}
		why, remedy := "", ""
		switch {
		case strings.HasPrefix(e.Name, "UVICORN_") && (s.Kind == "gunicorn" || s.Kind == "fastapi run"):
			why, remedy = "only uvicorn's own command reads it", "give "+s.Kind+" the option"
		case s.Kind == "gunicorn" && slices.Contains(unknownToGunicorn, e.Name):
			option := strings.ToLower(strings.TrimPrefix(e.Name, "GUNICORN_"))
			why, remedy = "gunicorn does not know it", fmt.Sprintf("write GUNICORN_CMD_ARGS=\"--%s=...\"", option)
		case e.Name == "WEB_CONCURRENCY" && s.Count == "--workers":
			why, remedy = "--workers counts before it", "leave one of them out"
		default:
			continue
		}
		if used(c, e.Name) {
			continue
		}
		if said, known := mentioned(pass, e.Name); said || !known {
			continue
		}
		pass.Report(analysis.Finding{
			Rule: dead, Location: e.Place, Key: c.Name + " " + e.Name, Related: append(p.By(), e.Related...),
			Message: fmt.Sprintf("%s of %q%s does nothing: %s; %s", e.Name, c.Name, where, why, remedy),
		})
	}
}

// used reports whether the pod's own words have a variable, which the kubelet puts in: $(NAME).
func used(c *analysis.Container, name string) bool {
	has := func(list []analysis.Text) bool {
		return slices.ContainsFunc(list, func(w analysis.Text) bool { return strings.Contains(w.S, "$("+name+")") })
	}
	return has(c.Command) || has(c.Args) ||
		slices.ContainsFunc(c.Env, func(e analysis.EnvVar) bool { return strings.Contains(e.Value, "$("+name+")") })
}

// mentioned reports whether one of the words is in what the container runs: its command, its scripts, the application's own
// source. Known is false where not all of that was read.
func mentioned(pass *analysis.Pass, words ...string) (said, known bool) {
	in := func(text string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	app := process.Application.Of(pass)
	return in(process.Fact.Of(pass).Text) || slices.ContainsFunc(words, app.Mentions), app.Whole
}
