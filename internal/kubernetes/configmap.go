package kubernetes

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A ConfigMap is one of an input, with the place of each value.
type ConfigMap struct {
	Name, Namespace string
	Data            map[string]analysis.Text // what is not text too, whose value is empty

	keys []string // of Data, sorted
}

// maxJoined is how many variables are taken from ConfigMaps in an input, over all containers: a map of thousands that thousands of
// pods refer to would be as many copies. What is beyond stays unknown.
const maxJoined = 100_000

func (r *reader) configMap(root *yaml.Node) {
	m := &ConfigMap{
		Name: str(child(root, "metadata", "name")), Namespace: str(child(root, "metadata", "namespace")), Data: map[string]analysis.Text{},
	}
	for _, part := range []string{"data", "binaryData"} {
		n := child(root, part)
		if n == nil || n.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			text := r.text(n.Content[i+1])
			if text.At = r.at(n.Content[i]); part == "binaryData" {
				text.S = ""
			}
			m.Data[n.Content[i].Value] = text
		}
	}
	m.keys = slices.Sorted(maps.Keys(m.Data))
	r.m.ConfigMaps = append(r.m.ConfigMaps, m)
}

// volume reads what a volume holds that Kubernetes writes: of a ConfigMap its name, or the files that its items name.
func (r *reader) volume(n *yaml.Node) {
	name := str(child(n, "name"))
	for _, kind := range []string{"configMap", "secret", "downwardAPI", "projected"} {
		x := child(n, kind)
		if x == nil {
			continue
		}
		v := volume{}
		for _, item := range items(child(x, "items")) {
			v.files = append(v.files, str(child(item, "path")))
		}
		if kind == "configMap" && len(v.files) == 0 {
			v.configMap = str(child(x, "name"))
		}
		r.fixed[name] = v
	}
}

// A volume is one that Kubernetes writes.
type volume struct {
	configMap string   // whose keys are its files; "" where they are not known by it
	files     []string // nil where they are not known
}

// envFrom reads where else a container has its environment from.
func envFrom(n *yaml.Node) (list []analysis.EnvSource) {
	for _, x := range items(child(n, "envFrom")) {
		list = append(list, analysis.EnvSource{ConfigMap: str(child(x, "configMapRef", "name")), Prefix: str(child(x, "prefix"))})
	}
	return list
}

// Join puts what the ConfigMaps of an input say into the containers of the same namespace that refer to them: variables, each
// with its place, and the files of volumes; and what has pods scraped into their workloads. What another source decides stays
// unknown.
func Join(manifests ...*Manifest) {
	known := map[[2]string]*ConfigMap{}
	for _, m := range manifests {
		for _, c := range m.ConfigMaps {
			known[[2]string{c.Namespace, c.Name}] = c
		}
	}
	left := maxJoined
	var services []*analysis.Service
	var monitors []*analysis.Monitor
	for _, m := range manifests {
		services, monitors = append(services, m.Services...), append(monitors, m.Monitors...)
	}
	for _, m := range manifests {
		for _, w := range m.Workloads {
			watched(w, services, monitors)
			for _, c := range slices.Concat(w.Containers, w.Sidecars) {
				left -= join(c, left, func(name string) *ConfigMap { return known[[2]string{w.Namespace, name}] })
			}
		}
	}
}

// join does it for one container, of at most so many variables, and returns how many it took.
func join(c *analysis.Container, left int, of func(name string) *ConfigMap) int {
	var env []analysis.EnvVar
	c.EnvFrom = false
	for _, source := range c.EnvSources {
		m := of(source.ConfigMap)
		if source.ConfigMap == "" || m == nil || len(env)+len(m.keys) > left {
			c.EnvFrom = true // a Secret, or a map of elsewhere
			continue
		}
		for _, key := range m.keys {
			value := m.Data[key]
			env = append(env, analysis.EnvVar{Name: source.Prefix + key, Value: value.S, Known: true, At: value.At})
		}
	}
	for i, e := range c.Env {
		if m := of(e.ConfigMap); e.ConfigMap != "" && m != nil {
			if value, ok := m.Data[e.Key]; ok {
				c.Env[i].Value, c.Env[i].Known = value.S, true
			}
		}
	}
	c.Env = append(env, c.Env...) // the container's own count last
	for i, mount := range c.Mounts {
		if m := of(mount.ConfigMap); mount.ConfigMap != "" && m != nil {
			c.Mounts[i].Files = m.keys // it is not written to
		}
	}
	return len(env)
}
