// Package deploy holds the test of the manifests and the chart beside it. It is a module of its own, so that Tare does not
// depend on Kubernetes's types and on Helm.
package deploy

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// decode reads documents into the API's own types, which refuse a field that they do not have.
func decode(t *testing.T, name, text string) (out []any) {
	t.Helper()
	for _, doc := range strings.Split("\n"+text, "\n---\n") {
		var kind struct{ APIVersion, Kind string }
		if strings.TrimSpace(doc) == "" {
			continue
		}
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, doc)
		}
		var into any
		switch kind.APIVersion + " " + kind.Kind {
		case "batch/v1 CronJob":
			into = new(batch.CronJob)
		case "batch/v1 Job":
			into = new(batch.Job)
		case "v1 PersistentVolumeClaim":
			into = new(core.PersistentVolumeClaim)
		case "v1 ConfigMap":
			into = new(core.ConfigMap)
		default:
			t.Fatalf("%s: %+v is not expected", name, kind)
		}
		if err := yaml.UnmarshalStrict([]byte(doc), into); err != nil {
			t.Errorf("%s: %s: %v", name, kind.Kind, err)
		}
		out = append(out, into)
	}
	return out
}

// pod is what a job or a cron job runs.
func pod(x any) *core.PodSpec {
	switch x := x.(type) {
	case *batch.CronJob:
		return &x.Spec.JobTemplate.Spec.Template.Spec
	case *batch.Job:
		return &x.Spec.Template.Spec
	}
	return nil
}

// keepsItsLessons reports what a pod of Tare's does not do that Tare asks of others.
func keepsItsLessons(p *core.PodSpec) (wrong []string) {
	c := p.Containers[0]
	for what, ok := range map[string]bool{
		"runs as root":                    p.SecurityContext != nil && *p.SecurityContext.RunAsNonRoot && *p.SecurityContext.RunAsUser > 0,
		"can gain privileges":             c.SecurityContext != nil && !*c.SecurityContext.AllowPrivilegeEscalation && slices.Equal(c.SecurityContext.Capabilities.Drop, []core.Capability{"ALL"}),
		"writes to its root":              c.SecurityContext != nil && *c.SecurityContext.ReadOnlyRootFilesystem,
		"has no request":                  !c.Resources.Requests.Cpu().IsZero() && !c.Resources.Requests.Memory().IsZero(),
		"has no limit of memory":          !c.Resources.Limits.Memory().IsZero(),
		"holds a token of the cluster":    p.AutomountServiceAccountToken != nil && !*p.AutomountServiceAccountToken,
		"has no grace":                    p.TerminationGracePeriodSeconds != nil && *p.TerminationGracePeriodSeconds >= 30,
		"has an image that can move":      !strings.HasSuffix(c.Image, ":latest") && strings.ContainsAny(c.Image[strings.LastIndex(c.Image, "/"):], ":@"),
		"mounts a volume that is not one": mounted(p),
	} {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	return wrong
}

func mounted(p *core.PodSpec) bool {
	for _, m := range p.Containers[0].VolumeMounts {
		if !slices.ContainsFunc(p.Volumes, func(v core.Volume) bool { return v.Name == m.Name }) {
			return false
		}
	}
	return len(p.Volumes) == len(p.Containers[0].VolumeMounts)
}

func TestManifests(t *testing.T) {
	files, err := filepath.Glob("../*.yaml")
	if err != nil || len(files) != 2 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range decode(t, f, string(text)) {
			if p := pod(x); p != nil {
				if wrong := keepsItsLessons(p); len(wrong) > 0 {
					t.Errorf("%s: it %s", f, strings.Join(wrong, ", "))
				}
			}
		}
	}
}

// TestChart: the chart renders to what Kubernetes takes, with its own values and with others.
func TestChart(t *testing.T) {
	chart, err := loader.Load("../tare")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		values map[string]any
		kinds  string
		args   []string // some of the container's
		none   string   // that no argument begins with
	}{
		"as it is": {nil, "CronJob PersistentVolumeClaim", []string{"scan", "registry.example.com/team/*", "--newest=5", "--listen=:9090"}, "--shard"},
		"shards": {map[string]any{"shards": 4, "sharedCache": "registry.example.com/cache", "metrics": false}, "CronJob",
			[]string{"--shard=4", "--shared-cache=registry.example.com/cache"}, "--listen"},
		"configured": {map[string]any{
			"config": map[string]any{"sizebudget": map[string]any{"download": "100 MB"}}, "credentials": "", "otlpEndpoint": "http://otel:4318",
			"image": map[string]any{"digest": "sha256:" + strings.Repeat("a", 64)}, "storage": map[string]any{"class": "fast"},
		}, "ConfigMap CronJob PersistentVolumeClaim", []string{"--config=/etc/tare/tare.yaml"}, "--shard"},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := chartutil.ToRenderValues(chart, test.values, chartutil.ReleaseOptions{Name: "nightly", Namespace: "ops"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			rendered, err := engine.Render(chart, values)
			if err != nil {
				t.Fatal(err)
			}
			var all bytes.Buffer
			for name, text := range rendered {
				if strings.HasSuffix(name, ".yaml") {
					fmt.Fprintf(&all, "\n---\n%s", text)
				}
			}
			var kinds []string
			for _, x := range decode(t, name, all.String()) {
				kind := strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf("%T", x), "*v1."), "v1.")
				kinds = append(kinds, kind)
				p := pod(x)
				if p == nil {
					continue
				}
				if wrong := keepsItsLessons(p); len(wrong) > 0 {
					t.Errorf("it %s", strings.Join(wrong, ", "))
				}
				for _, a := range test.args {
					if !slices.Contains(p.Containers[0].Args, a) {
						t.Errorf("no %q among %q", a, p.Containers[0].Args)
					}
				}
				if slices.ContainsFunc(p.Containers[0].Args, func(a string) bool { return strings.HasPrefix(a, test.none) }) {
					t.Errorf("%q among %q", test.none, p.Containers[0].Args)
				}
			}
			if slices.Sort(kinds); strings.Join(kinds, " ") != test.kinds {
				t.Errorf("%q, want %q", kinds, test.kinds)
			}
		})
	}
}
