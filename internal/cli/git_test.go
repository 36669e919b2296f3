package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGit: what the configuration of a repository names is not run by looking at
// the repository.
func TestGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	dir := t.TempDir()
	mark := filepath.Join(dir, "ran")
	hook := filepath.Join(dir, "hook.sh")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\ntouch "+mark+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	run("init", "-q")
	run("add", "Dockerfile")
	run("config", "core.fsmonitor", hook)
	out, err := git(dir, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ".")
	if err != nil || !strings.Contains(string(out), "Dockerfile") {
		t.Fatalf("%q, %v", out, err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Fatal("core.fsmonitor was run")
	}
	run("ls-files", "--cached", "--others", "--exclude-standard", "--", ".")
	if _, err := os.Stat(mark); err != nil {
		t.Error("the hook is not run without the defence either: this test tells nothing")
	}
}
