package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
)

// TestUmoci compares the merged view of every image of the testbed with what
// umoci unpacks as root: path, type, size, mode, link target, hard links.
func TestUmoci(t *testing.T) {
	if os.Getenv("TARE_TESTBED") == "" {
		t.Skip("TARE_TESTBED is not set: .ci/run brings the testbed up")
	}
	if os.Getuid() != 0 {
		t.Skip("umoci unpacks devices and owners as root alone")
	}
	registry := "localhost:5000"
	if port := os.Getenv("REGISTRY_PORT"); port != "" {
		registry = "localhost:" + port
	}
	for _, name := range []string{
		"library/debian:bookworm", "library/debian:bookworm-slim", "library/buildpack-deps:bookworm", "library/python:3.11", "library/python:3.11-slim", "app/full:latest", "app/redundant:latest",
		"app/slim:1.0.0", "app/slim:provenance", "app/slim:estargz", "app/slim:zstd", "distroless/python3:latest",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, _ := exec.Command("umoci", "--version").Output(); strings.HasSuffix(name, ":zstd") && strings.Contains(string(out), " 0.4.") {
				t.Skip("umoci 0.4 knows no zstd")
			}
			dir := t.TempDir()
			run(t, "skopeo", "copy", "-q", "--src-tls-verify=false", "docker://"+registry+"/"+name, "oci:"+dir+"/oci:image")
			run(t, "umoci", "unpack", "--image", dir+"/oci:image", dir+"/bundle")
			entries, differences := compare(t, dir)
			t.Logf("%d entries, %d differences", entries, differences)
		})
	}
}

// compare compares what umoci unpacked into dir/bundle with the view of the
// image in dir/oci.
func compare(t *testing.T, dir string) (entries, differences int) {
	t.Helper()
	src, err := source.Open(context.Background(), "oci:"+dir+"/oci:image", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	im := image.New(src)
	if err := image.Index(context.Background(), im, src, image.Options{Limits: source.DefaultLimits}); err != nil {
		t.Fatal(err)
	}
	want, got := unpacked(t, dir+"/bundle/rootfs"), viewed(im)
	above := map[string]bool{}
	for p := range got {
		for d := path.Dir(p); d != "."; d = path.Dir(d) {
			above[d] = true
		}
	}
	for p, w := range want {
		g, ok := got[p]
		if !ok && strings.HasPrefix(w, "d") && (!strings.HasPrefix(w, "drwxr-x---") || above[p]) {
			continue // no entry of what is left names the directory
		}
		if g != w {
			if differences++; differences <= 20 {
				t.Errorf("%s: umoci %q, tare %q", p, w, g)
			}
		}
	}
	for p, g := range got {
		if _, ok := want[p]; !ok {
			if differences++; differences <= 20 {
				t.Errorf("%s: not in what umoci unpacks, tare %q", p, g)
			}
		}
	}
	return len(want), differences
}

// TestUmociRandom compares images of random layers, in which files, directories
// and links replace, delete and lead to each other.
func TestUmociRandom(t *testing.T) {
	if os.Getenv("TARE_TESTBED") == "" || os.Getuid() != 0 {
		t.Skip("needs umoci, as root: .ci/run runs it")
	}
	compared, entries := 0, 0
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 0))
		dir := t.TempDir()
		var log strings.Builder
		var files []string // that hard links may name
		im, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers"}})
		if err != nil {
			t.Fatal(err)
		}
		im = mutate.ConfigMediaType(mutate.MediaType(im, types.OCIManifestSchema1), types.OCIConfigJSON)
		for n := range 2 + rng.IntN(4) {
			fmt.Fprintf(&log, "layer %d:", n)
			b := randomLayer(t, rng, &files, &log)
			l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }, tarball.WithMediaType(types.OCILayer))
			if err == nil {
				im, err = mutate.AppendLayers(im, l)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		p, err := layout.Write(dir+"/oci", empty.Index)
		if err == nil {
			err = p.AppendImage(im, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "image"}))
		}
		if err != nil {
			t.Fatal(err)
		}
		if exec.Command("umoci", "unpack", "--image", dir+"/oci:image", dir+"/bundle").Run() != nil {
			continue // a layer that nothing can unpack
		}
		n, _ := compare(t, dir)
		if compared, entries = compared+1, entries+n; t.Failed() {
			t.Fatalf("seed %d\n%s", seed, &log)
		}
	}
	if t.Logf("%d images, %d entries", compared, entries); compared < 100 {
		t.Error("umoci unpacked too few to tell")
	}
}

// randomLayer is a tar of random changes, which it also writes to log. Deletions
// come first: they are of older layers, and umoci would follow this layer's links.
// Files is what hard links may name, of this layer and those below.
func randomLayer(t *testing.T, rng *rand.Rand, files *[]string, log *strings.Builder) []byte {
	t.Helper()
	name := func() string {
		parts := make([]string, 1+rng.IntN(3))
		for i := range parts {
			parts[i] = string(rune('a' + rng.IntN(4)))
		}
		return strings.Join(parts, "/")
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	changes := make([]int, 1+rng.IntN(8))
	for i := range changes {
		changes[i] = rng.IntN(8)
	}
	slices.Sort(changes)
	gone, _ := slices.BinarySearch(changes, 1)
	rng.Shuffle(len(changes)-gone, func(i, j int) { changes[gone+i], changes[gone+j] = changes[gone+j], changes[gone+i] })
	for _, change := range changes {
		h := &tar.Header{Name: name(), Mode: 0o644}
		switch change {
		case 0:
			h.Typeflag = tar.TypeReg
			if rng.IntN(3) == 0 {
				h.Name += "/.wh..wh..opq"
			} else {
				h.Name = path.Dir(h.Name) + "/.wh." + path.Base(h.Name)
			}
		case 1, 2, 3:
			h.Typeflag, h.Size = tar.TypeReg, rng.Int64N(5)
			*files = append(*files, h.Name)
		case 4, 5:
			h.Typeflag, h.Mode = tar.TypeDir, 0o750
		case 6:
			h.Typeflag, h.Linkname = tar.TypeSymlink, strings.Repeat("../", rng.IntN(3))+name()
			if rng.IntN(3) == 0 {
				h.Linkname = "/" + h.Linkname
			}
		case 7:
			if len(*files) == 0 {
				continue
			}
			h.Typeflag, h.Linkname = tar.TypeLink, (*files)[rng.IntN(len(*files))]
		}
		if h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeSymlink {
			*files = slices.DeleteFunc(*files, func(f string) bool { return f == h.Name || strings.HasPrefix(f, h.Name+"/") })
		}
		fmt.Fprintf(log, " %c %s %s", h.Typeflag, h.Name, h.Linkname)
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	log.WriteByte('\n')
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not there", name)
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func describe(mode fs.FileMode, size int64, link string, group []string) string {
	if !mode.IsRegular() {
		size = 0
	}
	if mode&fs.ModeSymlink != 0 {
		mode &^= fs.ModePerm // of a link it is nothing
	}
	slices.Sort(group)
	return fmt.Sprintf("%v %d %s %s", mode, size, link, strings.Join(group, ","))
}

// unpacked describes the files below root.
func unpacked(t *testing.T, root string) map[string]string {
	t.Helper()
	type entry struct {
		info fs.FileInfo
		link string
		ino  uint64
	}
	entries, groups := map[string]entry{}, map[uint64][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		p, _ := filepath.Rel(root, name)
		e := entry{info: info, ino: info.Sys().(*syscall.Stat_t).Ino}
		if info.Mode()&fs.ModeSymlink != 0 {
			e.link, _ = os.Readlink(name)
		}
		if info.Mode().IsRegular() && info.Sys().(*syscall.Stat_t).Nlink > 1 {
			groups[e.ino] = append(groups[e.ino], p)
		}
		entries[p] = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for p, e := range entries {
		out[p] = describe(e.info.Mode(), e.info.Size(), e.link, groups[e.ino])
	}
	return out
}

// viewed describes the merged view.
func viewed(im *analysis.Image) map[string]string {
	groups := map[*analysis.File][]string{}
	for p := range im.Files() {
		if f := im.Regular(p); f != nil {
			groups[f] = append(groups[f], p)
		}
	}
	out := map[string]string{}
	for p, f := range im.Files() {
		mode, size, link := f.Mode, f.Size, f.Link
		var group []string
		if r := im.Regular(p); r != nil {
			mode, size, link = r.Mode, r.Size, ""
			if group = groups[r]; len(group) < 2 {
				group = nil
			}
		}
		out[p] = describe(mode, size, link, slices.Clone(group))
	}
	return out
}
