package main

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/internal/cli"
	"github.com/tareweight/tare/internal/config"
)

// TestReadme runs the first command of README.md and compares what it prints
// with the capture. -update writes it.
func TestReadme(t *testing.T) {
	t.Chdir("../..")
	t.Setenv("NO_COLOR", "1")
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```sh\ngo run ./cmd/tare (.*?)\n```\n\n```text\n(.*?)\n```").FindSubmatchIndex(text)
	if m == nil {
		t.Fatal("README.md has no command with a capture")
	}
	var out, errs bytes.Buffer
	status := cli.Main(strings.Fields(string(text[m[2]:m[3]])), cli.Streams{Out: &out, Err: &errs}, analyzers.All...)
	if status != cli.Findings || errs.Len() > 0 {
		t.Fatalf("status %d: %s", status, errs.Bytes())
	}
	got := strings.TrimSpace(out.String())
	if want := string(text[m[4]:m[5]]); got != want {
		if *update {
			text = append(append(bytes.Clone(text[:m[4]]), got...), text[m[5]:]...)
			if err := os.WriteFile("README.md", text, 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Errorf("the capture in README.md is stale: make update\ngot:\n%s", got)
	}
}

// TestReadmeTable checks that the table of checks names each of them once, and
// no other, and that its links lead somewhere.
func TestReadmeTable(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^\| \[(.+?)\]\((.+?)\) \| .+ \|$`).FindAllStringSubmatch(string(text), -1) {
		got = append(got, m[1])
		if link := "analyzers/" + m[1] + "/README.md"; m[2] != link {
			t.Errorf("the table links %s to %s, want %s", m[1], m[2], link)
		}
		if _, err := os.Stat("../../" + m[2]); err != nil {
			t.Error(err)
		}
	}
	for _, a := range analyzers.All {
		want = append(want, a.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the table has %q, want %q", got, want)
	}
}

// TestReadmeCommands checks that every command that README.md shows is one.
func TestReadmeCommands(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, m := range regexp.MustCompile(`(?m)^tare ([a-z]+)(.*?)(?:\s+#.*)?$`).FindAllStringSubmatch(string(text), -1) {
		var out bytes.Buffer
		if status := cli.Main([]string{m[1], "--help"}, cli.Streams{Out: &out, Err: &out}, analyzers.All...); status != cli.Clean {
			t.Errorf("tare %s: %s", m[1], out.Bytes())
		}
		for _, flag := range regexp.MustCompile(`--?[a-z][a-z-]*`).FindAllString(" "+m[2], -1) {
			if strings.HasPrefix(flag, "--") && !strings.Contains(out.String(), flag+" ") {
				t.Errorf("tare %s has no flag %s", m[1], flag)
			}
		}
		n++
	}
	if n < 5 {
		t.Errorf("README.md shows %d commands", n)
	}
}

// TestReadmeConfiguration reads the configuration that README.md shows, and that of the page
// about ignores, as a user's file is read.
func TestReadmeConfiguration(t *testing.T) {
	for name, pattern := range map[string]string{
		"../../README.md":                  "(?s)```yaml\n(# yaml-language-server.*?)\n```",
		"../../analyzers/ignore/README.md": `(?m)((?:^    (?:ignore:|  ).*\n)+)`,
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(pattern).FindSubmatch(text)
		if m == nil {
			t.Fatalf("%s shows no configuration", name)
		}
		f, err := config.Parse(".tare.yaml", m[1], analyzers.All)
		if err != nil || len(f.Ignore) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
