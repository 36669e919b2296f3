package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/tools/txtar"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
)

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// one is an image of one layer: stored is what the source gives, plain what
// the configuration speaks of.
func one(stored, plain []byte) *source.Image {
	return &source.Image{Name: "x", Config: &v1.ConfigFile{}, Layers: []source.Blob{{
		Digest: digest(stored), DiffID: digest(plain), Size: int64(len(stored)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil },
	}}}
}

func index(src *source.Image, opt image.Options) (*analysis.Image, error) {
	if opt.Limits == (source.Limits{}) {
		opt.Limits = source.DefaultLimits
	}
	im := image.New(src)
	return im, image.Index(context.Background(), im, src, opt)
}

func layer(t *testing.T, text string) []byte {
	return analysistest.Layer(t, txtar.Parse([]byte(text)).Files)
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

const files = `-- etc/os-release --
ID=debian
-- usr/bin/gcc elf size=5000 --
-- usr/bin/cc link=gcc --
-- usr/bin/again hard=usr/bin/gcc --
-- usr/bin/run mode=0755 --
#!/bin/sh
-- usr/.wh.old --
-- opt/.wh..wh..opq --
-- ../../etc/passwd --
root
-- /rooted --
x
`

func TestIndex(t *testing.T) {
	plain := layer(t, files)
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, stored := range map[string][]byte{"plain": plain, "gzip": gzipped(t, plain), "zstd": z.EncodeAll(plain, nil)} {
		t.Run(name, func(t *testing.T) {
			im, err := index(one(stored, plain), image.Options{Wants: []analysis.Want{{Glob: "etc/*", Max: 9}, {Glob: "**/run", Max: 100}}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range im.Layers[0].Files {
				s := fmt.Sprintf("%s %s %d k%d", f.Path, f.Mode, f.Size, f.Kind)
				if f.Link != "" {
					s += " > " + f.Link
				}
				if f.Deleted || f.Opaque {
					s += fmt.Sprintf(" deleted %v opaque %v", f.Deleted, f.Opaque)
				}
				if f.Contents != nil {
					s += fmt.Sprintf(" %q", f.Contents)
				}
				got = append(got, s)
			}
			want := strings.TrimSpace(`
etc/os-release -rw-r--r-- 10 k0
usr/bin/gcc -rwxr-xr-x 5000 k1
usr/bin/cc Lrw-r--r-- 0 k0 > gcc
usr/bin/again -rw-r--r-- 0 k0 > usr/bin/gcc
usr/bin/run -rwxr-xr-x 10 k2 "#!/bin/sh\n"
usr/old -rw-r--r-- 0 k0 deleted true opaque false
opt -rw-r--r-- 0 k0 deleted false opaque true
etc/passwd -rw-r--r-- 5 k0 "root\n"
rooted -rw-r--r-- 2 k0`)
			if s := strings.Join(got, "\n"); s != want {
				t.Errorf("got\n%s\nwant\n%s", s, want)
			}
			if size := im.Size(); size.Unpacked != 5027 || size.Download != int64(len(stored)) {
				t.Errorf("size: %+v", size)
			}
		})
	}
}

func TestBroken(t *testing.T) {
	plain := layer(t, files)
	stored := gzipped(t, plain)
	inside := plain[:len(plain)-2048] // ends inside a file's block
	for name, test := range map[string]struct {
		src  *source.Image
		want string
	}{
		"truncated gzip":         {one(stored[:len(stored)/2], plain), "truncated"},
		"a tar that ends inside": {one(gzipped(t, inside[:1200]), inside[:1200]), "truncated"},
		"wrong diffID":           {one(stored, []byte("other")), "wrong diffID"},
		"trailing garbage":       {one(append(bytes.Clone(stored), "garbage"...), plain), "decompress: gzip: invalid header"},
		"xz":                     {one([]byte("\xfd7zXZ\x00"+strings.Repeat("x", 100)), nil), "compressed by xz or bzip2"},
		"no tar":                 {one([]byte(strings.Repeat("no tar", 200)), nil), "read tar entry 1"},
	} {
		if _, err := index(test.src, image.Options{}); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), `layer 0 (sha256:`) {
			t.Errorf("%s: %v, want %q and the layer", name, err, test.want)
		}
	}
	wrong := one(stored, plain)
	wrong.Layers[0].Digest = digest([]byte("other"))
	if _, err := index(wrong, image.Options{}); err == nil || !strings.Contains(err.Error(), "wrong digest: want "+digest([]byte("other"))) {
		t.Errorf("wrong digest: %v", err)
	}
	long := one(stored, plain)
	long.Layers[0].Size--
	if _, err := index(long, image.Options{}); err == nil || !strings.Contains(err.Error(), "that the manifest says") {
		t.Errorf("a longer blob: %v", err)
	}
	short := one(stored, plain)
	short.Layers[0].Size++
	if _, err := index(short, image.Options{}); err == nil || !strings.Contains(err.Error(), "the manifest says") {
		t.Errorf("a shorter blob: %v", err)
	}
	members := append(gzipped(t, plain[:1000]), gzipped(t, plain[1000:])...)
	if _, err := index(one(members, plain), image.Options{}); err != nil {
		t.Errorf("several gzip members: %v", err)
	}
}

func FuzzLayer(f *testing.F) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	w.WriteHeader(&tar.Header{Name: "a", Size: 3, Mode: 0o644, Typeflag: tar.TypeReg})
	w.Write([]byte("abc"))
	w.Close()
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, stored []byte) {
		src := one(stored, stored)
		limits := source.DefaultLimits
		limits.Inflate = 1 << 20
		im, err := index(src, image.Options{Limits: limits, Wants: []analysis.Want{{Glob: "*", Max: 100}}})
		if err != nil {
			return
		}
		for p, file := range im.Files() {
			if p == "" || strings.HasPrefix(p, "/") || strings.Contains("/"+p+"/", "/../") || file == nil {
				t.Errorf("path %q", p)
			}
		}
	})
}

// TestMeasured: what files take of a compressed layer does not depend on how it comes, and adds up to about the layer.
func TestMeasured(t *testing.T) {
	var files []txtar.File
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		data := make([]byte, 3000)
		for j := range data {
			data[j] = byte(random.IntN(1 + i))
		}
		files = append(files, txtar.File{Name: fmt.Sprintf("f%d", i), Data: data})
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	plain := analysistest.Layer(t, files)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	measure := func(slow func(io.Reader) io.Reader) (list []int64) {
		src := &source.Image{Name: "x", Config: &v1.ConfigFile{}, Layers: []source.Blob{{
			DiffID: fmt.Sprintf("sha256:%x", sha256.Sum256(plain)), Size: int64(packed.Len()),
			Open: func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(slow(bytes.NewReader(packed.Bytes()))), nil
			},
		}}}
		im := image.New(src)
		if err := image.Index(context.Background(), im, src, image.Options{Limits: source.DefaultLimits}); err != nil {
			t.Fatal(err)
		}
		for _, f := range im.Layers[0].Files {
			list = append(list, f.Packed)
		}
		return list
	}
	want := measure(func(r io.Reader) io.Reader { return r })
	for _, slow := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader} {
		if got := measure(slow); !slices.Equal(got, want) {
			t.Error("it depends on how the layer comes")
		}
	}
	sum := int64(0)
	for _, n := range want {
		sum += n
	}
	if size := int64(packed.Len()); sum > size || sum < size*97/100 || want[0]*2 > want[199] { // files of one block share it evenly
		t.Errorf("%d of %d bytes; the first file %d, the last %d", sum, size, want[0], want[199])
	}
}

// TestExpect: what is going to be read of a registry is said before it is: nothing of what is kept, or of this machine.
func TestExpect(t *testing.T) {
	c, err := cache.Open(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	plain := layer(t, files)
	src := one(plain, plain)
	said := int64(-1)
	opt := image.Options{Cache: c, Expect: func(n int64) { said = n }}
	for _, want := range []int64{int64(len(plain)), 0} {
		if _, err := index(src, opt); err != nil || said != want {
			t.Errorf("%v: %d bytes, want %d", err, said, want)
		}
	}
	opt.Cache = nil
	src.Layers[0].Local = true
	if _, err := index(src, opt); err != nil || said != 0 {
		t.Errorf("%v: of this machine: %d bytes", err, said)
	}
}
