package observability

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/facts/process"
	"github.com/tareweight/tare/analyzers/python"
)

var multiproc = &analysis.Rule{
	ID:       "observability-multiproc",
	Title:    "several worker processes, each with metrics of its own",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var unserved = &analysis.Rule{
	ID:       "observability-scrape-unserved",
	Title:    "Prometheus is told a port that nothing in the pod listens on",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var noOtel = &analysis.Rule{
	ID:       "observability-otel-missing",
	Title:    "OpenTelemetry is configured, and not installed",
	Severity: analysis.Note,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var fleet = &analysis.Rule{
	ID:       "observability-fleet",
	Title:    "a service of Python that neither sends traces nor writes structured logs",
	Severity: analysis.Note,
	Unset:    "off",
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

// silent finds services that cannot be followed among others: none of what sends traces is installed, and none of what writes logs that
// a machine reads.
func silent(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	if !pass.Config.(Config).Fleet || p.Server == nil || !c.Workload.LongRunning() ||
		has(pass, "opentelemetry-", "ddtrace", "logfire", "sentry-sdk", "python-json-logger", "structlog", "loguru") {
		return
	}
	if _, injected := c.Workload.Annotations[inject]; injected {
		return
	}
	pass.Reportf(
		fleet,
		c,
		c.Name,
		"%q sends no traces and writes no structured logs: what it does for a request cannot be followed among other services; "+
			"install opentelemetry-distro, or python-json-logger",
		c.Name,
	)
}

// The annotations that Prometheus's example configuration reads, and the one that lets OpenTelemetry's operator put its own into
// the pod.
const (
	scrape = "prometheus.io/scrape"
	port   = "prometheus.io/port"
	inject = "instrumentation.opentelemetry.io/inject-python"
)

// multiprocDir is the variable that has prometheus_client share what its processes count (prometheus.github.io/client_python,
// "Multiprocess Mode").
const multiprocDir = "PROMETHEUS_MULTIPROC_DIR"

// has reports whether a distribution of one of those names is installed, or one whose name begins so ("opentelemetry-").
func has(pass *analysis.Pass, names ...string) bool {
	return slices.ContainsFunc(packages.Fact.Of(pass).Distributions(), func(d *packages.Package) bool {
		return slices.ContainsFunc(names, func(n string) bool {
			return python.NormalizeName(d.Name) == n || strings.HasSuffix(n, "-") && strings.HasPrefix(python.NormalizeName(d.Name), n)
		})
	})
}

// several finds workers that each count for themselves, where metrics are asked for: every scrape is of another one.
func several(pass *analysis.Pass, p *process.Process) {
	c, s := pass.Container, p.Server
	if s == nil || s.Kind == "celery" || s.Workers < 2 || !has(pass, "prometheus-client") {
		return
	}
	for _, name := range []string{multiprocDir, strings.ToLower(multiprocDir)} { // it was written so before 0.10
		if _, set, known := p.Env(name); set || !known {
			return
		}
	}
	app := process.Application.Of(pass)
	imports := c.Workload.Annotations[scrape] == "true"
	for _, a := range asked(c) {
		for _, other := range slices.Concat(c.Workload.Containers, c.Workload.Sidecars) {
			if other != c && slices.Contains(other.Declared, a.number) {
				return // an exporter beside it is asked
			}
		}
		imports = true
	}
	if app.Mentions(multiprocDir) || app.Mentions(strings.ToLower(multiprocDir)) || app.Mentions("MultiProcessCollector") {
		return
	}
	if !imports && !app.Mentions("prometheus_client") || !app.Whole || strings.Contains(p.Text, multiprocDir) {
		return
	}
	pass.Report(analysis.Finding{
		Rule: multiproc, Location: p.At, Key: c.Name, Related: p.Made(),
		Message: fmt.Sprintf(
			"%d workers of %s of %q each count their own metrics, and a scrape reaches one of them: set %s to an empty, writable directory "+
				"(an emptyDir), and collect with MultiProcessCollector",
			s.Workers,
			s.Kind,
			c.Name,
			multiprocDir,
		),
	})
}

// asked are the ports that Prometheus is told to scrape of a pod, by its annotations or by a monitor of its operator: the number of
// each, who says so and where.
func asked(c *analysis.Container) (list []scrapedPort) {
	w := c.Workload
	if n, err := strconv.ParseInt(w.Annotations[port], 10, 64); err == nil && w.Annotations[scrape] == "true" {
		list = append(list, scrapedPort{n, fmt.Sprintf("%s of %q", port, w.Name), w.At})
	}
	for _, m := range w.Monitors {
		for _, p := range m.Ports {
			n, ok := c.Ports[p]
			if !ok {
				var err error
				if n, err = strconv.ParseInt(p, 10, 64); err != nil {
					continue
				}
			}
			list = append(list, scrapedPort{n, fmt.Sprintf("the port that %s %q scrapes", m.Kind, m.Name), m.At})
		}
	}
	return list
}

type scrapedPort struct {
	number int64
	by     string
	at     analysis.Location
}

// reServes is what a source says that serves metrics on a port of their own.
var reServes = regexp.MustCompile(`start_http_server|start_wsgi_server|PROMETHEUS_METRICS_EXPORT|HTTPServer`)

// scraped finds a port for Prometheus that the pod's one server does not listen on.
func scraped(pass *analysis.Pass, p *process.Process) {
	c, s := pass.Container, p.Server
	w := c.Workload
	if s == nil || s.Port == "" || s.Host == "" || p.Others || len(w.Containers)+len(w.Sidecars) != 1 ||
		has(pass, "django-prometheus", "opentelemetry-exporter-prometheus") || slices.Contains(p.Inner, "--metrics") {
		return
	}
	if v, set, known := p.Env("OTEL_METRICS_EXPORTER"); !known || set && strings.Contains(v, "prometheus") {
		return
	}
	app := process.Application.Of(pass)
	if !app.Whole || app.Matches(reServes) {
		return // a server of prometheus_client's own, beside the other
	}
	served, err := strconv.ParseInt(s.Port, 10, 64)
	for _, a := range asked(c) {
		if a.number == served || err != nil || slices.Contains(c.Declared, a.number) && slices.Contains(c.Declared, served) {
			continue
		}
		pass.Report(analysis.Finding{
			Rule: unserved, Location: a.at, Key: fmt.Sprintf("%s %d", c.Name, a.number),
			Message: fmt.Sprintf("%s is %d, and %s of %q listens on %s (%s): the scrape finds nothing; name port %[5]s",
				a.by, a.number, s.Kind, c.Name, s.Port, s.By),
			Related: p.By(),
		})
	}
}

// otel finds variables of OpenTelemetry's in a container of Python that has none of its distributions.
func otel(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	if p.Server == nil && (len(p.Inner) == 0 || !strings.HasPrefix(path.Base(p.Inner[0]), "python")) {
		return
	}
	if _, injected := c.Workload.Annotations[inject]; injected || has(pass, "opentelemetry-", "ddtrace", "logfire", "sentry-sdk") ||
		len(packages.Fact.Of(pass).Distributions()) == 0 {
		return
	}
	for _, e := range p.Variables(c) {
		if !strings.HasPrefix(e.Name, "OTEL_EXPORTER_") && e.Name != "OTEL_SERVICE_NAME" {
			continue
		}
		pass.Report(analysis.Finding{
			Rule: noOtel, Location: e.Place, Key: c.Name, Related: e.Related,
			Message: fmt.Sprintf(
				"%s is set for %q, whose image has no distribution of OpenTelemetry: nothing is sent; install opentelemetry-distro, "+
					"or leave the variables out",
				e.Name,
				c.Name,
			),
		})
		return
	}
}
