package analysistest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/tools/txtar"

	"github.com/tareweight/tare/internal/source"
)

// Image makes an image of the files image/N/PATH and image/config.json: see
// Run. Layers are plain; their compressed size is taken to be a third.
func Image(t testing.TB, files []txtar.File) *source.Image {
	t.Helper()
	im := &source.Image{Name: "image", Kind: "registry", Platform: "linux/amd64"}
	var layers [][]byte
	im.Config, layers = Parts(t, files)
	for _, data := range layers {
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
		im.Layers = append(im.Layers, source.Blob{
			Digest: digest, DiffID: digest, Size: int64(len(data)),
			Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		})
	}
	return im
}

// Parts makes the configuration and the layers, as tar archives, of the image of such files.
func Parts(t testing.TB, files []txtar.File) (config *v1.ConfigFile, out [][]byte) {
	t.Helper()
	config = &v1.ConfigFile{OS: "linux", Architecture: "amd64"}
	layers := map[int][]txtar.File{}
	for _, f := range files {
		name := strings.TrimPrefix(f.Name, "image/")
		if name == "config.json" {
			if err := json.Unmarshal(f.Data, config); err != nil {
				t.Fatal(err)
			}
			continue
		}
		n, rest, _ := strings.Cut(name, "/")
		i, err := strconv.Atoi(n)
		if err != nil {
			t.Fatalf("%s: want image/LAYER/PATH", f.Name)
		}
		layers[i] = append(layers[i], txtar.File{Name: rest, Data: f.Data})
	}
	for i := range len(layers) {
		if layers[i] == nil {
			t.Fatalf("layer %d has no file", i)
		}
		out = append(out, Layer(t, layers[i]))
	}
	return config, out
}

// Layer makes a tar of files, whose names carry attributes.
func Layer(t testing.TB, files []txtar.File) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		fields := strings.Fields(f.Name)
		h := &tar.Header{Name: path.Clean(fields[0]), Mode: 0o644, Size: int64(len(f.Data)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(fields[0], "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		body := slices.Clone(f.Data)
		for _, attr := range fields[1:] {
			key, val, _ := strings.Cut(attr, "=")
			n, _ := strconv.ParseInt(val, 0, 64)
			switch key {
			case "mode":
				h.Mode = n
			case "size":
				h.Size = n
			case "elf":
				body, h.Mode = append([]byte("\x7fELF"), body...), 0o755
				h.Size = max(h.Size, int64(len(body)))
			case "link":
				h.Typeflag, h.Linkname = tar.TypeSymlink, val
			case "hard":
				h.Typeflag, h.Linkname = tar.TypeLink, val
			default:
				t.Fatalf("%s: unknown attribute %q", f.Name, key)
			}
		}
		if h.Typeflag != tar.TypeReg {
			h.Size = 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		body = append(body, make([]byte, max(0, h.Size-int64(len(body))))...)
		if _, err := w.Write(body[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
