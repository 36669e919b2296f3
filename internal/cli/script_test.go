package cli_test

import (
	"bytes"
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/tools/txtar"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/internal/cli"
)

var update = flag.Bool("update", false, "rewrite the wanted output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tare": func() {
		os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, analyzers.All...))
	}})
}

// TestScript runs the command as a user does, beside copies of testdata/demo and
// testdata/monorepo.
func TestScript(t *testing.T) {
	data, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script", UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			for _, name := range []string{"DOCKER_HOST", "CONTAINER_HOST", "CONTAINERD_ADDRESS"} { // not this machine's engines
				env.Setenv(name, "unix:///nowhere.sock")
			}
			for _, name := range []string{"demo", "monorepo"} {
				if err := os.CopyFS(filepath.Join(env.WorkDir, name), os.DirFS(filepath.Join(data, name))); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"layout": layoutCommand(t)},
	})
}

// layoutCommand is "layout DIR FROM...": it writes an OCI layout of the images that the directories describe
// as a txtar of analysistest.Image does. Several are the platforms of one index.
func layoutCommand(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		p, err := layout.Write(ts.MkAbs(args[0]), empty.Index)
		ts.Check(err)
		index := v1.ImageIndex(empty.Index)
		for _, name := range args[1:] {
			var files []txtar.File
			ts.Check(fs.WalkDir(os.DirFS(ts.MkAbs(name)), "image", func(p string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				files = append(files, txtar.File{Name: p, Data: []byte(ts.ReadFile(filepath.Join(name, p)))})
				return nil
			}))
			config, layers := analysistest.Parts(t, files)
			config.RootFS = v1.RootFS{Type: "layers"}
			history := config.History
			config.History = nil
			im, err := mutate.ConfigFile(empty.Image, config)
			ts.Check(err)
			im = mutate.ConfigMediaType(mutate.MediaType(im, types.OCIManifestSchema1), types.OCIConfigJSON)
			for i, data := range layers {
				layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
					tarball.WithMediaType(types.OCILayer))
				ts.Check(err)
				add := mutate.Addendum{Layer: layer}
				if i < len(history) {
					add.History = history[i]
				}
				im, err = mutate.Append(im, add)
				ts.Check(err)
			}
			if len(args) == 2 {
				ts.Check(p.AppendImage(im))
				return
			}
			index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: im, Descriptor: v1.Descriptor{
				Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture},
			}})
		}
		ts.Check(p.AppendIndex(index))
	}
}
