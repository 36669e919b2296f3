package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
)

// TestAliases: what an alias stands for is counted each time, and one that
// holds itself ends.
func TestAliases(t *testing.T) {
	var doubled strings.Builder
	doubled.WriteString("sizebudget:\n  path: &a0 {usr: 1 GB}\n")
	for i := range 40 {
		fmt.Fprintf(&doubled, "  package: &a%d {<<: [*a%d, *a%d]}\n", i+1, i, i)
	}
	for name, text := range map[string]string{
		"itself": "sizebudget: &a {<<: *a}\n", "in a list": "slimbase: {approved: &a [*a]}\n", "doubled": doubled.String(),
		"wide": "sizebudget: {path: {" + strings.Repeat("a: 1 GB, ", 6000) + "}}\n", "deep": "slimbase: {approved: " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}\n",
	} {
		start := time.Now()
		_, err := config.Parse("x.yaml", []byte(text), analyzers.All)
		if err == nil || !strings.Contains(err.Error(), "limit") {
			t.Errorf("%s: %v, want a limit that is named", name, err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// TestMerge: a merge key within the limits brings its keys.
func TestMerge(t *testing.T) {
	c, err := config.Parse("x.yaml", []byte("sizebudget:\n  path: &same {usr: 1 GB}\n  package:\n    <<: *same\n    python: 2 GB\n"), analyzers.All)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.Settings)
	if want := "[{sizebudget.path.usr 1 GB 2} {sizebudget.package.usr 1 GB 2} {sizebudget.package.python 2 GB 5}]"; got != want {
		t.Errorf("settings %s, want %s", got, want)
	}
}

// TestLoad: a file of gigabytes is refused by its size, before a byte of it is
// read; one that a link leads to outside of the repository is not opened.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, ".tare.yaml")
	f, err := os.Create(large)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(3 << 30); err != nil {
		t.Fatal(err)
	}
	f.Close()
	outside := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(outside, []byte("CANARY"), 0o600); err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(dir, "linked.yaml")
	if err := os.Symlink(outside, linked); err != nil {
		t.Fatal(err)
	}
	root, err := checkout.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, want := range map[string]string{large: "3221225472 bytes, more than the limit of 1048576", linked: "leads out of the directory"} {
		_, err := config.Load(root, name, analyzers.All)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v, want %q", filepath.Base(name), err, want)
		}
	}
}
