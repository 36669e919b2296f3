package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
	"github.com/tareweight/tare/internal/toc"
)

// wanted are some files of an image that is read by its tables of contents.
var wanted = []analysis.Want{{Glob: "etc/*", Max: 100}, {Glob: "**/run", Max: 100}, {Glob: "opt/large", Max: 1 << 20}, {Glob: "opt/much", Max: 10}}

// manyFiles has a file that cannot be compressed between two that are wanted.
var manyFiles = files + `
-- opt/large size=200000 --
large
-- opt/much size=300000 owner=1000 --
-- opt/between size=` + strconv.Itoa(betweenSize) + " --\n" + noise(betweenSize) + `
-- etc/last --
last
`

const betweenSize = 200_000

// noise is text of so many bytes that compresses badly.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/"[r.IntN(64)]
	}
	return string(b)
}

// chunked makes a zstd:chunked layer: each file is a frame, or, where it is long, several, and the table is in a frame that
// decoders skip (github.com/containers/storage, pkg/chunked).
func chunked(t *testing.T, archive []byte, change func([]analysistest.Entry) []analysistest.Entry) (stored, diff []byte, table *toc.Table) {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out, plain bytes.Buffer
	frame := func(data []byte) {
		out.Write(z.EncodeAll(data, nil))
		plain.Write(data)
	}
	var entries []analysistest.Entry
	analysistest.Entries(t, archive, func(h *tar.Header, e analysistest.Entry, body []byte) {
		var head bytes.Buffer
		if err := tar.NewWriter(&head).WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		frame(head.Bytes())
		var chunks []analysistest.Entry
		for rest := body; len(rest) > 0; {
			n := min(len(rest), 64<<10)
			c := analysistest.Entry{Name: h.Name, Type: "chunk", Offset: int64(out.Len())}
			frame(rest[:n])
			c.EndOffset = int64(out.Len())
			chunks, rest = append(chunks, c), rest[n:]
		}
		if len(chunks) > 0 {
			e.Offset, e.EndOffset = chunks[0].Offset, chunks[0].EndOffset
			chunks = chunks[1:]
		}
		entries = append(append(entries, e), chunks...)
		frame(make([]byte, (512-len(body)%512)%512))
	})
	frame(make([]byte, 1024))
	skipped := func(data []byte) {
		out.WriteString("\x50\x2a\x4d\x18")
		out.Write([]byte{byte(len(data)), byte(len(data) >> 8), byte(len(data) >> 16), 0})
		out.Write(data)
	}
	skipped(make([]byte, 70_000))
	if change != nil {
		entries = change(entries)
	}
	text, err := json.Marshal(map[string]any{"version": 1, "entries": entries})
	if err != nil {
		t.Fatal(err)
	}
	packed := z.EncodeAll(text, nil)
	at := out.Len() + 8
	skipped(packed)
	return out.Bytes(), plain.Bytes(), &toc.Table{
		Chunked: true, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(packed)), Offset: int64(at), Size: int64(len(packed)),
	}
}

// counted counts the bytes of a layer that are read of it.
func counted(b source.Blob) (source.Blob, *int) {
	n := new(int)
	part, open := b.Part, b.Open
	b.Part = func(ctx context.Context, from, to int64) (io.ReadCloser, error) {
		*n += int(to - from)
		return part(ctx, from, to)
	}
	b.Open = func(ctx context.Context) (io.ReadCloser, error) {
		*n += int(b.Size)
		return open(ctx)
	}
	return b, n
}

func lines(im *analysis.Image) (out []string) {
	for _, f := range im.Layers[0].Files {
		s := fmt.Sprintf("%s %v %d %d %s %v%v", f.Path, f.Mode, f.Owner, f.Size, f.Link, f.Deleted, f.Opaque)
		if f.Contents != nil {
			s += fmt.Sprintf(" k%d %x", f.Kind, sha256.Sum256(f.Contents))
		}
		out = append(out, s)
	}
	return out
}

type makeLayer func(*testing.T, []byte, func([]analysistest.Entry) []analysistest.Entry) ([]byte, []byte, *toc.Table)

var kinds = map[string]makeLayer{
	"zstd:chunked": chunked,
	"estargz": func(t *testing.T, archive []byte, change func([]analysistest.Entry) []analysistest.Entry) ([]byte, []byte, *toc.Table) {
		return analysistest.Estargz(t, archive, change)
	},
}

// TestListed: a layer that carries a table of contents is known by it: its files, their sizes and what is wanted of
// them, as if it were read, and a small part of it is. It is kept so.
func TestListed(t *testing.T) {
	for name, layerOf := range kinds {
		t.Run(name, func(t *testing.T) {
			blob, read := counted(analysistest.Blob(layerOf(t, layer(t, manyFiles), nil)))
			src := &source.Image{Name: "x", Config: &v1.ConfigFile{}, Layers: []source.Blob{blob}}
			c, err := cache.Open(t.TempDir(), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			var notes []string
			opt := image.Options{Wants: wanted, Cache: c, Note: func(s string) { notes = append(notes, s) }}
			im, err := index(src, opt)
			if err != nil {
				t.Fatal(err)
			}
			if !im.Layers[0].Listed || len(notes) > 0 || *read == 0 || int64(*read) > blob.Size-2*betweenSize/3 {
				t.Errorf("listed %v, %d of %d bytes read, notes %q", im.Layers[0].Listed, *read, blob.Size, notes)
			}
			first := *read
			again, err := index(src, opt)
			if err != nil || !again.Layers[0].Listed || *read != first {
				t.Errorf("again: %v, listed %v, %d bytes more", err, again.Layers[0].Listed, *read-first)
			}
			opt.Whole = true
			whole, err := index(src, opt)
			if err != nil || whole.Layers[0].Listed || *read != first+int(blob.Size) {
				t.Fatalf("whole: %v, %d bytes more", err, *read-first)
			}
			want := strings.Join(lines(whole), "\n")
			for how, im := range map[string]*analysis.Image{"listed": im, "kept": again} {
				if got := strings.Join(lines(im), "\n"); got != want || !strings.Contains(got, "opt/large -rw-r--r-- 0 200000  falsefalse k0 ") || !strings.Contains(got, "opt/much -rw-r--r-- 1000 300000 ") {
					t.Errorf("%s: got\n%s\nwant\n%s", how, got, want)
				}
				if im.Size() != whole.Size() {
					t.Errorf("%s: %+v, whole %+v", how, im.Size(), whole.Size())
				}
				if gcc := im.Regular("usr/bin/gcc"); gcc.Kind != analysis.KindUnknown || gcc.Packed <= 0 || gcc.Hash == 0 || im.Regular("usr/bin/run").Kind != analysis.KindScript {
					t.Errorf("%s: gcc %+v", how, gcc)
				}
			}
			opt.Whole = false // it was read meanwhile
			if im, err = index(src, opt); err != nil || im.Layers[0].Listed {
				t.Errorf("after it was read: %v, listed %v", err, im.Layers[0].Listed)
			}
		})
	}
}

// TestLies: what a table says is checked wherever it is used; a layer whose table is not what it should be is read, and
// that is said with the reason. Of a registry that sends no parts nothing is said.
func TestLies(t *testing.T) {
	edit := func(name string, change func(*analysistest.Entry)) func([]analysistest.Entry) []analysistest.Entry {
		return func(list []analysistest.Entry) []analysistest.Entry {
			for i := range list {
				if list[i].Name == name && list[i].Type == "reg" {
					change(&list[i])
				}
			}
			return list
		}
	}
	other := "sha256:" + strings.Repeat("0", 64)
	archive := layer(t, manyFiles)
	passes := func(entries int, keep int64) bool {
		limits := source.DefaultLimits
		limits.Entries, limits.Keep = entries, keep
		_, err := index(one(archive, archive), image.Options{Wants: wanted, Limits: limits})
		return err == nil
	}
	// no more than the layer itself takes
	entries := sort.Search(100, func(n int) bool { return passes(n, 1<<30) })
	keep := int64(sort.Search(1<<20, func(n int) bool { return passes(100, int64(n)) }))
	for name, layerOf := range kinds {
		for what, test := range map[string]struct {
			entries func([]analysistest.Entry) []analysistest.Entry
			blob    func(*source.Blob)
			note    string
		}{
			"another digest of a file": {edit("etc/last", func(e *analysistest.Entry) { e.Digest = other }), nil, `lies about "etc/last": it says ` + other},
			"a longer file":            {edit("etc/last", func(e *analysistest.Entry) { e.Size = 90 }), nil, `"etc/last"`},
			"a shorter file":           {edit("etc/last", func(e *analysistest.Entry) { e.Size = 2 }), nil, `lies about "etc/last"`},
			"another place":            {edit("etc/last", func(e *analysistest.Entry) { e.Offset -= 3 }), nil, `"etc/last" where its table of contents says that it is`},
			"outside":                  {edit("etc/last", func(e *analysistest.Entry) { e.Offset = 1 << 40 }), nil, `"etc/last" is outside of it`},
			"nowhere":                  {edit("etc/last", func(e *analysistest.Entry) { e.Offset = 0 }), nil, `"etc/last" is outside of it`},
			"far in":                   {edit("etc/last", func(e *analysistest.Entry) { e.InnerOffset = 1 << 40 }), nil, "where it cannot be"},
			"no digest":                {edit("etc/last", func(e *analysistest.Entry) { e.Digest = "" }), nil, `no digest of "etc/last"`},
			"holes":                    {edit("opt/large", func(e *analysistest.Entry) { e.ChunkType = "zeros" }), nil, `"opt/large" has holes`},
			"another table":            {nil, func(b *source.Blob) { b.Table.Digest = other }, "wrong digest of its table of contents: want " + other},
			"a long entry":             {edit("etc/last", func(e *analysistest.Entry) { e.LinkName = strings.Repeat("x", 2<<20) }), nil, "is too long"},
			"a long path":              {edit("etc/last", func(e *analysistest.Entry) { e.Name += strings.Repeat("x", 5000) }), nil, "--max-path"},
			"a very large file":        {edit("opt/between", func(e *analysistest.Entry) { e.Size = 200 << 30 }), nil, "--max-layer-bytes"},
			"a table outside": {nil, func(b *source.Blob) {
				if b.Table.Offset = 1 << 40; !b.Table.Chunked {
					open := b.Part
					b.Part = func(ctx context.Context, from, to int64) (io.ReadCloser, error) {
						if to-from == toc.FooterSize {
							return io.NopCloser(strings.NewReader("\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x1a\x00SG\x16\x000000000100000000STARGZ" + strings.Repeat("\x00", 13))), nil
						}
						return open(ctx, from, to)
					}
				}
			}, "its table of contents is not in it"},
			"a connection that breaks": {nil, func(b *source.Blob) {
				b.Part = func(context.Context, int64, int64) (io.ReadCloser, error) { return nil, errors.New("reset") }
			}, "reset"},
			"no parts": {nil, func(b *source.Blob) {
				b.Part = func(context.Context, int64, int64) (io.ReadCloser, error) { return nil, source.ErrWhole }
			}, ""},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				blob := analysistest.Blob(layerOf(t, archive, test.entries))
				if test.blob != nil {
					test.blob(&blob)
				}
				var notes []string
				limits := source.DefaultLimits // what the table took is given back
				limits.Entries, limits.Keep = entries, keep+100
				src := &source.Image{Name: "x", Config: &v1.ConfigFile{}, Layers: []source.Blob{blob}}
				c, err := cache.Open(t.TempDir(), 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				opt := image.Options{Wants: wanted, Limits: limits, Cache: c, Note: func(s string) { notes = append(notes, s) }}
				im, err := index(src, opt)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := index(src, opt); err != nil {
					t.Errorf("as it is kept it takes more: %v", err)
				}
				got := strings.Join(notes, "; ")
				if im.Layers[0].Listed || !strings.Contains(got, test.note) || (got == "") != (test.note == "") || got != "" && !strings.HasPrefix(got, "layer sha256:") {
					t.Errorf("listed %v, notes %q, want %q", im.Layers[0].Listed, got, test.note)
				}
				if f := im.Regular("etc/last"); f == nil || string(f.Contents) != "last\n" {
					t.Errorf("etc/last: %+v", f)
				}
			})
		}
	}
}

// TestListedSmall: a layer that is read as fast as its table is read.
func TestListedSmall(t *testing.T) {
	plain := layer(t, files)
	blob := analysistest.Blob(gzipped(t, plain), plain, &toc.Table{Digest: "sha256:" + strings.Repeat("0", 64)})
	im, err := index(&source.Image{Name: "x", Config: &v1.ConfigFile{}, Layers: []source.Blob{blob}}, image.Options{Note: func(s string) { t.Error(s) }})
	if err != nil || im.Layers[0].Listed {
		t.Errorf("%v, %+v", err, im.Layers)
	}
}

// TestListedInside: a file may stand inside a piece that is compressed as one, behind others.
func TestListedInside(t *testing.T) {
	for name, layerOf := range kinds {
		blob := analysistest.Blob(layerOf(t, layer(t, manyFiles), func(list []analysistest.Entry) []analysistest.Entry {
			last, before := &list[0], &list[0]
			for i, e := range list {
				if e.Type == "reg" && e.Name == "opt/between" {
					before = &list[i]
				}
				if e.Name == "etc/last" {
					last = &list[i]
				}
			}
			last.Offset, last.InnerOffset = before.Offset, (betweenSize+511)/512*512+512 // its bytes to a whole block, and a header
			return list
		}))
		im, err := index(&source.Image{Name: "x", Config: &v1.ConfigFile{}, Layers: []source.Blob{blob}}, image.Options{Wants: wanted, Note: func(s string) { t.Error(name, s) }})
		if err != nil || !im.Layers[0].Listed || string(im.Regular("etc/last").Contents) != "last\n" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestListedMuch: what one request brings is bounded, and so is a table.
func TestListedMuch(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes a table of 130 MB")
	}
	const size = 5 << 20
	text := ""
	for i := range 3 {
		text += fmt.Sprintf("-- opt/%d size=%d --\n%s\n", i, size, noise(size-1))
	}
	blob := analysistest.Blob(analysistest.Estargz(t, layer(t, text), nil))
	part, largest := blob.Part, int64(0)
	blob.Part = func(ctx context.Context, from, to int64) (io.ReadCloser, error) {
		largest = max(largest, to-from)
		return part(ctx, from, to)
	}
	opt := image.Options{Wants: []analysis.Want{{Glob: "opt/*", Max: size}}, Note: func(s string) { t.Error(s) }}
	im, err := index(&source.Image{Name: "x", Config: &v1.ConfigFile{}, Layers: []source.Blob{blob}}, opt)
	if err != nil || len(im.Regular("opt/2").Contents) != size || largest > 8<<20 {
		t.Errorf("%v, %d bytes in a request", err, largest)
	}

	long := strings.Repeat(" ", 900<<10)
	blob = analysistest.Blob(analysistest.Estargz(t, layer(t, files), func(list []analysistest.Entry) []analysistest.Entry {
		for range 150 {
			list = append(list, analysistest.Entry{Name: "d", Type: "dir", ChunkType: long})
		}
		return list
	}))
	note := ""
	opt.Note = func(s string) { note = s }
	im, err = index(&source.Image{Name: "x", Config: &v1.ConfigFile{}, Layers: []source.Blob{blob}}, opt)
	if err != nil || im.Layers[0].Listed || !strings.Contains(note, "is too long") {
		t.Errorf("%v: %q", err, note)
	}
}
