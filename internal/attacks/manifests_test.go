package attacks

import (
	"archive/tar"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestManifests: manifests of many pods, comments and documents, and more of them than memory holds, are judged in time, or
// their limit is named.
func TestManifests(t *testing.T) {
	pod := func(i int) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: a%d}\nspec: {containers: [{name: a, image: a}]}\n", i)
	}
	var comments, documents, bomb strings.Builder
	for i := range 1200 {
		comments.WriteString(pod(i) + "# tare: ignore=waste -- " + strings.Repeat("x", 2900) + "\n---\n")
	}
	documents.WriteString(pod(0))
	for range 100_000 {
		documents.WriteString("---\na: 1\n")
	}
	bomb.WriteString(pod(0) + "a: &a [x, x, x, x, x, x, x, x, x, x]\n")
	for _, n := range "bcdefghij" {
		last := string(n - 1)
		fmt.Fprintf(&bomb, "%c: &%c [%s]\n", n, n, strings.Repeat("*"+last+", ", 9)+"*"+last)
	}
	var crossed strings.Builder // everything refers to everything
	for i := range 6600 {
		fmt.Fprintf(&crossed, "apiVersion: v1\nkind: Pod\nmetadata: {name: p%d, labels: {a: b}}\nspec: {containers: [{name: c, image: x, envFrom: [{configMapRef: {name: m}}]}]}\n---\n", i)
		fmt.Fprintf(&crossed, "apiVersion: v1\nkind: Service\nmetadata: {name: s%d, labels: {a: b}}\nspec: {selector: {a: b}, ports: [{name: x, port: 80}]}\n---\n", i)
		fmt.Fprintf(&crossed, "apiVersion: m/v1\nkind: ServiceMonitor\nmetadata: {name: m%d}\nspec: {selector: {matchLabels: {a: b}}, endpoints: [{port: x}]}\n---\n", i)
	}
	crossed.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n")
	for i := range 5000 {
		fmt.Fprintf(&crossed, "  K%d: v\n", i)
	}
	large := map[string]string{}
	for i := range 12 {
		large[fmt.Sprintf("k%d.yaml", i)] = pod(i) + strings.Repeat("# "+strings.Repeat("y", 97)+"\n", 300_000)
	}
	try(t, map[string]attack{
		"comments":  {make: files(map[string]string{"k.yaml": comments.String()}, every("k.yaml")...), status: []int{0, 1}},
		"documents": {make: files(map[string]string{"k.yaml": documents.String()}, every("k.yaml")...), status: []int{3}, want: []string{"more than the limit of 20000 documents"}},
		"aliases":   {make: files(map[string]string{"k.yaml": bomb.String()}, every("k.yaml")...), status: []int{3}, want: []string{"more than the limit of 200000"}},
		"crossed":   {make: files(map[string]string{"k.yaml": crossed.String()}, every("k.yaml")...), status: []int{0, 1}},
		"large":     {make: files(large, every()...), status: []int{3}, want: []string{"have more than the limit of 67108864 bytes"}},
	})
}

// TestPods: many pods that run one image, whose source, command and variables are made to cost.
func TestPods(t *testing.T) {
	var doubled strings.Builder // ten bytes times two to the 40th
	for i := range 40 {
		fmt.Fprintf(&doubled, ", {name: A%d, value: \"$(A%d)$(A%[2]d)\"}", i+1, i)
	}
	var pods strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&pods, "apiVersion: v1\nkind: Pod\nmetadata: {name: p%d}\nspec:\n  containers:\n  - name: c\n    image: web\n"+
			"    env: [{name: A0, value: xxxxxxxxxx}%s]\n    livenessProbe: {httpGet: {path: /p%[1]d, port: 80}}\n---\n", i, doubled.String())
	}
	every := append(every("k.yaml"), "--image", "web=oci:image")
	source := func(w *tar.Writer) {
		text := func(name, text string) { put(w, name, int64(len(text)), strings.NewReader(text)) }
		text("app/urls.py", "urlpatterns = [\n"+strings.Repeat("path('', include('urls')),\n", 2000)+"]\n")
		for i := range 300 {
			text(fmt.Sprintf("app/a%d/urls.py", i), "urlpatterns = [\n"+strings.Repeat("re_path(r'(aaaaaaaaaaaaaaa){1000}', v),\n", 1500)+"]\n")
			text(fmt.Sprintf("app/b%d/views.py", i), strings.Repeat("@a.get('/')\n", 5000))
		}
	}
	with := func(command string) func(*testing.T, string) []string {
		made := image(map[string]any{"config": map[string]any{"WorkingDir": "/app", "Cmd": []string{"sh", "-c", command}}}, one(source), every...)
		return func(t *testing.T, dir string) []string {
			write(t, filepath.Join(dir, "k.yaml"), pods.String())
			return made(t, dir)
		}
	}
	kustomizations := map[string]string{"base/kustomization.yaml": "resources:\n" + strings.Repeat("- a.yaml\n", 90_000)}
	for i := range 1000 {
		kustomizations[fmt.Sprintf("o%d/kustomization.yaml", i)] = "resources: [../base]\npatches: [{path: p.yaml}]\n"
	}
	kustomizations["k.yaml"] = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a}]}\n"
	try(t, map[string]attack{
		"a deep command":     {make: with(strings.Repeat("( ", 1<<20)), status: []int{0, 1}},
		"a doubling command": {make: with("export A=xx;" + strings.Repeat(" export A=$A$A;", 60) + " exec uvicorn a:b"), status: []int{0, 1}},
		"kustomizations":     {make: files(kustomizations, "check", "-q", "--no-cache", "--offline", "."), status: []int{0, 1}},
	})
}
