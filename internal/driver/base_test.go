package driver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
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

// TestListedBases: a base is looked for among what the configuration lists, in registries that the user
// named: that of the image, and those that are trusted.
func TestListedBases(t *testing.T) {
	files := []*analysis.Analyzer{reports(nowhere, rule("a-files", needs(analysis.InputFiles)))}
	below := map[string]*source.Image{
		"r.io/team/base:3.11-2": ofLayers("b", nil, 30, 31), "r.io/team/base:3.11-1": ofLayers("b", nil, 30), "r.io/team/base:2": ofLayers("b", nil, 30, 31, 32),
		"other.io/base:1": ofLayers("b", nil, 30, 31),
	}
	var asked []string
	open := func(host string) func(context.Context, string) (*source.Image, error) {
		return func(_ context.Context, ref string) (*source.Image, error) {
			if im := below[ref]; im != nil && strings.HasPrefix(ref, host) {
				asked = append(asked, ref)
				return im, nil
			}
			return nil, errors.New("none")
		}
	}
	for _, test := range []struct {
		bases       []string
		trusted     bool
		want, asked string
	}{
		{nil, false, " 0 ", ""},
		{[]string{"r.io/team/base:3.11-*"}, false, "r.io/team/base:3.11-2 2 layers", "r.io/team/base:3.11-2"},
		{[]string{"r.io/gone:*", "r.io/team/base:3.11-1"}, false, "r.io/team/base:3.11-1 1 layers", "r.io/team/base:3.11-1"},
		{[]string{"other.io/base:1"}, false, " 0 ", ""},
		{[]string{"other.io/base:1"}, true, "other.io/base:1 2 layers", "other.io/base:1"},
	} {
		asked = nil
		im := ofLayers("r.io/app:1", nil, 30, 31, 33)
		im.Neighbour = open("r.io/")
		target := Target{Name: "t", OpenImage: func(context.Context) (*source.Image, error) { return im, nil }, Config: Config{Bases: test.bases}}
		target.Tags = func(_ context.Context, repository, own string) ([]string, error) {
			if own != "r.io" || repository != "r.io/team/base" {
				return nil, errors.New("no such repository")
			}
			return []string{"2", "3.11-1", "3.11-2"}, nil
		}
		if test.trusted {
			target.OpenTrusted = func(ctx context.Context, ref, _ string) (*source.Image, error) { return open("other.io/")(ctx, ref) }
		}
		b := check(t, target, Options{Analyzers: files}).Image.Base
		if got := fmt.Sprintf("%s %d %s", b.Ref, b.Layers, b.How); got != test.want || strings.Join(asked, " ") != test.asked {
			t.Errorf("%q: got %q, asked %q, want %q and %q", test.bases, got, asked, test.want, test.asked)
		}
	}
}

// TestSibling: the smaller image beside the base is asked for where a rule says what it would save, the
// base is known and has one, and no other time.
func TestSibling(t *testing.T) {
	siblings := rule("a-sibling", func(r *analysis.Rule) { r.Any, r.Siblings = analysis.InputFiles, true })
	other := rule("a-files", needs(analysis.InputFiles))
	for _, test := range []struct {
		name string
		base string
		rule *analysis.Rule
		want string
	}{
		{"a full base", "r.io/library/python:3.11", siblings, "r.io/library/python:3.11-slim"},
		{"a slim one", "r.io/library/python:3.11-slim", siblings, ""},
		{"nobody asks", "r.io/library/python:3.11", other, ""},
	} {
		im := ofLayers("r.io/app:1", nil, 40, 41)
		im.BaseName, im.BaseDigest = test.base, "sha256:"+strings.Repeat("0", 64)
		im.Neighbour = func(_ context.Context, ref string) (*source.Image, error) {
			if strings.HasSuffix(ref, "-slim") {
				s := ofLayers("s", nil, 42)
				s.Layers[0].Size = 7
				return s, nil
			}
			return ofLayers("b", nil, 40), nil
		}
		target := Target{Name: "t", OpenImage: func(context.Context) (*source.Image, error) { return im, nil }}
		got := check(t, target, Options{Analyzers: []*analysis.Analyzer{reports(nowhere, test.rule)}}).Image.Sibling
		switch {
		case test.want == "" && got != nil, test.want != "" && got == nil:
			t.Errorf("%s: got %v", test.name, got)
		case got != nil && (got.Ref != test.want || got.Size != (analysis.Size{Download: 7}) || got.Image != nil):
			t.Errorf("%s: got %+v", test.name, got)
		}
	}
}
