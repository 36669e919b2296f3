package image_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

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
	for _, name := range []string{"library/debian:bookworm", "library/python:3.11-slim", "app/full:latest", "app/slim:1.0.0", "app/slim:estargz", "distroless/python3:latest"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			run(t, "skopeo", "copy", "-q", "--src-tls-verify=false", "docker://"+registry+"/"+name, "oci:"+dir+"/oci:image")
			run(t, "umoci", "unpack", "--image", dir+"/oci:image", dir+"/bundle")
			src, err := source.Open(context.Background(), "oci:"+dir+"/oci:image", source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			im := image.New(src)
			if err := image.Index(context.Background(), im, src, image.Options{Limits: source.DefaultLimits}); err != nil {
				t.Fatal(err)
			}
			want, got := unpacked(t, dir+"/bundle/rootfs"), viewed(im)
			n := 0
			for p, w := range want {
				if g, ok := got[p]; !ok || g != w {
					if n++; n <= 20 {
						t.Errorf("%s: umoci %q, tare %q", p, w, g)
					}
				}
			}
			for p, g := range got {
				if _, ok := want[p]; !ok {
					if n++; n <= 20 {
						t.Errorf("%s: not in what umoci unpacks, tare %q", p, g)
					}
				}
			}
			t.Logf("%d entries, %d differences", len(want), n)
		})
	}
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
