package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/internal/cli"
)

// TestTestbed runs the scripts that need real images: TARE_TESTBED is where
// the testbed made them, and its registry is up.
func TestTestbed(t *testing.T) {
	testbed := os.Getenv("TARE_TESTBED")
	if testbed == "" {
		t.Skip("TARE_TESTBED is not set: .ci/run brings the testbed up")
	}
	registry := "localhost:5000"
	if port := os.Getenv("REGISTRY_PORT"); port != "" {
		registry = "localhost:" + port
	}
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/testbed", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			for _, name := range []string{"DOCKER_HOST", "CONTAINER_HOST", "CONTAINERD_ADDRESS"} { // not this machine's engines
				env.Setenv(name, "unix:///nowhere.sock")
			}
			env.Setenv("REGISTRY", registry)
			env.Setenv("ARCHIVES", filepath.Join(testbed, "archives"))
			return os.CopyFS(filepath.Join(env.WorkDir, "apps"), os.DirFS(filepath.Join(testbed, "apps")))
		},
	})
}

// TestTestbedReadme compares the capture of app/full in README.md, which is how
// its report begins: what the image weighs, and what to do first. -update writes it.
func TestTestbedReadme(t *testing.T) {
	testbed := os.Getenv("TARE_TESTBED")
	if testbed == "" || os.Getenv("REGISTRY_PORT") != "" {
		t.Skip("TARE_TESTBED is not set, or its registry is on a port of its own")
	}
	readme, err := filepath.Abs("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```text app/full\n(.*?)```").FindSubmatchIndex(text)
	if m == nil {
		t.Fatal("README.md has no capture of app/full")
	}
	t.Chdir(testbed)
	t.Setenv("NO_COLOR", "1")
	t.Setenv("DOCKER_HOST", "unix:///nowhere.sock") // the registry's image, not this machine's
	t.Setenv("CONTAINER_HOST", "unix:///nowhere.sock")
	t.Setenv("CONTAINERD_ADDRESS", "unix:///nowhere.sock")
	var out, errs bytes.Buffer
	cli.Main([]string{"check", "apps/app-full", "--image", "localhost:5000/app/full:latest", "--no-cache"}, cli.Streams{Out: &out, Err: &errs}, analyzers.All...)
	parts := strings.SplitN(out.String(), "\n\n", 3)
	if len(parts) < 3 {
		t.Fatalf("no summary: %s%s", out.Bytes(), errs.Bytes())
	}
	got := parts[0] + "\n\n" + parts[1] + "\n"
	if want := string(text[m[2]:m[3]]); got != want {
		if *update {
			text = append(append(bytes.Clone(text[:m[2]]), got...), text[m[3]:]...)
			if err := os.WriteFile(readme, text, 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Errorf("the capture of app/full in README.md is stale: make update\ngot:\n%s", got)
	}
}
