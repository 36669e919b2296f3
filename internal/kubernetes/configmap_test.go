package kubernetes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
)

// TestJoin: what a ConfigMap of the input says is in the containers that refer to it, with its place, before what they say
// themselves; another namespace's is not, and what is not in the input stays unknown.
func TestJoin(t *testing.T) {
	pods := Parse("pods.yaml", []byte(`apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  volumes:
    - {name: all, configMap: {name: web}}
    - {name: some, configMap: {name: web, items: [{key: PORT, path: port.txt}]}}
    - {name: secret, secret: {secretName: s}}
    - {name: empty, emptyDir: {}}
  initContainers:
    - {name: side, restartPolicy: Always, envFrom: [{configMapRef: {name: web}}]}
  containers:
    - name: a
      envFrom: [{configMapRef: {name: web}, prefix: X_}]
      env: [{name: X_PORT, value: "1"}, {name: KEY, valueFrom: {configMapKeyRef: {name: web, key: HOST}}}, {name: GONE, valueFrom: {configMapKeyRef: {name: web, key: none}}}]
      volumeMounts: [{name: all, mountPath: /all}, {name: some, mountPath: /some}, {name: secret, mountPath: /secret}, {name: empty, mountPath: /empty}]
    - {name: b, envFrom: [{configMapRef: {name: web}}, {secretRef: {name: s}}]}
    - {name: c, envFrom: [{configMapRef: {name: gone}}]}
    - {name: d, envFrom: [{configMapRef: {name: other}}]}
`))
	maps := Parse("maps.yaml", []byte(`apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data:
  PORT: "8000"
  HOST: 0.0.0.0
binaryData:
  blob: AAAA
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
data: {A: b}
`))
	Join(pods, maps)
	var got []string
	w := pods.Workloads[0]
	for _, c := range append(w.Containers, w.Sidecars...) {
		line := fmt.Sprintf("%s %v", c.Name, c.EnvFrom)
		for _, e := range c.Env {
			line += fmt.Sprintf(" %s=%s %v %s:%d", e.Name, e.Value, e.Known, e.At.Path, e.At.Line)
		}
		for _, m := range c.Mounts {
			line += fmt.Sprintf(" %s %v %q", m.Path, m.Fixed, m.Files)
		}
		got = append(got, line)
	}
	want := []string{
		`a false X_HOST=0.0.0.0 true maps.yaml:6 X_PORT=8000 true maps.yaml:5 X_blob= true maps.yaml:8 X_PORT=1 true pods.yaml:15 ` +
			`KEY=0.0.0.0 true pods.yaml:15 GONE= false pods.yaml:15 /all true ["HOST" "PORT" "blob"] /some true ["port.txt"] /secret true [] /empty false []`,
		"b true HOST=0.0.0.0 true maps.yaml:6 PORT=8000 true maps.yaml:5 blob= true maps.yaml:8", "c true", "d true",
		"side false HOST=0.0.0.0 true maps.yaml:6 PORT=8000 true maps.yaml:5 blob= true maps.yaml:8",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestJoinMuch: a large ConfigMap that many pods refer to is not copied for each of them: what is beyond the limit is unknown. Of two that
// set one variable the last counts.
func TestJoinMuch(t *testing.T) {
	var keys strings.Builder
	for i := range maxJoined/2 - 1 {
		fmt.Fprintf(&keys, "  K%d: v\n", i)
	}
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n" + keys.String()
	text += "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: last}\ndata: {K0: last}\n"
	for i := range 4 {
		text += fmt.Sprintf("---\napiVersion: v1\nkind: Pod\nmetadata: {name: p%d}\nspec: {containers: [{name: c, envFrom: [{configMapRef: {name: m}}, {configMapRef: {name: last}}]}]}\n", i)
	}
	m := Parse("m.yaml", []byte(text))
	Join(m)
	var got []string
	for _, w := range m.Workloads {
		v, _ := w.Containers[0].Lookup("K0")
		got = append(got, fmt.Sprint(w.Containers[0].EnvFrom, " ", len(w.Containers[0].Env), " ", v.Value))
	}
	if want := "false 50000 last; false 50000 last; true 0 ; true 0 "; strings.Join(got, "; ") != want || len(m.Broken) > 0 {
		t.Errorf("got %q, want %q, %v", strings.Join(got, "; "), want, m.Broken)
	}
}

// TestWatchedMuch: of what refers to one workload a bounded part is read.
func TestWatchedMuch(t *testing.T) {
	w := &analysis.Workload{Labels: map[string]string{"a": "b"}}
	var services []*analysis.Service
	for range maxServices + 5 {
		services = append(services, &analysis.Service{Selector: w.Labels, Labels: w.Labels, Names: map[string]string{}})
	}
	service := &analysis.Monitor{Kind: "ServiceMonitor", Selector: w.Labels}
	if watched(w, services, []*analysis.Monitor{service}); len(w.Monitors) != maxServices {
		t.Errorf("%d services", len(w.Monitors))
	}
	w.Monitors = nil
	pod := &analysis.Monitor{Kind: "PodMonitor", Selector: w.Labels}
	if watched(w, nil, slices.Repeat([]*analysis.Monitor{pod}, maxWatchers+5)); len(w.Monitors) != maxWatchers {
		t.Errorf("%d monitors of one workload", len(w.Monitors))
	}
	w.Monitors = nil
	others := slices.Repeat([]*analysis.Monitor{{Kind: "PodMonitor", Selector: map[string]string{"other": "x"}}}, maxMonitors)
	if watched(w, nil, append(others, pod)); len(w.Monitors) != 0 {
		t.Error("a monitor beyond the limit is read")
	}
}
