package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tareweight/tare/internal/kubernetes"
)

// TestReferences: what --from names: a list, a manifest, a compose file, a directory of them without what links lead to. What
// tells no image is said, with the reason.
func TestReferences(t *testing.T) {
	dir := t.TempDir()
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  initContainers: [{name: i, image: r.io/init:1}, {name: s, image: r.io/side:1, restartPolicy: Always}]\n" +
		"  containers: [{name: a, image: r.io/a:1}, {name: none}]\n"
	for name, text := range map[string]string{
		"list":                       "r.io/x:1 # a remark\n\n# r.io/no:1\ndocker://r.io/y:1\n",
		"k8s/pod.yaml":               pod,
		"k8s/deep/compose.yml":       "services:\n  web: {image: r.io/web:1, build: .}\n  db: {image: \"r.io/db:${TAG}\"}\n  none: {build: .}\n",
		"k8s/deep/broken.yaml":       "services:\n  web: {image: [\n",
		"k8s/chart/templates/d.yaml": "apiVersion: v1\nkind: Pod\nspec:\n  containers: [{image: \"{{ .Values.image }}\"}]\n",
		"k8s/other.yaml":             "a: 1\n",
		"k8s/notes.txt":              pod,
		"k8s/.git/pod.yaml":          pod,
		"outside.yaml":               strings.ReplaceAll(pod, "r.io", "outside.io"),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for to, link := range map[string]string{"../outside.yaml": "k8s/link.yaml", "..": "k8s/up"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	const images = "r.io/a:1 r.io/side:1 r.io/init:1"
	for name, want := range map[string]string{
		"list": "r.io/x:1 r.io/y:1", "-": "r.io/stdin:1", "k8s/pod.yaml": images, "k8s/deep/compose.yml": "r.io/web:1", "k8s": "r.io/web:1 " + images,
	} {
		refs, unread, err := references(strings.NewReader("r.io/stdin:1"), name)
		if got := strings.Join(refs, " "); err != nil || got != want {
			t.Errorf("%s: %v, got %q, want %q", name, err, got, want)
		}
		var why []string
		for _, f := range unread {
			why = append(why, f.Ref+": "+f.Why)
		}
		slices.Sort(why)
		if name == "k8s" {
			text := strings.Join(why, "\n")
			for _, want := range []string{
				"k8s/chart/templates/d.yaml: it is a template of Helm's: scan what renders it", "k8s/deep/broken.yaml: ",
				`k8s/deep/compose.yml: a variable decides the image "r.io/db:${TAG}"`,
			} {
				if !strings.Contains(text, want) || len(why) != 3 {
					t.Errorf("not read: %s\nwant %q", text, want)
				}
			}
		}
	}
	if _, _, err := directory("k8s", 5); err == nil || !strings.Contains(err.Error(), "more than the limit of 5 files and directories: name a directory below") {
		t.Errorf("a large directory: %v", err)
	}
	if _, _, err := references(nil, "gone.yaml"); err == nil {
		t.Error("what is not there is read")
	}
	if err := os.WriteFile("large.yaml", make([]byte, kubernetes.MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := references(nil, "large.yaml"); err == nil || !strings.Contains(err.Error(), fmt.Sprint("more than the limit of ", kubernetes.MaxSize)) {
		t.Errorf("a large file: %v", err)
	}
}
