package checkout_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tareweight/tare/internal/checkout"
)

// tree makes directories ("a/"), files ("a") and links ("a -> b").
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		name, to, link := strings.Cut(n, " -> ")
		at := filepath.Join(dir, name)
		var err error
		switch {
		case link:
			err = os.Symlink(to, at)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(at, 0o755)
		default:
			err = os.WriteFile(at, []byte(name), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTop: the root of what may be read.
func TestTop(t *testing.T) {
	dir := tree(t, "repo/.git/", "repo/api/", "repo/sub/.git/", "other/.git/", "other/deep/.git/", "plain/sub/", "repo/link -> ../other", "repo/up -> ..")
	for _, test := range []struct{ wd, name, want string }{
		{"repo", ".", "repo"}, {"repo/api", ".", "repo"}, {"repo", "api/Dockerfile", "repo"}, {"plain", "../repo/api", "repo"},
		{"repo", "link", "repo"}, {"repo", "link/deep", "repo"}, {"plain", "../repo/link", "repo"}, {"plain", "../repo/link/deep", "repo"}, {"plain", "../repo/sub", "repo/sub"},
		{"plain", "sub/Dockerfile", "plain"}, {"plain/sub", "../x", "plain"}, {"plain", "../repo/up/plain/sub", "repo"},
	} {
		t.Chdir(filepath.Join(dir, test.wd))
		got, err := checkout.Top(test.name)
		if err != nil || got != filepath.Join(dir, test.want) {
			t.Errorf("%s from %s: %s, want %s (%v)", test.name, test.wd, got, test.want, err)
		}
	}
	t.Setenv("HOME", filepath.Join(dir, "plain")) // where everything of the user's would be inside
	t.Chdir(filepath.Join(dir, "plain"))
	if got, err := checkout.Top("sub/Dockerfile"); got != filepath.Join(dir, "plain/sub") {
		t.Errorf("at home: %s, %v", got, err)
	}
}

func TestReadFile(t *testing.T) {
	dir := tree(t, "repo/.git/", "repo/d/", "repo/d/file", "secret", "repo/in -> d/file", "repo/out -> ../secret", "repo/abs -> "+os.DevNull, "repo/loop -> loop", "repo/dir -> d", "repo/updir -> ..")
	if err := syscall.Mkfifo(filepath.Join(dir, "repo/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := checkout.Find(filepath.Join(dir, "repo/d"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, want := range map[string]error{
		"d/file": nil, "in": nil, "dir/file": nil, "out": checkout.ErrOutside, "abs": checkout.ErrOutside, "updir/secret": checkout.ErrOutside, "../secret": checkout.ErrOutside,
		"pipe": checkout.ErrIrregular, "d": checkout.ErrIrregular, "loop": syscall.ELOOP, "none": os.ErrNotExist,
	} {
		text, err := root.ReadFile(filepath.Join(dir, "repo", name), 100)
		if !errors.Is(err, want) || (err == nil) != (want == nil) || err == nil && string(text) != "repo/d/file" {
			t.Errorf("%s: %q, %v, want %v", name, text, err, want)
		}
	}
	var se *checkout.SizeError
	if _, err := root.ReadFile(filepath.Join(dir, "repo/d/file"), 10); !errors.As(err, &se) || se.Size != 11 {
		t.Errorf("a byte too many: %v", err)
	}
}
