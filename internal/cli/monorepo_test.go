package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/internal/report"
)

// found runs check in a directory and lists what is found of the targets of those
// Dockerfiles, and what is ignored: with absolute paths, sorted.
func foundIn(t *testing.T, dir string, dockerfiles []string, args ...string) []string {
	t.Helper()
	t.Chdir(dir)
	var out, errs bytes.Buffer
	status := Main(append([]string{"check", "--no-cache", "--now", "2026-11-25", "-f", "json"}, args...), Streams{Out: &out, Err: &errs}, analyzers.All...)
	var d report.Document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil || status > Findings {
		t.Fatalf("%q: status %d, %v: %s", args, status, err, errs.String())
	}
	of := map[string]bool{} // targets
	for _, x := range d.Targets {
		if x.Dockerfile != nil && slices.Contains(dockerfiles, absolute(x.Dockerfile.Path)) {
			of[x.Name] = true
		}
	}
	var list []string
	add := func(what string, f report.Finding) {
		list = append(list, fmt.Sprintf("%s %s %s %s:%d %s", what, f.Rule, f.Severity, absolute(f.Location.Path), f.Location.Line, f.Key))
	}
	for _, x := range d.Targets {
		for _, f := range x.Findings {
			if of[x.Name] || slices.ContainsFunc(f.Targets, func(n string) bool { return of[n] }) {
				add("found", f)
			}
		}
		for _, f := range x.Ignored {
			if of[x.Name] {
				add("ignored", f.Finding)
			}
		}
	}
	slices.Sort(list)
	return list
}

// TestMonorepo: a service has the same findings however it is named, and from wherever.
func TestMonorepo(t *testing.T) {
	top := filepath.Join(t.TempDir(), "repo")
	data, err := filepath.Abs("../../testdata/monorepo")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(top, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(top, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	total := 0
	for service, test := range map[string]struct {
		dockerfile string
		targets    []string // that the configuration lists
		want       int
	}{
		"api": {"Dockerfile", []string{"api", "api-migrations"}, 4}, "web": {"docker/web.dockerfile", []string{"web"}, 2},
		"worker": {"Dockerfile", nil, 2}, "mailer": {"Dockerfile", nil, 1}, "reports": {"Dockerfile", nil, 1}, "gateway": {"Dockerfile", nil, 3},
	} {
		dir := filepath.Join(top, "services", service)
		file := filepath.Join(dir, filepath.FromSlash(test.dockerfile))
		want := foundIn(t, top, []string{file}, "services/"+service+"/"+test.dockerfile)
		if len(want) != test.want {
			t.Errorf("%s: %d findings, want %d: %q", service, len(want), test.want, want)
		}
		total += len(want)
		ways := map[string][]string{ // by arguments, space-separated, the directories to run it in
			file: {top, dir, t.TempDir()}, dir: {top, dir, t.TempDir()}, "": {top, dir}, ".": {top, dir}, "services": {top},
			"services/" + service: {top}, "compose.yaml": {top}, "../../compose.yaml": {dir}, filepath.FromSlash(test.dockerfile): {dir},
			"services/../services/" + service + "/": {top},
		}
		if test.targets != nil {
			ways[strings.Join(test.targets, " ")] = []string{top, dir}
		}
		for args, dirs := range ways {
			for _, from := range dirs {
				if got := foundIn(t, from, []string{file}, strings.Fields(args)...); !slices.Equal(got, want) {
					t.Errorf("%s as %q in %q:\n%s\nwant\n%s", service, args, from, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
	if total != 13 {
		t.Errorf("%d findings of all services", total)
	}
}
