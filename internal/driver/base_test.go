package driver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/source"
)

// ofLayers is an image of a registry, of empty layers that differ in their length.
func ofLayers(name string, env []string, lengths ...int) *source.Image {
	im := &source.Image{Name: name, Kind: "registry", Platform: "linux/amd64", Digest: "sha256:" + fmt.Sprintf("%064d", len(lengths)), Config: &v1.ConfigFile{}}
	im.Config.Config.Env = env
	for _, n := range lengths {
		layer := make([]byte, 1024*n)
		sum := fmt.Sprintf("%x", sha256.Sum256(layer))
		im.Config.RootFS.DiffIDs = append(im.Config.RootFS.DiffIDs, v1.Hash{Algorithm: "sha256", Hex: sum})
		im.Layers = append(im.Layers, source.Blob{
			DiffID: "sha256:" + sum, Size: int64(len(layer)), MediaType: string(types.OCIUncompressedLayer),
			Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer)), nil },
		})
	}
	return im
}

// TestBaseByLayers: without a Dockerfile the base is the image of another repository, judged
// before, that has most of the first layers; else the official image of Python in the same
// registry, which is not asked for on Docker Hub.
func TestBaseByLayers(t *testing.T) {
	kept, err := cache.Open(t.TempDir(), cache.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	files := []*analysis.Analyzer{reports(nowhere, rule("a-files", needs(analysis.InputFiles)))}
	python := []string{"PATH=/bin", "PYTHON_VERSION=3.11.4"}
	judge := func(im *source.Image, neighbours map[string]*source.Image) (base string, asked []string) {
		im.Neighbour = func(_ context.Context, ref string) (*source.Image, error) {
			asked = append(asked, ref)
			if n := neighbours[ref]; n != nil {
				return n, nil
			}
			return nil, errors.New("none")
		}
		target := Target{Name: "t", OpenImage: func(context.Context) (*source.Image, error) { return im, nil }}
		b := check(t, target, Options{Analyzers: files, Cache: kept}).Image.Base
		return fmt.Sprintf("%s %d %s", b.Ref, b.Layers, b.How), asked
	}
	none := " 0 "
	for i, test := range []struct {
		im         *source.Image
		neighbours map[string]*source.Image
		base       string
		asked      int
	}{
		{ofLayers("r.io/debian:13", nil, 1), nil, none, 0},
		{ofLayers("r.io/python:3.11", nil, 1, 2), nil, "r.io/debian:13 1 layers", 0},
		{ofLayers("r.io/app:1", nil, 1, 2, 3), nil, "r.io/python:3.11 2 layers", 0},
		{ofLayers("r.io/app:2", nil, 1, 2, 3, 4), nil, "r.io/python:3.11 2 layers", 0}, // not its own last version
		{ofLayers("r.io/other:1", nil, 2, 1), nil, none, 0},
		{ofLayers("r.io/x:1", python, 5, 6), map[string]*source.Image{"r.io/python:3.11-slim": ofLayers("b", nil, 5)}, "r.io/python:3.11-slim 1 layers", 3},
		{ofLayers("r.io/y:1", python, 7, 6), map[string]*source.Image{"r.io/python:3.11-slim": ofLayers("b", nil, 5)}, none, 4},
		{ofLayers("docker.io/y:1", python, 8, 6), nil, none, 0},
		{ofLayers("y:1", python, 9, 6), nil, none, 0},
	} {
		if base, asked := judge(test.im, test.neighbours); base != test.base || len(asked) != test.asked {
			t.Errorf("%d, %s: base %q, asked %q, want %q and %d", i, test.im.Name, base, asked, test.base, test.asked)
		}
	}
	for _, l := range []int{0, 1, 2} { // of a layout, which has no name of its own, nothing is kept
		im := ofLayers("oci:./image", nil, 20, 21)
		im.Kind = "oci"
		judge(im, nil)
		if base, _ := judge(ofLayers("r.io/z:1", nil, 20, 21, 22+l), nil); base != none {
			t.Errorf("base %q", base)
		}
	}
}
