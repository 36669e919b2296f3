package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
)

// settings are those in force, as a test writes them.
func settings(f *config.File) string {
	var list []string
	for _, s := range append(f.Here(), config.Merge(f).Settings...) {
		list = append(list, fmt.Sprintf("{%s %s %d}", s.Key, s.Value, s.Line))
	}
	return "[" + strings.Join(list, " ") + "]"
}

// TestAliases: what an alias stands for is counted each time, and one that
// holds itself ends.
func TestAliases(t *testing.T) {
	var doubled strings.Builder
	doubled.WriteString("sizebudget:\n  path: &a0 {usr: 1 GB}\n")
	for i := range 40 {
		fmt.Fprintf(&doubled, "  p%d: &a%d {<<: [*a%d, *a%d]}\n", i, i+1, i, i)
	}
	var wide strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&wide, "a%d: 1 GB, ", i)
	}
	for name, text := range map[string]string{
		"itself": "sizebudget: &a {<<: *a}\n", "in a list": "slimbase: {approved: &a [*a]}\n", "doubled": doubled.String(),
		"wide": "sizebudget: {path: {" + wide.String() + "}}\n", "deep": "slimbase: {approved: " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}\n",
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
	got := settings(c)
	if want := "[{sizebudget.path.usr 1 GB 2} {sizebudget.package.usr 1 GB 2} {sizebudget.package.python 2 GB 5}]"; got != want {
		t.Errorf("settings %s, want %s", got, want)
	}
}

// TestBounds: what is at a limit is taken, what is one over it is not.
func TestBounds(t *testing.T) {
	nested := func(levels int) string {
		return "slimbase: {approved: " + strings.Repeat("[", levels) + strings.Repeat("]", levels) + "}\n"
	}
	list := func(n int) string { return "slimbase: {approved: [" + strings.Repeat("a,", n) + "]}\n" }
	for _, test := range []struct{ text, want string }{
		{"stage: " + strings.Repeat("a", 1000), ""},
		{"stage: " + strings.Repeat("a", 1001), "x.yaml:1: a value of 1001 bytes, more than the limit of 1000"},
		{"# c\nstage: " + strings.Repeat("a", 1001), "x.yaml:2: "},
		{list(9995), ""}, // and the file, two keys, a section and the list
		{list(9996), "more than the limit of 10000 keys and values"},
		{nested(18), "want one value"}, // of the right depth, and no word
		{nested(19), "want one value"},
		{nested(20), "more than the limit of 20 levels"},
		{"stage: !!binary aGk=", "x.yaml:1: binary data"},
		{"? [a]\n: b", "want a word for a key"},
		{"a: &x b\n*x : c", "x.yaml:2: want a word for a key"},
		{"- a", "x.yaml:1: want keys and values"},
		{"{", "x.yaml:1: did not find"}, {"a: b\n{", "x.yaml:2: "},
		{"", ""}, {"# nothing\n", ""}, {"sizebudget:\n", ""}, {"slimbase: ~", ""},
		{"sizebudget: 7", `x.yaml:1: "sizebudget": want keys and values`},
		{"stage: [a]", `x.yaml:1: "stage": want one value`},
		{"slimbase: {approved: a}", `x.yaml:1: "approved": want a list`},
		{"pinned: {hashes: 7}", "x.yaml:1: "},
		{"sizebudget:\n  downlod: 1 MB", `x.yaml:2: unknown key "downlod": did you mean "download"`},
		{"budget: 1 MB", "x.yaml:1: unknown key \"budget\""},
		{"sizebudget: {path: {usr: 1 XB}}", "x.yaml:1: "},
	} {
		_, err := config.Parse("x.yaml", []byte(test.text), analyzers.All)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40q: %v, want %q", test.text, err, test.want)
		}
	}
}

// TestSettings: what a file sets is listed as a person reads it, without credentials.
func TestSettings(t *testing.T) {
	c, err := config.Parse("x.yaml", []byte("image: &ref https://u:CANARY@h/x\nstage: *ref\nslimbase:\n  approved: [*ref, b, c]\nsizebudget: {path: {usr: &s 1 GB, opt: *s}}\n"), analyzers.All)
	if err != nil {
		t.Fatal(err)
	}
	got := settings(c)
	if want := "[{image https://xxxxx@h/x 1} {stage https://xxxxx@h/x 1} {slimbase.approved [https://xxxxx@h/x, b, c] 4} {sizebudget.path.usr 1 GB 5} {sizebudget.path.opt 1 GB 5}]"; got != want {
		t.Errorf("settings %s, want %s", got, want)
	}
}

// TestDirectories: those up to the root of the repository, and not above it.
func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	top, svc := filepath.Join(dir, "top"), filepath.Join(dir, "top", "a", "svc")
	for _, d := range []string{svc, filepath.Join(top, ".git")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root, err := checkout.Find(svc)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	want := []string{top, filepath.Dir(svc), svc}
	if got := config.Directories(root, svc); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := config.Directories(root, dir); got != nil {
		t.Errorf("%q of a directory above the repository", got)
	}
}

// TestImageRef: a path of a layout is relative to the file.
func TestImageRef(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	f := &config.File{Dir: filepath.Join(dir, "svc")}
	for image, want := range map[string]string{
		"oci:img": "oci:" + filepath.Join("svc", "img"), "oci:/abs": "oci:/abs", "docker-archive:../x": "docker-archive:x", "example.com/x": "example.com/x",
	} {
		if got := f.ImageRef(image); got != want {
			t.Errorf("%q: %q, want %q", image, got, want)
		}
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
