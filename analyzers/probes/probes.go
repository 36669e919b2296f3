// Package probes judges the probes of a pod together with the image that it runs.
package probes

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/facts/process"
)

//go:embed README.md
var doc string

// Analyzer is the check.
var Analyzer = &analysis.Analyzer{
	Name:   "probes",
	Doc:    doc,
	Rules:  []*analysis.Rule{loopback, unanswered, missing, identical, deep, hasty, none},
	Needs:  analysis.Needs{Facts: []analysis.AnyFact{process.Fact, process.Application, routes, packages.Fact}},
	Config: Config{},
	Run:    run,
}

// Config is the section probes of .tare.yaml.
type Config struct {
	// Report containers of long-running pods that have no probe.
	Required bool `yaml:"required"`
}

var loopback = &analysis.Rule{
	ID:       "probes-loopback",
	Title:    "the server listens on loopback, where neither the kubelet nor a Service reaches it",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload,
	Any:      analysis.InputDockerfile | analysis.InputFiles,
}

var missing = &analysis.Rule{
	ID:       "probes-exec-missing",
	Title:    "a probe runs a program that the image does not have",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

var identical = &analysis.Rule{
	ID:       "probes-identical",
	Title:    "liveness and readiness are the same, so that what is only busy is restarted",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload,
}

var deep = &analysis.Rule{
	ID:       "probes-liveness-deep",
	Title:    "liveness asks what depends on other services",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload,
	Uses:     analysis.InputFiles,
}

var unanswered = &analysis.Rule{
	ID:       "probes-unserved",
	Title:    "a probe asks a port that nothing in the pod listens on",
	Severity: analysis.Error,
	Needs:    analysis.InputWorkload,
	Any:      analysis.InputDockerfile | analysis.InputFiles,
}

var none = &analysis.Rule{
	ID:       "probes-missing",
	Title:    "a container has no probe",
	Severity: analysis.Warning,
	Unset:    "off",
	Needs:    analysis.InputWorkload,
}

var hasty = &analysis.Rule{
	ID:       "probes-liveness-early",
	Title:    "liveness restarts what is slow to start before it has started",
	Severity: analysis.Warning,
	Needs:    analysis.InputWorkload | analysis.InputFiles,
}

func run(pass *analysis.Pass) error {
	c := pass.Container
	if c == nil {
		return nil
	}
	if pass.Config.(Config).Required && c.Workload.LongRunning() && len(all(c)) == 0 && slices.Contains(c.Workload.Containers, c) {
		pass.Reportf(none, c, c.Name, "%q has no probe: what hangs is left alone, and what has not started gets requests; "+
			"add a readinessProbe, and a livenessProbe that answers for the process alone", c.Name)
	}
	depends(pass)
	if c.Liveness != nil && c.Readiness != nil {
		alike(pass)
	}
	p := process.Fact.Of(pass)
	reach(pass, p)
	unserved(pass, p)
	if pass.HasFiles() {
		absent(pass, p)
		early(pass, p)
	}
	return nil
}

// A named probe of a container.
type named struct {
	name  string
	probe *analysis.Probe
}

func all(c *analysis.Container) (list []named) {
	for _, x := range []named{{"liveness", c.Liveness}, {"readiness", c.Readiness}, {"startup", c.Startup}} {
		if x.probe != nil {
			list = append(list, x)
		}
	}
	return list
}

// reReady are paths that are readiness by their names.
var reReady = regexp.MustCompile(`(?i)^/(?:[a-z0-9._~-]+/)*(?:ready|readyz|readiness|is-?ready)/?$`)

// depends finds a liveness probe on a path of readiness, or on one that checks services by contract: dockerflow's /__heartbeat__
// does, /__lbheartbeat__ does not (github.com/mozilla-services/Dockerflow).
func depends(pass *analysis.Pass) {
	a := pass.Container.Liveness
	if a == nil || a.Kind != "httpGet" {
		return
	}
	path, _, _ := strings.Cut(a.Path, "?")
	what := "a name of readiness"
	switch {
	case strings.TrimSuffix(path, "/") == "/__heartbeat__":
		what = "which checks the services that the application depends on (dockerflow)"
	case !reReady.MatchString(path):
		if pass.HasFiles() {
			deeply(pass, path)
		}
		return
	}
	remedy := "ask a path that answers for the process alone, such as /livez"
	if strings.Contains(path, "heartbeat") {
		remedy = "ask /__lbheartbeat__, which answers for the process alone"
	}
	pass.Report(analysis.Finding{
		Rule: deep, Location: a.At, Key: pass.Container.Name,
		Message: fmt.Sprintf("liveness of %q asks %q, %s: while another service is down, its pods are restarted over and over; %s",
			pass.Container.Name, path, what, remedy),
	})
}

// alike finds probes that ask for the same, and wait for it equally long.
func alike(pass *analysis.Pass) {
	a, b := pass.Container.Liveness, pass.Container.Readiness
	if a.Kind != b.Kind || a.Kind == "" || a.Path != b.Path || a.Port != b.Port || a.Host != b.Host || !slices.Equal(a.Command, b.Command) ||
		a.Service != b.Service || !slices.Equal(a.Headers, b.Headers) ||
		a.Period != b.Period || a.Failure != b.Failure || a.Timeout != b.Timeout {
		return
	}
	f := analysis.Finding{
		Rule: identical, Location: a.At, Key: pass.Container.Name,
		Message: fmt.Sprintf("liveness and readiness of %q ask for the same and give up after the same %d s: what is only busy is restarted "+
			"instead of being left alone for a while; give liveness a higher failureThreshold, or a path of its own",
			pass.Container.Name, a.Period*a.Failure),
		Related: []analysis.Related{{Location: b.At, Message: "readiness"}},
	}
	if pass.Container.Startup != nil {
		f.Severity = analysis.Note
	}
	pass.Report(f)
}

// absent finds probes whose program is not there.
func absent(pass *analysis.Pass, p *process.Process) {
	for _, x := range all(pass.Container) {
		if x.probe.Kind != "exec" {
			continue
		}
		name := p.Missing(pass, x.probe.Command)
		if name == "" {
			continue
		}
		f := analysis.Finding{
			Rule: missing, Location: x.probe.At, Key: pass.Container.Name + " " + x.name + " " + name,
			Message: fmt.Sprintf("the %s probe of %q runs %q, which the image does not have: "+
				"the probe always fails; use httpGet, or a program that is there",
				x.name, pass.Container.Name, name),
		}
		if x.name == "readiness" {
			f.Severity = analysis.Warning
		}
		pass.Report(f)
	}
}

// number is a port of the pod by its number or its name; "" where it is not known.
func number(c *analysis.Container, port string) string {
	if _, err := strconv.Atoi(port); err == nil {
		return port
	}
	if n, ok := c.Ports[port]; ok {
		return strconv.FormatInt(n, 10)
	}
	return ""
}

// remedies say how each server is told to listen on every address.
var remedies = map[string]string{
	"gunicorn": "--bind 0.0.0.0:%s", "hypercorn": "--bind 0.0.0.0:%s", "runserver": "the argument 0.0.0.0:%s", "fastapi dev": "fastapi run",
}

// reach finds servers that what asks for them does not reach.
func reach(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	s := p.Server
	if s == nil || !s.Loopback() || s.Port == "" || c.Workload.HostNetwork {
		return
	}
	var who []string
	at := analysis.Location{}
	for _, x := range all(c) {
		switch x.probe.Kind {
		case "httpGet", "tcpSocket", "grpc":
			if x.probe.Host == "" && number(c, x.probe.Port) == s.Port {
				if at.Line == 0 {
					at = x.probe.At
				}
				who = append(who, "the "+x.name+" probe")
			}
		}
	}
	for _, svc := range pass.Services {
		if svc.Selects(c.Workload) && slices.ContainsFunc(svc.Targets, func(t string) bool { return number(c, t) == s.Port }) {
			if at.Line == 0 {
				at = svc.At
			}
			who = append(who, fmt.Sprintf("Service %q", svc.Name))
		}
	}
	if len(who) == 0 {
		return
	}
	remedy := remedies[s.Kind]
	if remedy == "" {
		remedy = "--host 0.0.0.0"
	} else if strings.Contains(remedy, "%s") {
		remedy = fmt.Sprintf(remedy, s.Port)
	}
	pass.Report(analysis.Finding{
		Rule: loopback, Location: at, Key: c.Name + " " + s.Kind,
		Message: fmt.Sprintf("%s of %q listens on %s:%s (%s), which is reached from within the pod alone, "+
			"and %s %s the pod's address: give it %s",
			s.Kind, c.Name, s.Host, s.Port, s.By, analysis.And(who, 4), map[bool]string{true: "asks", false: "ask"}[len(who) == 1], remedy),
		Related: p.By(),
	})
}
