package attacks

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A layout writes an OCI image layout, its layers as streams.
type layout struct {
	t       *testing.T
	dir     string
	layers  []map[string]any
	diffIDs []string
}

func newLayout(t *testing.T, dir string) *layout {
	mkdir(t, filepath.Join(dir, "blobs/sha256"))
	return &layout{t: t, dir: dir}
}

type counted struct {
	io.Writer
	hash.Hash
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	c.Hash.Write(p)
	return c.Writer.Write(p)
}

// layer adds a layer of what fill writes.
func (l *layout) layer(fill func(w *tar.Writer)) {
	l.t.Helper()
	f, err := os.CreateTemp(l.dir, "layer")
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	buf := bufio.NewWriterSize(f, 1<<20)
	stored := &counted{buf, sha256.New(), 0}
	z, _ := gzip.NewWriterLevel(stored, gzip.BestSpeed)
	plain := &counted{z, sha256.New(), 0}
	w := tar.NewWriter(plain)
	fill(w)
	for _, c := range []io.Closer{w, z} {
		if err := c.Close(); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := buf.Flush(); err != nil {
		l.t.Fatal(err)
	}
	digest := fmt.Sprintf("%x", stored.Sum(nil))
	if err := os.Rename(f.Name(), filepath.Join(l.dir, "blobs/sha256", digest)); err != nil {
		l.t.Fatal(err)
	}
	l.layers = append(l.layers, map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + digest, "size": stored.n})
	l.diffIDs = append(l.diffIDs, fmt.Sprintf("sha256:%x", plain.Sum(nil)))
}

func (l *layout) blob(v any) map[string]any {
	l.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		l.t.Fatal(err)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(text))
	write(l.t, filepath.Join(l.dir, "blobs/sha256", digest), string(text))
	return map[string]any{"digest": "sha256:" + digest, "size": len(text)}
}

// close writes the configuration, the manifest and the index.
func (l *layout) close(config map[string]any) {
	l.t.Helper()
	c := map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": l.diffIDs}}
	for k, v := range config {
		c[k] = v
	}
	d := l.blob(c)
	d["mediaType"] = "application/vnd.oci.image.config.v1+json"
	m := l.blob(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": d, "layers": l.layers})
	m["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
	text, _ := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{m}})
	write(l.t, filepath.Join(l.dir, "index.json"), string(text))
	write(l.t, filepath.Join(l.dir, "oci-layout"), `{"imageLayoutVersion": "1.0.0"}`)
}

// put adds a file to a layer.
func put(w *tar.Writer, name string, size int64, content io.Reader) {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Typeflag: tar.TypeReg}); err != nil {
		panic(err)
	}
	if _, err := io.Copy(w, content); err != nil {
		panic(err)
	}
}

func directory(w *tar.Writer, name string) {
	if err := w.WriteHeader(&tar.Header{Name: name + "/", Mode: 0o755, Typeflag: tar.TypeDir}); err != nil {
		panic(err)
	}
}

// image makes a layout called "image" of layers, and returns args.
func image(config map[string]any, layers []func(w *tar.Writer), args ...string) func(*testing.T, string) []string {
	return func(t *testing.T, dir string) []string {
		l := newLayout(t, filepath.Join(dir, "image"))
		for _, fill := range layers {
			l.layer(fill)
		}
		l.close(config)
		return args
	}
}

func one(fill func(w *tar.Writer)) []func(*tar.Writer) { return []func(*tar.Writer){fill} }

var letters = rand.New(rand.NewPCG(1, 2))

// random is a name that does not compress.
func random(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + letters.IntN(26))
	}
	return string(b)
}

// deep are as many directories as an image may have, each below the other as far
// as a path goes.
func deep(w *tar.Writer) {
	for i := range 490_000 / 1000 {
		at := fmt.Sprintf("d%d", i)
		for range 1000 {
			directory(w, at)
			at += "/d"
		}
	}
}

func paths(w *tar.Writer) { randomPaths(w, 200_000) }

func randomPaths(w *tar.Writer, n int) {
	for range n {
		put(w, random(200)+"/"+random(200), 0, strings.NewReader(""))
	}
}

func distributions(n, lines int) func(w *tar.Writer) {
	return func(w *tar.Writer) {
		for i := range n {
			at := fmt.Sprintf("usr/lib/python3/site-packages/p%d-1.dist-info/", i)
			meta := fmt.Sprintf("Name: p%d\nVersion: 1\n", i)
			put(w, at+"METADATA", int64(len(meta)), strings.NewReader(meta))
			var record strings.Builder
			for j := range lines {
				fmt.Fprintf(&record, "p%d/x%d.py,,\n", i, j)
			}
			put(w, at+"RECORD", int64(record.Len()), strings.NewReader(record.String()))
		}
	}
}

func lists(w *tar.Writer) {
	var status strings.Builder
	for i := range 14 {
		fmt.Fprintf(&status, "Package: p%d\nStatus: install ok installed\nVersion: 1\n\n", i)
		text := strings.Repeat(fmt.Sprintf("/usr/share/p%d/x\n", i), 600_000)[:8<<20-100]
		put(w, fmt.Sprintf("var/lib/dpkg/info/p%d.list", i), int64(len(text)), strings.NewReader(text))
	}
	put(w, "var/lib/dpkg/status", int64(status.Len()), strings.NewReader(status.String()))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestImages: what an image may make the program hold and do, cold and from a
// warm cache.
func TestImages(t *testing.T) {
	check := every("oci:image")
	for name, a := range map[string]attack{
		"deep directories": {make: image(nil, one(deep), check...), status: []int{0, 1, 3}},
		"random paths":     {make: image(nil, one(paths), check...), status: []int{0, 1, 3}},
		"14 RECORDs":       {make: image(nil, one(distributions(14, 440_000)), check...), status: []int{0, 1, 3}, want: []string{"not decided"}},
		"500 RECORDs":      {make: image(nil, one(distributions(500, 8_000)), check...), status: []int{0, 1, 3}, want: []string{"1000000 files"}},
		"14 lists":         {make: image(nil, one(lists), check...), status: []int{0, 1, 3}},
		"many empty files": {make: image(nil, one(func(w *tar.Writer) {
			for i := range 490_000 {
				put(w, fmt.Sprintf("f/%d", i), 0, strings.NewReader(""))
			}
		}), check...), status: []int{0, 1, 3}},
		"the same by layers": {make: image(nil, slicesOf(20, func(w *tar.Writer) {
			for i := range 12_000 {
				put(w, fmt.Sprintf("f/%s/%d", random(8), i), 3, strings.NewReader("abc"))
			}
		}), check...), status: []int{0, 1, 3}},
		"METADATA over its want": {make: image(nil, one(func(w *tar.Writer) {
			text := "Name: torch\nVersion: 1\n" + strings.Repeat("A: b\n", 400_000)
			put(w, "usr/lib/python3/site-packages/torch-1.dist-info/METADATA", int64(len(text)), strings.NewReader(text))
			put(w, "usr/lib/python3/site-packages/torch/big", 50<<20, io.LimitReader(zeros{}, 50<<20))
		}), append(check, "--config", "c.yaml")...), status: []int{0, 1, 3}, want: []string{"METADATA\\\" is too large to be read"}},
		"compilers": {make: image(nil, one(func(w *tar.Writer) {
			for i := range 20_000 {
				put(w, fmt.Sprintf("opt/%d/bin/gcc", i), 8, strings.NewReader("\x7fELF0123"))
				put(w, fmt.Sprintf("opt/%d/bin/rustc", i), 8, strings.NewReader("\x7fELF0123"))
			}
		}), check...), status: []int{0}, want: []string{"toolchain-shipped"}}, // a note: it is less than 1 MB
		"duplicates": {make: image(nil, slicesOf(4, func(w *tar.Writer) {
			for i := range 100_000 {
				put(w, fmt.Sprintf("app/%d", i), 5000, strings.NewReader(strings.Repeat("x", 5000)))
			}
		}), check...), status: []int{0, 1, 3}},
		"terminal and runner": {make: image(map[string]any{"history": []any{map[string]any{"created_by": "RUN |1 T=" + canary + " /bin/sh -c ##[add-path]/x \x1b]0;x\a"}}, "config": map[string]any{"Cmd": []string{"/bin/sh", "-c", "##[x] \x1b[2J"}}}, one(func(w *tar.Writer) {
			put(w, "usr/bin/##[add-path]\x1b[2J/gcc", 8, strings.NewReader("\x7fELF0123"))
			put(w, "usr/bin/gcc", 8, strings.NewReader("\x7fELF0123"))
		}), check...), status: []int{0, 1, 3}, not: []string{"##[", "\x1b"}},
	} {
		old := a.make
		a.make = func(t *testing.T, dir string) []string {
			write(t, filepath.Join(dir, "c.yaml"), "sizebudget: {package: {torch: 1 MB}}\n")
			return old(t, dir)
		}
		try(t, map[string]attack{name: a})
		if testing.Short() {
			continue
		}
		a.warm = true
		try(t, map[string]attack{name + ", warm": a})
	}
}

func slicesOf(n int, fill func(*tar.Writer)) (list []func(*tar.Writer)) {
	for range n {
		list = append(list, fill)
	}
	return list
}

// TestWarm: what an index in the cache was made of is refused by a run whose
// limits refuse the layer.
func TestWarm(t *testing.T) {
	bomb := one(func(w *tar.Writer) { put(w, "zeros", 3<<30, io.LimitReader(zeros{}, 3<<30)) })
	try(t, map[string]attack{
		"ratio": {make: image(nil, bomb, every("oci:image")...), first: []string{"check", "--max-ratio", "100000", "oci:image"}, status: []int{3}, want: []string{"--max-ratio"}},
		"bytes": {make: image(nil, bomb, every("oci:image", "--max-layer-bytes", "1000000000", "--max-ratio", "100000")...), first: []string{"check", "--max-ratio", "100000", "oci:image"}, status: []int{3}, want: []string{"--max-layer-bytes"}},
		"many":  {make: image(nil, one(deep), every("oci:image", "--max-entries", "1000")...), first: []string{"check", "oci:image"}, status: []int{3}, want: []string{"--max-entries"}},
		"paths": {make: image(nil, one(paths), every("oci:image", "--max-path", "300")...), first: []string{"check", "oci:image"}, status: []int{3}, want: []string{"--max-path"}},
		"keep":  {make: image(nil, one(paths), every("oci:image", "--max-keep", "1000")...), first: []string{"check", "oci:image"}, status: []int{3}, want: []string{"--max-keep"}},
	})
}

// TestImagesTogether: an image is let go when it is reported.
func TestImagesTogether(t *testing.T) {
	try(t, map[string]attack{"four": {status: []int{0, 1, 3}, make: func(t *testing.T, dir string) []string {
		args := []string{"check"}
		for i := range 4 {
			l := newLayout(t, filepath.Join(dir, fmt.Sprint(i)))
			l.layer(func(w *tar.Writer) { randomPaths(w, 120_000) }) // two of them would be over the limit
			l.close(nil)
			args = append(args, fmt.Sprintf("oci:%d", i))
		}
		return args
	}}})
}
