package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
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
			env.Setenv("REGISTRY", registry)
			env.Setenv("ARCHIVES", filepath.Join(testbed, "archives"))
			return os.CopyFS(filepath.Join(env.WorkDir, "apps"), os.DirFS(filepath.Join(testbed, "apps")))
		},
	})
}
