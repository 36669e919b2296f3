package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestColored: colours are for a terminal, unless the environment says otherwise.
func TestColored(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, test := range []struct {
		no, term, force string
		want            bool
	}{
		{"", "xterm", "", false}, {"", "xterm", "1", true}, {"", "xterm", "0", false}, {"1", "xterm", "1", false}, {"", "dumb", "1", false},
	} {
		t.Setenv("NO_COLOR", test.no)
		t.Setenv("TERM", test.term)
		t.Setenv("FORCE_COLOR", test.force)
		if got := colored(file); got != test.want || colored(&bytes.Buffer{}) != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// TestDisplay: a path is relative to the working directory where it is in its repository.
func TestDisplay(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"repo/.git", "repo/a/b", "other"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(top, "repo/a"))
	for name, want := range map[string]string{
		"x": "x", "./x/../y": "y", filepath.Join(top, "repo/a/b/x"): "b/x", filepath.Join(top, "repo/x"): "../x", filepath.Join(top, "repo"): "..",
		filepath.Join(top, "other/x"): filepath.ToSlash(filepath.Join(top, "other/x")), "../../other": "../../other",
	} {
		if got := display(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
