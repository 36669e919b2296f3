package kubernetes

import (
	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Limits of what is joined: an input is large, and what refers to what in it is few. What is beyond is not read.
const (
	maxMonitors = 500 // of an input
	maxServices = 10  // that send to one workload
	maxWatchers = 20  // that have one workload scraped
)

// monitor reads a ServiceMonitor or a PodMonitor (prometheus-operator.dev, "API reference"). One that selects by expressions, or in
// other namespaces, selects nothing here: what it means is not in the input.
func (r *reader) monitor(kind string, root *yaml.Node) {
	spec := child(root, "spec")
	if len(items(child(spec, "selector", "matchExpressions"))) > 0 || child(spec, "namespaceSelector") != nil {
		return
	}
	m := &analysis.Monitor{
		Kind: kind, Name: str(child(root, "metadata", "name")), Namespace: str(child(root, "metadata", "namespace")),
		Selector: words(child(spec, "selector", "matchLabels")), At: r.at(root),
	}
	list := "endpoints"
	if kind == "PodMonitor" {
		list = "podMetricsEndpoints"
	}
	for _, e := range items(child(spec, list)) {
		for _, key := range []string{"port", "targetPort", "portNumber"} {
			if p := str(child(e, key)); p != "" {
				m.Ports = append(m.Ports, p)
				break
			}
		}
	}
	r.m.Monitors = append(r.m.Monitors, m)
}

// service reads a Service.
func (r *reader) service(root *yaml.Node) {
	s := &analysis.Service{
		Name: str(child(root, "metadata", "name")), Namespace: str(child(root, "metadata", "namespace")),
		Labels: words(child(root, "metadata", "labels")), Names: map[string]string{},
		Selector: words(child(root, "spec", "selector")), At: r.at(root),
		NoAddress: str(child(root, "spec", "clusterIP")) == "None" || str(child(root, "spec", "type")) == "ExternalName",
	}
	for _, p := range items(child(root, "spec", "ports")) {
		target := str(child(p, "targetPort"))
		if target == "" {
			target = str(child(p, "port"))
		}
		s.Targets = append(s.Targets, target)
		s.Names[str(child(p, "name"))] = target
	}
	r.m.Services = append(r.m.Services, s)
}

// watched gives a workload the monitors that have its pods scraped, with the pods' ports in the place of a Service's.
func watched(w *analysis.Workload, services []*analysis.Service, monitors []*analysis.Monitor) {
	if len(monitors) == 0 {
		return
	}
	var before []*analysis.Service
	for _, s := range services {
		if len(before) < maxServices && s.Selects(w) {
			before = append(before, s)
		}
	}
	for _, m := range monitors[:min(len(monitors), maxMonitors)] {
		if len(w.Monitors) >= maxWatchers {
			return
		}
		if m.Namespace != w.Namespace {
			continue
		}
		if m.Kind == "PodMonitor" {
			if analysis.Selects(m.Selector, w.Labels) {
				w.Monitors = append(w.Monitors, m)
			}
			continue
		}
		for _, s := range before {
			if !analysis.Selects(m.Selector, s.Labels) {
				continue
			}
			own := *m
			own.Ports = nil
			for _, p := range m.Ports {
				if target, ok := s.Names[p]; ok {
					p = target
				}
				own.Ports = append(own.Ports, p)
			}
			w.Monitors = append(w.Monitors, &own)
		}
	}
}
