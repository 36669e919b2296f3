package buildcontext_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tareweight/tare/internal/buildcontext"
	"github.com/tareweight/tare/internal/checkout"
)

// write makes files below a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, dir string) *checkout.Root {
	t.Helper()
	root, err := checkout.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// TestContext: what .dockerignore leaves out, what lies outside, and what may be
// read without an end is not there.
func TestContext(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "a", "b/c.txt": "c", "b/d.txt": "d", ".dockerignore": "b\n!b/d.txt\n", "Dockerfile.x": "", "Dockerfile.x.dockerignore": "a.txt\n"})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]map[string]bool{
		"":             {"a.txt": true, "b/c.txt": false, "b/d.txt": true, "out": false, "pipe": false, "none": false},
		"Dockerfile.x": {"a.txt": false, "b/c.txt": true, "b/d.txt": true, "out": false, "pipe": false},
	} {
		if file != "" {
			file = filepath.Join(dir, file)
		}
		files, err := buildcontext.Open(open(t, dir), dir, file)
		if err != nil {
			t.Fatal(err)
		}
		for name, there := range want {
			if _, err := fs.ReadFile(files, name); (err == nil) != there {
				t.Errorf("%q, %s: %v, want it there: %v", file, name, err, there)
			}
		}
	}
}

// TestContextDir: the Dockerfile's own directory, unless one above it holds all
// of what it copies, variables filled in.
func TestContextDir(t *testing.T) {
	dir := write(t, map[string]string{"app_dir/main.py": "", "app_dir/x/y.py": "", "docker/prod/Dockerfile": "", "docker/entry.sh": ""})
	for src, want := range map[string]string{
		"FROM a\nCOPY docker/entry.sh /\n": ".", "FROM a\nCOPY entry.sh /\n": "docker", "FROM a\n": "docker/prod", "FROM a\nCOPY . /\n": "docker/prod",
		"FROM a\nARG APP=nothing\nARG APP_DIR=app_dir\nCOPY $APP_DIR/main.py ${APP_DIR}/x/ /\n": ".",
		"FROM a\nARG WHICH\nCOPY $WHICH/entry.sh /\n":                                           "docker/prod",
		"FROM a\nCOPY ../*/*/*/*.sh /\n":                                                        "docker/prod", "FROM a\nCOPY dock*/nothing.sh /\n": ".",
		"FROM a\nRUN --mount=type=bind,source=entry.sh,target=/e sh /e\n": "docker",
	} {
		got := buildcontext.Dir(open(t, dir), filepath.Join(dir, "docker/prod/Dockerfile"), []byte(src))
		if rel, err := filepath.Rel(dir, got); err != nil || rel != filepath.FromSlash(want) {
			t.Errorf("%q: %q, want %q (%v)", src, rel, want, err)
		}
	}
}
