package kubernetes

import (
	"fmt"
	"strings"
	"testing"
)

const web = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  template:
    metadata:
      labels: {app: web}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: web
          image: web:1
          command: ["sh", "-c"]
          args: []
          env:
            - {name: A, value: "1"}
            - {name: B, valueFrom: {secretKeyRef: {name: x, key: y}}}
          ports: [{name: http, containerPort: 8080}]
          livenessProbe:
            httpGet:
              path: /
              port: http
            periodSeconds: 3
      initContainers:
        - {name: side, image: side, restartPolicy: Always}
        - {name: once, image: once}
`

// TestParse: pods with their lines, whatever stands before and around them.
func TestParse(t *testing.T) {
	text := "\ufeff# Source: chart/templates/a.yaml\n---\n# nothing\n---\r\n# Source: chart/templates/web.yaml\n" + web +
		"--- # another\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{port: 80, targetPort: http}, {port: 9}]}\n" +
		"---\nkind: List\nitems:\n- kind: Pod\n  metadata: {name: p}\n  spec: {containers: [{name: a}, {name: b}]}\n" +
		"---\nkind: CronJob\nmetadata: {name: c}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: j}]}}}}}\n" +
		"---\nkind: Rollout\nmetadata: {name: r}\nspec: {template: {spec: {containers: [{name: x}]}}}\n---\nkind: ConfigMap\ndata: {spec: x}\n---\n- a\n- b\n"
	m := Parse("k.yaml", []byte(text))
	if len(m.Broken) > 0 {
		t.Error(m.Broken)
	}
	got := ""
	for _, w := range m.Workloads {
		got += fmt.Sprintf("%s %s:%d %d+%d+%d; ", w.Kind, w.Name, w.At.Line, len(w.Containers), len(w.Sidecars), len(w.Init))
	}
	if got != "Deployment web:9 1+1+1; Pod p:43 2+0+0; CronJob c:47 1+0+0; Rollout r:51 1+0+0; " {
		t.Error(got)
	}
	w := m.Workloads[0]
	c := w.Containers[0]
	if w.Source != "chart/templates/web.yaml" || w.Grace.N != 5 || w.Grace.At.Line != 16 || w.Namespace != "shop" || !w.LongRunning() || m.Workloads[2].LongRunning() {
		t.Errorf("%+v", w)
	}
	if c.Command == nil || c.Args != nil || c.Command[1].S != "-c" || c.Ports["http"] != 8080 || c.Env[0].Value != "1" || !c.Env[0].Known || c.Env[1].Known {
		t.Errorf("%+v", c)
	}
	p := c.Liveness
	if p.Kind != "httpGet" || p.At.Line != 27 || p.Period != 3 || p.Failure != 3 || p.Timeout != 1 || p.InitialDelay != 0 {
		t.Errorf("%+v", p)
	}
	if len(m.Services) != 1 || !m.Services[0].Selects(w) || m.Services[0].Selects(m.Workloads[1]) || strings.Join(m.Services[0].Targets, " ") != "http 9" {
		t.Errorf("%+v", m.Services)
	}
}

// TestBroken: a document that cannot be read is said with its line, and the others are read.
func TestBroken(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for _, n := range "bcdefghi" {
		last := string(n - 1)
		bomb += fmt.Sprintf("%c: &%c [%s]\n", n, n, strings.Repeat("*"+last+", ", 9)+"*"+last)
	}
	deep := "kind: Pod\nspec: " + strings.Repeat("{a: ", 200) + strings.Repeat("}", 200)
	for text, want := range map[string]string{
		"kind: Pod\nspec: {": "k.yaml:", "a: 1\na: 2\n": `k.yaml:3: "a" is given twice`, bomb: "more than the limit of 200000", deep: "more than the limit of 100 levels",
		"{{ x }}: y": "k.yaml:",
	} {
		m := Parse("k.yaml", []byte("---\n"+text+"\n---\n"+web))
		if len(m.Broken) != 1 || !strings.Contains(m.Broken[0].Error(), want) || len(m.Workloads) != 1 {
			t.Errorf("%.30q: %v, %d workloads, want %q", text, m.Broken, len(m.Workloads), want)
		}
	}
	list := "kind: Pod\nspec: {containers: [{name: a}]}"
	for i := range maxLists + 1 {
		if got := len(Parse("k.yaml", []byte(list)).Workloads); got != 1 {
			t.Errorf("a pod in %d lists: %d workloads", i, got)
		}
		list = "kind: List\nitems:\n- " + strings.ReplaceAll(list, "\n", "\n  ")
	}
	if got := len(Parse("k.yaml", []byte(list)).Workloads); got != 0 {
		t.Errorf("a pod in %d lists: %d workloads", maxLists+1, got)
	}
	m := Parse("k.yaml", []byte(strings.Repeat("---\nkind: X\n", MaxDocuments+5)))
	if len(m.Broken) != 1 || !strings.Contains(m.Broken[0].Error(), "more than the limit of 20000 documents") {
		t.Error(m.Broken)
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{
		web: true, "services:\n  kind: x\n": false, "kind: x\n": false, "# apiVersion: v1\n# kind: Pod\n": false, "apiVersion: v1\r\nkind: Pod\r\n": true,
	} {
		if Is([]byte(text)) != want {
			t.Errorf("%.30q: not %v", text, want)
		}
	}
}

// TestTemplate: a document that Helm has to render is left out, and no other: not one whose text is a template of
// another program, and none of what Helm has rendered.
func TestTemplate(t *testing.T) {
	const pod = "---\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a}]}\n"
	for text, want := range map[string]struct {
		template bool
		pods     int
	}{
		"kind: X\nname: {{ .Values.a }}\n":                                                {true, 1},
		"{{- if .Values.on }}\nkind: X\n{{- end }}\n":                                     {true, 1},
		"# {{ .Values.a }}\nkind: X\n":                                                    {false, 1},
		"kind: PrometheusRule\ntext: '{{ $labels.pod }} of {{ $value }}'\n":               {false, 1},
		"kind: ConfigMap\ndata:\n  a.tmpl: |-\n    {{ range .Alerts }}\n    {{ end }}\n":  {false, 1},
		"kind: ConfigMap\ndata:\n  a: |\n    {{ range .Alerts }}\n  b: {{ .Values.b }}\n": {true, 1},
		"# Source: chart/templates/a.yaml\nkind: X\ntext: '{{ if .Alerts }}'\n":           {false, 1},
		"kind: [\n": {false, 1},
	} {
		m := Parse("k", []byte(text+pod))
		if m.Template != want.template || len(m.Workloads) != want.pods {
			t.Errorf("%q: template %v, %d pods", text, m.Template, len(m.Workloads))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(web))
	f.Add([]byte("---\nkind: List\nitems: [{kind: Pod, spec: {containers: [~, x, {}]}}]\n"))
	f.Add([]byte("kind: Pod\nspec: {containers: [{livenessProbe: {exec: {command: [1, [2]]}}, command: x, env: [y], ports: [z]}]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := strings.Count(string(text), "\n") + 1
		for _, w := range Parse("k", text).Workloads {
			if w.At.Line < 1 || w.At.Line > lines {
				t.Fatalf("line %d of %d", w.At.Line, lines)
			}
		}
	})
}
