package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/cespare/xxhash/v2"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/tools/txtar"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
)

// bomb is a gzip stream of a file of size zero bytes, made of one member that
// is repeated.
func bomb(t *testing.T, name string, size int64) []byte {
	t.Helper()
	var head bytes.Buffer
	z := gzip.NewWriter(&head)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	const piece = 64 << 20
	member := gzipped(t, make([]byte, piece))
	return append(head.Bytes(), bytes.Repeat(member, int(size/piece))...)
}

// sparse is a tar of one file of size bytes, none of which it holds (GNU tar's
// header of type S: its map is empty).
func sparse(t *testing.T, size int64) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := tar.NewWriter(&buf).WriteHeader(&tar.Header{Name: "sparse", Typeflag: tar.TypeReg, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	h := buf.Bytes()
	h[156] = tar.TypeGNUSparse
	h[483] = 0x80 // the size in base 256
	binary.BigEndian.PutUint64(h[487:], uint64(size))
	copy(h[148:156], "        ")
	sum := 0
	for _, b := range h[:512] {
		sum += int(b)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return append(h, make([]byte, 1024)...)
}

// TestSparse: a sparse file is as long as a container sees it, all zeros.
func TestSparse(t *testing.T) {
	plain := sparse(t, 100_000)
	src := one(plain, plain)
	im, err := index(src, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := im.Regular("sparse")
	if f == nil || f.Size != 100_000 || f.Hash != xxhash.Sum64(make([]byte, 100_000)) || im.Size().Unpacked != 100_000 {
		t.Fatalf("%+v, %+v", f, im.Size())
	}
}

// TestHostile: each image is a named error, or read as a container sees it,
// within a bound of memory.
func TestHostile(t *testing.T) {
	var many bytes.Buffer
	z, _ := gzip.NewWriterLevel(&many, gzip.BestSpeed)
	w := tar.NewWriter(z)
	for i := range 600_000 {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("d/%07d", i), Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	var long bytes.Buffer
	w = tar.NewWriter(&long)
	if err := w.WriteHeader(&tar.Header{Name: strings.Repeat("d/", 32<<10) + "f", Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	// Links that lead through links: each doubles what is followed.
	var nested bytes.Buffer
	w = tar.NewWriter(&nested)
	deep := strings.Repeat("d/", 1900)
	for i := range 30 {
		if err := errors.Join(
			w.WriteHeader(&tar.Header{Name: fmt.Sprintf("l%d", i+1), Linkname: fmt.Sprintf("l%d/%s", i, deep), Typeflag: tar.TypeSymlink}),
			w.WriteHeader(&tar.Header{Name: fmt.Sprintf("l%d/f", i+1), Typeflag: tar.TypeReg})); err != nil {
			t.Fatal(err)
		}
	}
	// Directories that no entry names, by way of one link each.
	var implied, below, names bytes.Buffer
	w = tar.NewWriter(&implied)
	for i := range 300 {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d/%s", i, deep) + "f", Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
	}
	// Paths that a link makes long, and paths that are.
	w = tar.NewWriter(&below)
	err := w.WriteHeader(&tar.Header{Name: "l", Linkname: strings.Repeat("d", 4000), Typeflag: tar.TypeSymlink})
	for i := range 40_000 {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("l/%d", i), Typeflag: tar.TypeReg}))
	}
	z, _ = gzip.NewWriterLevel(&names, gzip.BestSpeed)
	w = tar.NewWriter(z)
	for i := range 40_000 {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: strings.Repeat("d", 4000) + strconv.Itoa(i), Typeflag: tar.TypeReg}))
	}
	if err = errors.Join(err, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	// Extended headers one behind the other, of which no entry comes.
	var flood, extended bytes.Buffer
	if err := tar.NewWriter(&extended).WriteHeader(&tar.Header{Name: "f", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"comment": strings.Repeat("c", 900<<10)}}); err != nil {
		t.Fatal(err)
	}
	z, _ = gzip.NewWriterLevel(&flood, gzip.BestSpeed)
	for range 300 {
		if _, err := z.Write(extended.Bytes()[:extended.Len()-512]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	repeated := func(stored []byte, n int) *source.Image {
		plain := stored
		if z, err := gzip.NewReader(bytes.NewReader(stored)); err == nil {
			if plain, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		im := one(stored, plain)
		im.Layers = slices.Repeat(im.Layers, n)
		return im
	}
	layers := &source.Image{Name: "x", Config: &v1.ConfigFile{}, Layers: make([]source.Blob, 10_000)}
	for name, test := range map[string]struct {
		src  *source.Image
		want string
	}{
		"a bomb of 10 GB":     {one(bomb(t, "big", 10<<30), nil), "compression ratio"},
		"METADATA of 2 GB":    {one(bomb(t, "a.dist-info/METADATA", 2<<30), nil), "compression ratio"},
		"entries without end": {one(many.Bytes(), nil), "entries of the image: more than the limit of 500000 (--max-entries)"},
		"a path of 64 KB":     {one(long.Bytes(), long.Bytes()), "a path of 65537 bytes: more than the limit of 4096 (--max-path)"},
		"a sparse file":       {one(sparse(t, 200<<30), nil), "uncompressed bytes of a layer: more than the limit of 107374182400 (--max-layer-bytes)"},
		"a sparse overflow":   {one(sparse(t, 1<<63-1), nil), "uncompressed bytes of a layer: more than the limit"},
		"sparse of 90 GB":     {one(sparse(t, 90<<30), nil), "compression ratio"},
		"sparse, many layers": {repeated(sparse(t, 900<<20), 100), "compression ratio"},
		"bombs, many layers":  {repeated(bomb(t, "big", 128<<20), 30), "compression ratio"},
		"a flood of headers":  {one(flood.Bytes(), nil), "bytes of an entry's headers: more than the limit of 134217728 (--max-keep)"},
		"implied directories": {one(implied.Bytes(), implied.Bytes()), "entries of the image and directories above them: more than the limit of 500000 (--max-entries)"},
		"paths below a link":  {one(below.Bytes(), below.Bytes()), "after links among their directories are followed: more than the limit of 134217728 (--max-keep)"},
		"long paths":          {one(names.Bytes(), nil), "bytes of paths, databases and metadata: more than the limit of 134217728 (--max-keep)"},
		"nested links":        {one(nested.Bytes(), nested.Bytes()), ""},
		"ten thousand layers": {layers, "10000 layers: more than the limit of 1000 (--max-layers)"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := index(test.src, image.Options{Wants: []analysis.Want{{Glob: "**/*.dist-info/METADATA", Max: 1 << 20}}})
			runtime.ReadMemStats(&after)
			var le *source.LimitError
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
			} else if !errors.As(err, &le) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if used := int64(after.HeapSys) - int64(before.HeapSys); used > 250<<20 {
				t.Errorf("%d MB of heap more", used>>20)
			}
		})
	}
}

// TestOddEntries: device nodes, loops, paths that lead out, names that are no
// text: indexed as they are, below the root.
func TestOddEntries(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range []*tar.Header{
		{Name: "dev/null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, {Name: "fifo", Typeflag: tar.TypeFifo},
		{Name: "/abs", Typeflag: tar.TypeReg}, {Name: "../../up", Typeflag: tar.TypeReg}, {Name: "a/../../b", Typeflag: tar.TypeReg},
		{Name: "l1", Typeflag: tar.TypeSymlink, Linkname: "l2"}, {Name: "l2", Typeflag: tar.TypeSymlink, Linkname: "l1"}, {Name: "l1/x", Typeflag: tar.TypeReg},
		{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "../../../etc"}, {Name: "out/passwd", Typeflag: tar.TypeReg},
		{Name: "hard", Typeflag: tar.TypeLink, Linkname: "../../../etc/shadow"},
		{Name: "esc\x1b[2J", Typeflag: tar.TypeReg, Format: tar.FormatGNU}, {Name: "bad\xff", Typeflag: tar.TypeReg, Format: tar.FormatGNU},
		{Name: "./", Typeflag: tar.TypeDir}, {Name: "", Typeflag: tar.TypeDir},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatalf("%q: %v", h.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	im, err := index(one(buf.Bytes(), buf.Bytes()), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for p := range im.Files() {
		got = append(got, fmt.Sprintf("%q", p))
	}
	want := `"abs" "b" "bad\xff" "dev/null" "esc\x1b[2J" "etc/passwd" "fifo" "hard" "l1" "l2" "out" "up"`
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	if im.Inode("hard") == nil || im.Regular("hard") != nil {
		t.Error("a hard link to what is not there has no bytes")
	}
}

// TestCache: a layer is read once; what is damaged is read again; an index
// made for fewer wants does not serve more; a claim is not believed.
func TestCache(t *testing.T) {
	dir := t.TempDir()
	open := func() *cache.Cache {
		c, err := cache.Open(dir, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	plain := layer(t, files)
	stored := gzipped(t, plain)
	reads := 0
	src := one(stored, plain)
	src.Layers[0].Open = func(context.Context) (io.ReadCloser, error) {
		reads++
		return io.NopCloser(bytes.NewReader(stored)), nil
	}
	run := func(wants ...analysis.Want) *analysis.Image {
		t.Helper()
		im, err := index(src, image.Options{Cache: open(), Wants: wants})
		if err != nil {
			t.Fatal(err)
		}
		return im
	}
	describe := func(im *analysis.Image) string {
		var b strings.Builder
		for p, f := range im.Files() {
			fmt.Fprintf(&b, "%s %v %d %q %v %v %d %x %q\n", p, f.Mode, f.Size, f.Link, f.Hard, f.Deleted, f.Kind, f.Hash, f.Contents)
		}
		return b.String() + fmt.Sprint(im.Size())
	}
	etc, all := analysis.Want{Glob: "etc/*", Max: 9}, analysis.Want{Glob: "etc/*", Max: 100}
	first := describe(run(etc))
	if second := describe(run(etc)); reads != 1 || second != first {
		t.Errorf("%d reads; got\n%s\nwant\n%s", reads, second, first)
	}
	if run(); reads != 1 {
		t.Error("an index with more wants serves fewer")
	}
	if run(all); reads != 2 {
		t.Error("an index with fewer wants does not serve more")
	}
	kept, err := filepath.Glob(filepath.Join(dir, "v2", "index", "*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v, %v", kept, err)
	}
	data, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 0x20
		if err := os.WriteFile(kept[0], damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := describe(run(all)); !strings.Contains(got, "etc/passwd") {
			t.Fatalf("byte %d damaged: %s", i, got)
		}
	}
	lie := one(stored, []byte("another image's layer"))
	if _, err := index(lie, image.Options{Cache: open(), Wants: []analysis.Want{all}}); err == nil || !strings.Contains(err.Error(), "wrong diffID") {
		t.Errorf("a diffID that is claimed: %v", err)
	}
	// a local layer is hashed each time: a changed file is not taken for what it was
	local := one(stored, plain)
	local.Layers[0].Local = true
	if _, err := index(local, image.Options{Cache: open(), Wants: []analysis.Want{all}}); err != nil {
		t.Error(err)
	}
	changed := bytes.Clone(stored)
	changed[len(changed)/2] ^= 1
	local.Layers[0].Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(changed)), nil }
	if _, err := index(local, image.Options{Cache: open(), Wants: []analysis.Want{all}}); err == nil || !strings.Contains(err.Error(), "wrong digest") {
		t.Errorf("a changed file: %v", err)
	}
}

// TestCacheShared: many at once on one empty cache.
func TestCacheShared(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		plain := layer(t, files)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				c, err := cache.Open(dir, 1<<20)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := index(one(gzipped(t, plain), plain), image.Options{Cache: c}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		c, _ := cache.Open(dir, 1<<20)
		if x, err := c.Get(digest(gzipped(t, plain)), nil, nil); x == nil {
			t.Errorf("nothing is kept: %v", err)
		}
	}
}

// TestCacheLimit: the least recently used goes first.
func TestCacheLimit(t *testing.T) {
	dir := t.TempDir()
	c, err := cache.Open(dir, 1500)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		plain := analysistest.Layer(t, txtar.Parse([]byte(fmt.Sprintf("-- file%d --\nx\n", i))).Files)
		if _, err := index(one(plain, plain), image.Options{Cache: c}); err != nil {
			t.Fatal(err)
		}
	}
	c.Trim()
	if _, layers, total := c.Size(); total > 1500 || layers == 0 {
		t.Errorf("%d layers, %d bytes", layers, total)
	}
	if err := c.Clean(); err != nil {
		t.Fatal(err)
	}
	if _, layers, total := c.Size(); layers != 0 || total != 0 {
		t.Errorf("after clean: %d layers, %d bytes", layers, total)
	}
}

// TestCacheAndLimits: a layer that was read under larger limits is over smaller
// ones all the same.
func TestCacheAndLimits(t *testing.T) {
	c, err := cache.Open(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	plain := layer(t, files)
	src := one(plain, plain)
	if _, err := index(src, image.Options{Cache: c}); err != nil {
		t.Fatal(err)
	}
	for flag, change := range map[string]func(*source.Limits){
		"--max-entries":     func(l *source.Limits) { l.Entries = 3 },
		"--max-path":        func(l *source.Limits) { l.Path = 5 },
		"--max-layer-bytes": func(l *source.Limits) { l.Inflate = 1000 },
		"--max-keep":        func(l *source.Limits) { l.Keep = 50 },
	} {
		limits := source.DefaultLimits
		change(&limits)
		if _, err := index(src, image.Options{Cache: c, Limits: limits}); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
	// what layers hold and what merging makes of it are one sum: the paths "l", "d" and "l/file", then "d" that is followed,
	// "d" and "d/file" that no entry has
	linked := layer(t, "-- l link=d --\n-- l/file --\nx\n")
	for keep, refused := range map[int64]bool{15: true, 16: false} {
		limits := source.DefaultLimits
		limits.Keep = keep
		if _, err := index(one(linked, linked), image.Options{Limits: limits}); (err != nil) != refused || refused && !strings.Contains(err.Error(), "--max-keep") {
			t.Errorf("--max-keep %d: %v", keep, err)
		}
	}
	// as one of more than a gigabyte, of which a byte became 150
	x, err := c.Get(digest(plain), nil, func(*cache.Index) error { return nil })
	if err != nil || x == nil {
		t.Fatalf("%+v, %v", x, err)
	}
	x.Cost.Ratio = 150
	if err := c.Clean(); err != nil {
		t.Fatal(err)
	}
	c.Put(digest(plain), x)
	for most, refused := range map[int64]bool{149: true, 150: false} {
		limits := source.DefaultLimits
		limits.Ratio = most
		if _, err := index(src, image.Options{Cache: c, Limits: limits}); (err != nil) != refused || refused && !strings.Contains(err.Error(), "--max-ratio") {
			t.Errorf("--max-ratio %d: %v", most, err)
		}
	}
}
