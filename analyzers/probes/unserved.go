package probes

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/process"
)

// unserved finds probes of a port that nothing in the pod listens on: the container's server is known, with all that it
// listens on, and no other container of the pod says that it has that port.
func unserved(pass *analysis.Pass, p *process.Process) {
	c := pass.Container
	s := p.Server
	if s == nil || p.Others || !s.Silent() && (s.Port == "" || s.Host == "") || s.Silent() && !works(pass) {
		return
	}
	for _, x := range all(c) {
		switch x.probe.Kind {
		case "httpGet", "tcpSocket", "grpc":
		default:
			continue
		}
		n, err := strconv.ParseInt(number(c, x.probe.Port), 10, 64)
		if err != nil || x.probe.Host != "" || strconv.FormatInt(n, 10) == s.Port || elsewhere(c, n) {
			continue
		}
		// A container that declares its server's port and this one has two servers, of which one is not known.
		served, err := strconv.ParseInt(s.Port, 10, 64)
		if slices.Contains(c.Declared, n) && (s.Silent() || err == nil && slices.Contains(c.Declared, served)) {
			continue
		}
		message := fmt.Sprintf("the %s probe of %q asks port %d, and %s listens on %s:%s (%s): the probe always fails; give both the same port",
			x.name, c.Name, n, s.Kind, s.Host, s.Port, s.By)
		if s.Silent() {
			worker := "a " + s.Kind
			if s.Kind == "arq" {
				worker = "an arq"
			}
			message = fmt.Sprintf("the %s probe of %q asks port %d, and %s worker listens on none: the probe always fails; "+
				"use exec, with a command that asks the worker", x.name, c.Name, n, worker)
		}
		pass.Report(analysis.Finding{
			Rule: unanswered, Location: x.probe.At, Key: c.Name + " " + x.name, Message: message,
			Related: p.By(),
		})
	}
}

// reServes is what a source says that may listen on a port itself.
var reServes = regexp.MustCompile(
	`HTTPServer|http\.server|socketserver|start_http_server|start_wsgi_server|aiohttp|uvicorn|Flask\(|FastAPI\(|\.listen\(|\.bind\(|grpc\.`)

// works reports whether the application of a worker is known to serve nothing besides: its whole source says so.
func works(pass *analysis.Pass) bool {
	if !pass.HasFiles() {
		return false
	}
	app := process.Application.Of(pass)
	return app.Whole && !app.Matches(reServes)
}

// elsewhere reports whether another container of the pod has a port: they share one network.
func elsewhere(c *analysis.Container, port int64) bool {
	for _, other := range slices.Concat(c.Workload.Containers, c.Workload.Sidecars) {
		if other != c && slices.Contains(other.Declared, port) {
			return true
		}
	}
	return false
}
