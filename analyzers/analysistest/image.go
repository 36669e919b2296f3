package analysistest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
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
			case "owner":
				h.Uid = int(n)
			case "needs":
				body, h.Mode = library(strings.Split(val, ",")), 0o755
				h.Size = max(h.Size, int64(len(body)))
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

// library makes a 64-bit ELF file that is linked with the libraries of those names.
func library(needed []string) []byte {
	order := binary.LittleEndian
	names := []byte{0}
	var dynamic []byte
	entry := func(tag elf.DynTag, value int) {
		dynamic = order.AppendUint64(order.AppendUint64(dynamic, uint64(tag)), uint64(value))
	}
	for _, n := range needed {
		entry(elf.DT_NEEDED, len(names))
		names = append(append(names, n...), 0)
	}
	const headers = 64 + 2*56
	entry(elf.DT_STRTAB, headers)
	entry(elf.DT_STRSZ, len(names))
	entry(elf.DT_NULL, 0)
	h := make([]byte, headers)
	copy(h, "\x7fELF")
	h[elf.EI_CLASS], h[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	order.PutUint64(h[32:], 64)
	order.PutUint16(h[54:], 56)
	order.PutUint16(h[56:], 2)
	for i, s := range []struct {
		kind       elf.ProgType
		from, size int
	}{{elf.PT_LOAD, 0, headers + len(names)}, {elf.PT_DYNAMIC, headers + len(names), len(dynamic)}} {
		p := h[64+i*56:]
		order.PutUint32(p, uint32(s.kind))
		order.PutUint64(p[8:], uint64(s.from))
		order.PutUint64(p[16:], uint64(s.from))
		order.PutUint64(p[32:], uint64(s.size))
	}
	return slices.Concat(h, names, dynamic)
}
