package source_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tareweight/tare/internal/source"
)

// TestLinkedLayers: equal layers of an archive are one file and links to it: hard
// ones as GNU tar writes them, whose target counts from the archive's root, and
// symbolic ones as docker save does, whose target counts from the link.
func TestLinkedLayers(t *testing.T) {
	layer := []byte("a layer")
	diffID := fmt.Sprintf("sha256:%x", sha256.Sum256(layer))
	config := []byte(fmt.Sprintf(`{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [%q, %q, %q]}}`, diffID, diffID, diffID))
	manifest := []byte(`[{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["a/layer.tar", "b/layer.tar", "d/layer.tar"]}]`)
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range []struct {
		h    tar.Header
		data []byte
	}{
		{tar.Header{Name: "./a/layer.tar", Typeflag: tar.TypeReg}, layer},
		{tar.Header{Name: "./b/layer.tar", Typeflag: tar.TypeLink, Linkname: "./a/layer.tar"}, nil},
		{tar.Header{Name: "d/layer.tar", Typeflag: tar.TypeSymlink, Linkname: "../a/layer.tar"}, nil},
		{tar.Header{Name: "c.json", Typeflag: tar.TypeReg}, config},
		{tar.Header{Name: "manifest.json", Typeflag: tar.TypeReg}, manifest},
	} {
		f.h.Size, f.h.Mode = int64(len(f.data)), 0o644
		if err := w.WriteHeader(&f.h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(file, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := source.Open(context.Background(), "docker-archive:"+file, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	for i, l := range im.Layers {
		rc, err := l.Open(context.Background())
		if err != nil {
			t.Fatalf("layer %d: %v", i, err)
		}
		if got, err := io.ReadAll(rc); err != nil || !bytes.Equal(got, layer) {
			t.Errorf("layer %d: %q, %v", i, got, err)
		}
	}
}
