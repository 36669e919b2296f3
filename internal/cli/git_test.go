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

// TestGitEnvironment: git fetches nothing that a repository lacks, and asks nobody.
func TestGitEnvironment(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	out, err := git(t.TempDir(), "-c", "alias.environment=!echo $GIT_ALLOW_PROTOCOL $GIT_NO_LAZY_FETCH $GIT_TERMINAL_PROMPT", "environment")
	if err != nil || string(out) != "none 1 0\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestRevision: of a commit, files alone are read, of the names that are asked for, and
// none over the limit.
func TestRevision(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"plain": "stage: a", "other": "x", "large": strings.Repeat("x", 101)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("plain", filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "x"},
	} {
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	rev, err := newRevision(dir, "--config-ref", "HEAD", []string{"plain", "linked", "large"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"plain": "", "linked": "file does not exist", "none": "file does not exist", "other": "file does not exist",
		"large": "101 bytes, more than the limit of 100",
	} {
		text, err := rev.read(name, 100)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
		if err == nil && string(text) != "stage: a" {
			t.Errorf("%q: %q", name, text)
		}
	}
	if _, err := commit(t.TempDir(), "--since", "HEAD"); err == nil || !strings.Contains(err.Error(), "is in no git repository") {
		t.Errorf("%v", err)
	}
	_, err = newRevision(dir, "--since", "nope", nil)
	if err == nil || !strings.Contains(err.Error(), `--since "nope": no such commit`) {
		t.Errorf("%v", err)
	}
}
