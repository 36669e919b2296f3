// Package kubernetes reads manifests: the pods that they describe, and the services that send to them,
// with the lines that say so. It renders nothing.
package kubernetes

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/nodes"
)

// Limits of what an input may hold.
const (
	MaxSize      = 64 << 20 // bytes
	MaxDocuments = 20_000
	maxNodes     = 200_000 // of a document
	maxDepth     = 100
	maxScalar    = 1 << 20
)

// A Manifest is what one input holds.
type Manifest struct {
	Workloads  []*analysis.Workload
	Services   []*analysis.Service
	ConfigMaps []*ConfigMap
	Monitors   []*analysis.Monitor
	Broken     []error // documents that cannot be read, with their lines
	Template   bool    // a document of it is one that Helm has to render first: it is left out
}

var (
	reKind     = regexp.MustCompile(`(?m)^kind:`)
	reVersion  = regexp.MustCompile(`(?m)^apiVersion:`)
	reTemplate = regexp.MustCompile(`(?m)^[^#\n]*\{\{-?\s*` +
		`(?:\.Values|\.Release|\.Chart|\.Capabilities|include|if|range|with|define|template|toYaml|end)\b`)
	reSplit  = regexp.MustCompile(`(?m)^---(?:[ \t].*)?\r?$`)
	reBlock  = regexp.MustCompile(`(?:^|[:-] +)[|>][-+0-9]*(?: +#.*)?$`)
	reSource = regexp.MustCompile(`(?m)^# Source: (\S+)\r?$`)
)

// Is reports whether a text looks like a manifest.
func Is(text []byte) bool { return reKind.Match(text) && reVersion.Match(text) }

// isTemplate reports whether a document is one that Helm has to render first. What stands in a block of text, as in
// the ConfigMap of a program with templates of its own, is no template of Helm's.
func isTemplate(doc []byte) bool {
	if !reTemplate.Match(doc) {
		return false
	}
	block := -1 // the indentation of the line that begins a block of text
	for line := range bytes.Lines(doc) {
		text := bytes.TrimRight(line, " \t\r\n")
		indent := len(text) - len(bytes.TrimLeft(text, " "))
		if len(text) == 0 || block >= 0 && indent > block {
			continue
		}
		if block = -1; reBlock.Match(text) {
			block = indent
		}
		if reTemplate.Match(text) {
			return true
		}
	}
	return false
}

// Parse reads the documents of a text, which is called name. A broken one leaves the others.
func Parse(name string, text []byte) *Manifest {
	m := &Manifest{}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	rendered := reSource.Match(text) // Helm writes it
	line, rest := 0, text
	for n := 0; ; n++ {
		doc, next := rest, -1
		if at := reSplit.FindIndex(rest); at != nil {
			doc, next = rest[:at[0]], at[1]
		}
		if n == MaxDocuments {
			m.Broken = append(m.Broken, fmt.Errorf(
				"%s:%d: more than the limit of %d documents: those behind it are not read", name, line+1, MaxDocuments))
			break
		}
		r := &reader{m: m, name: name, above: line}
		if s := reSource.FindSubmatch(doc); s != nil {
			r.source = string(s[1])
		}
		if !rendered && isTemplate(doc) {
			m.Template = true
		} else {
			r.document(doc)
		}
		if next < 0 {
			break
		}
		line += bytes.Count(rest[:next], []byte("\n"))
		rest = rest[next:]
	}
	if m.Template {
		m.Broken = nil // the others may be parts of the template
	}
	return m
}

// A reader reads one document.
type reader struct {
	m      *Manifest
	name   string
	above  int // lines before the document
	source string
	fixed  map[string]volume // volumes of the pod that nobody can write: Kubernetes mounts them read-only
}

func (r *reader) document(doc []byte) {
	root, err := nodes.Read(doc, nodes.Limits{Nodes: maxNodes, Depth: maxDepth, Scalar: maxScalar})
	if err != nil {
		what := err.Error()
		at, rest, ok := strings.Cut(what, ": ")
		if n, aerr := strconv.Atoi(at); ok && aerr == nil {
			if strings.HasPrefix(rest, "want keys and values") {
				return // a list or a word is no object
			}
			r.m.Broken = append(r.m.Broken, fmt.Errorf("%s:%d: %s", r.name, n+r.above, rest))
		}
		return
	}
	r.object(root, 0)
}

// at is the place of a node.
func (r *reader) at(n *yaml.Node) analysis.Location {
	if n == nil {
		return analysis.Location{}
	}
	return analysis.Location{Path: r.name, Line: n.Line + r.above, End: n.Line + r.above}
}

// key is the node of a key itself, whose line is that of its name.
func key(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i]
		}
	}
	return nil
}

// child walks keys.
func child(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		n = nodes.Value(n, k)
	}
	return n
}

func str(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

func (r *reader) text(n *yaml.Node) analysis.Text {
	if n == nil || n.Kind != yaml.ScalarNode {
		return analysis.Text{}
	}
	return analysis.Text{S: n.Value, At: r.at(n), Set: true}
}

func (r *reader) number(n *yaml.Node) analysis.Number {
	v, err := strconv.ParseInt(str(n), 10, 64)
	if err != nil {
		return analysis.Number{}
	}
	return analysis.Number{N: v, At: r.at(n), Set: true}
}

func truth(n *yaml.Node) *bool {
	switch strings.ToLower(str(n)) {
	case "true":
		v := true
		return &v
	case "false":
		v := false
		return &v
	}
	return nil
}

func isTrue(n *yaml.Node) bool { v := truth(n); return v != nil && *v }

func words(n *yaml.Node) map[string]string {
	out := map[string]string{}
	if n != nil && n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = str(n.Content[i+1])
		}
	}
	return out
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// maxLists is how deep lists of objects lie in each other.
const maxLists = 4

// object reads one object, or the objects of a list.
func (r *reader) object(root *yaml.Node, depth int) {
	if root == nil || depth > maxLists {
		return
	}
	kind := str(child(root, "kind"))
	if strings.HasSuffix(kind, "List") {
		for _, x := range items(child(root, "items")) {
			r.object(x, depth+1)
		}
		return
	}
	switch kind {
	case "Service":
		r.service(root)
		return
	case "ConfigMap":
		r.configMap(root)
		return
	case "ServiceMonitor", "PodMonitor":
		r.monitor(kind, root)
		return
	case "Pod":
		r.workload(root, kind, root)
		return
	case "CronJob":
		r.workload(root, kind, child(root, "spec", "jobTemplate", "spec", "template"))
		return
	}
	if template := child(root, "spec", "template"); child(template, "spec", "containers") != nil {
		r.workload(root, kind, template)
	}
}

func (r *reader) workload(root *yaml.Node, kind string, template *yaml.Node) {
	spec := child(template, "spec")
	if child(spec, "containers") == nil {
		return
	}
	w := &analysis.Workload{
		Kind: kind, Name: str(child(root, "metadata", "name")), Namespace: str(child(root, "metadata", "namespace")), At: r.at(root),
		Source: r.source, Grace: r.number(child(spec, "terminationGracePeriodSeconds")),
		HostNetwork: isTrue(child(spec, "hostNetwork")), SharedProcesses: isTrue(child(spec, "shareProcessNamespace")),
		Security: r.security(child(spec, "securityContext")), Labels: words(child(template, "metadata", "labels")),
		Annotations: words(child(template, "metadata", "annotations")),
	}
	w.OS = str(child(spec, "os", "name")) != ""
	policy := str(child(spec, "restartPolicy"))
	w.Ends = policy == "Never" || policy == "OnFailure"
	if v := truth(child(spec, "enableServiceLinks")); v != nil {
		w.NoServiceLinks = !*v
	}
	if n := child(root, "metadata", "name"); n != nil {
		w.At = r.at(n)
	}
	r.fixed = map[string]volume{}
	for _, v := range items(child(spec, "volumes")) {
		r.volume(v)
	}
	for _, c := range items(child(spec, "containers")) {
		w.Containers = append(w.Containers, r.container(w, c))
	}
	for _, c := range items(child(spec, "initContainers")) {
		if str(child(c, "restartPolicy")) == "Always" {
			w.Sidecars = append(w.Sidecars, r.container(w, c))
		} else if image := child(c, "image"); image != nil {
			w.Init = append(w.Init, r.text(image))
		}
	}
	r.m.Workloads = append(r.m.Workloads, w)
}

func (r *reader) security(n *yaml.Node) (s analysis.Security) {
	if x := child(n, "runAsNonRoot"); x != nil {
		s.NonRoot, s.At = truth(x), r.at(x)
	}
	s.User = r.number(child(n, "runAsUser"))
	if x := child(n, "readOnlyRootFilesystem"); isTrue(x) {
		s.ReadOnly, s.ReadAt = true, r.at(x)
	}
	return s
}

func (r *reader) texts(n *yaml.Node) (out []analysis.Text) {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	out = []analysis.Text{}
	for _, x := range n.Content {
		out = append(out, r.text(x))
	}
	return out
}

func (r *reader) container(w *analysis.Workload, n *yaml.Node) *analysis.Container {
	for _, list := range []string{"command", "args"} {
		if x := child(n, list); x != nil && x.Kind == yaml.ScalarNode && x.Tag != "!!null" && !strings.Contains(x.Value, "$") {
			r.m.Broken = append(r.m.Broken, fmt.Errorf("%s:%d: %s of container %q is no list of words: the API server refuses it",
				r.name, x.Line+r.above, list, str(child(n, "name"))))
		}
	}
	c := &analysis.Container{
		Workload: w, Name: str(child(n, "name")), At: r.at(n), Image: r.text(child(n, "image")), Command: r.texts(child(n, "command")),
		Args: r.texts(
			child(n, "args"),
		), Workdir: r.text(child(n, "workingDir")), EnvFrom: len(items(child(n, "envFrom"))) > 0, EnvSources: envFrom(n),
		Security: r.security(child(n, "securityContext")), Ports: map[string]int64{},
		Asked: r.text(child(n, "resources", "requests", "cpu")),
		CPU:   r.text(child(n, "resources", "limits", "cpu")), Memory: r.text(child(n, "resources", "limits", "memory")),
	}
	for name := range words(child(n, "resources", "limits")) {
		c.GPU = c.GPU || strings.Contains(name, "gpu") || strings.Contains(name, "/") // a vendor's device: nvidia.com/mig-1g.5gb
	}
	if len(c.Command) == 0 { // Kubernetes takes an empty list as none
		c.Command = nil
	}
	if len(c.Args) == 0 {
		c.Args = nil
	}
	for _, e := range items(child(n, "env")) {
		value := child(e, "value")
		c.Env = append(c.Env, analysis.EnvVar{
			Name: str(child(e, "name")), Value: str(value), Known: child(e, "valueFrom") == nil, At: r.at(e),
			ConfigMap: str(child(e, "valueFrom", "configMapKeyRef", "name")), Key: str(child(e, "valueFrom", "configMapKeyRef", "key")),
		})
	}
	for _, m := range items(child(n, "volumeMounts")) {
		v, fixed := r.fixed[str(child(m, "name"))]
		c.Mounts = append(c.Mounts, analysis.Mount{
			Path: str(
				child(m, "mountPath"),
			), ReadOnly: isTrue(child(m, "readOnly")) || fixed, Fixed: fixed, ConfigMap: v.configMap, Files: v.files,
			SubPath: child(m, "subPath") != nil || child(m, "subPathExpr") != nil, At: r.at(m),
		})
	}
	for _, p := range items(child(n, "ports")) {
		if number := r.number(child(p, "containerPort")); number.Set {
			c.Ports[str(child(p, "name"))] = number.N
			c.Declared = append(c.Declared, number.N)
		}
	}
	c.Liveness, c.Readiness = r.probe(child(n, "livenessProbe")), r.probe(child(n, "readinessProbe"))
	c.Startup = r.probe(child(n, "startupProbe"))
	if x := child(n, "lifecycle", "stopSignal"); x != nil {
		c.Stop = r.text(x)
	}
	c.PreStop, c.PostStart = r.handler(child(n, "lifecycle", "preStop")), r.handler(child(n, "lifecycle", "postStart"))
	return c
}

// probe reads a probe, with the API's defaults (kubernetes/api, core/v1/types.go); nil where there is none.
func (r *reader) probe(n *yaml.Node) *analysis.Probe {
	h := r.handler(n)
	if h == nil {
		return nil
	}
	return &analysis.Probe{
		Handler: *h, InitialDelay: r.number(child(n, "initialDelaySeconds")).Or(0), Period: r.number(child(n, "periodSeconds")).Or(10),
		Timeout: r.number(child(n, "timeoutSeconds")).Or(1), Failure: r.number(child(n, "failureThreshold")).Or(3),
	}
}

func (r *reader) handler(n *yaml.Node) *analysis.Handler {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for _, kind := range []string{"exec", "httpGet", "tcpSocket", "grpc", "sleep"} {
		x := child(n, kind)
		if x == nil {
			continue
		}
		h := &analysis.Handler{
			Kind: kind, Port: str(child(x, "port")), Host: str(child(x, "host")), Path: str(child(x, "path")), Service: str(child(x, "service")),
			Seconds: r.number(child(x, "seconds")), At: r.at(key(n, kind)),
		}
		for _, header := range items(child(x, "httpHeaders")) {
			h.Headers = append(h.Headers, str(child(header, "name"))+": "+str(child(header, "value")))
		}
		for _, word := range items(child(x, "command")) {
			h.Command = append(h.Command, str(word))
		}
		return h
	}
	return nil
}
