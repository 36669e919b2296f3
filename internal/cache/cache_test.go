package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tareweight/tare/analyzers/analysis"
)

func sample() *Index {
	return &Index{DiffID: "sha256:0", Unpacked: 7, Cost: Cost{Plain: 2, Entries: 6, Kept: 100, Path: 9}, Wants: []analysis.Want{{Glob: "**/x", Max: 9}}, Files: []*analysis.File{
		{Path: "usr", Mode: fs.ModeDir | 0o755}, {Path: "usr/bin/a", Mode: 0o755, Size: 7, Owner: 1<<32 - 2, Hash: 1 << 63, Kind: analysis.KindELF, Contents: []byte{}},
		{Path: "usr/bin/b", Link: "a", Mode: fs.ModeSymlink}, {Path: "c", Hard: true, Link: "usr/bin/a"}, {Path: "d", Deleted: true}, {Path: "e", Opaque: true, Contents: []byte("text")},
	}}
}

func get(c *Cache, digest string) *Index {
	x, _ := c.Get(digest, nil, nil)
	return x
}

func encoded(t testing.TB, x *Index) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, x); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFormat(t *testing.T) {
	want := sample()
	got, err := decode(bytes.NewReader(encoded(t, want)), nil)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
	}
	data := encoded(t, want)
	for i := range data {
		if _, err := decode(bytes.NewReader(data[:i]), nil); err == nil {
			t.Errorf("the first %d bytes of %d are an index", i, len(data))
		}
	}
}

// TestSharedPaths: files that share a long path are few bytes of an index, and
// would be many of memory.
func TestSharedPaths(t *testing.T) {
	long := strings.Repeat("d", 60_000)
	x := &Index{DiffID: "sha256:0", Cost: Cost{Entries: 1 << 20, Kept: 1 << 40}}
	for range 20 {
		x.Files = append(x.Files, &analysis.File{Path: long})
	}
	if _, err := decode(bytes.NewReader(encoded(t, x)), nil); err != nil {
		t.Errorf("20 of them: %v", err)
	}
	x.Files = slices.Repeat(x.Files, 1000)
	if _, err := decode(bytes.NewReader(encoded(t, x)), nil); err == nil {
		t.Error("20,000 of them are decoded: 1.2 GB")
	}
}

// TestImages: the image of a chain of layers is kept; what is damaged or too long is none.
func TestImages(t *testing.T) {
	c, err := Open(t.TempDir(), DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	id := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	// OCI image-spec, config.md: ChainID(A) = A, ChainID(A, B) = SHA256(ChainID(A) + " " + B)
	if a, ab := Chain([]string{id("a")}), Chain([]string{id("a"), id("b")}); a != id("a") ||
		ab != fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(id("a")+" "+id("b")))) || Chain(nil) != "" {
		t.Errorf("%s, %s", a, ab)
	}
	c.PutImage(id("a"), "r.io/x:1", id("1"))
	if ref, digest := c.Image(id("a")); ref != "r.io/x:1" || digest != id("1") {
		t.Errorf("%q, %q", ref, digest)
	}
	c.PutImage(id("a"), "r.io/y:1", "")
	if ref, digest := c.Image(id("a")); ref != "r.io/y:1" || digest != "" {
		t.Errorf("%q, %q", ref, digest)
	}
	c.PutImage(id("b"), strings.Repeat("x", maxImage), "")
	c.PutImage("../x", "r.io/x:1", "")
	var none *Cache
	none.PutImage(id("a"), "x", "")
	for _, chain := range []string{id("b"), id("c"), "../x", "", "sha256:x"} {
		if ref, _ := c.Image(chain); ref != "" {
			t.Errorf("%s: %q", chain, ref)
		}
	}
	if ref, _ := none.Image(id("a")); ref != "" {
		t.Errorf("no cache: %q", ref)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, sample()))
	f.Add(encoded(f, &Index{}))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := decode(bytes.NewReader(data), nil)
		if err != nil {
			return
		}
		if y, err := decode(bytes.NewReader(encoded(t, x)), nil); err != nil || !reflect.DeepEqual(x, y) {
			t.Errorf("%v: %+v, %+v", err, x, y)
		}
	})
}

// TestTrim: what was used last stays, whole: the index, and how it is found.
func TestTrim(t *testing.T) {
	dir := t.TempDir()
	c, err := Open(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	digest := func(i int) string { return fmt.Sprintf("sha256:%064x", i) }
	for i := range 4 {
		x := sample()
		x.DiffID = digest(100 + i)
		c.Put(digest(i), x)
	}
	c.PutDocument("sha256:"+fmt.Sprintf("%x", sha256.Sum256([]byte("{}"))), []byte("{}"))
	files, total := c.list()
	old := time.Now().Add(-3 * time.Hour)
	for _, f := range files {
		if err := os.Chtimes(f.name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if get(c, digest(2)) == nil {
		t.Fatal("nothing is kept")
	}
	c.limit = total / 2
	c.Trim()
	if _, _, left := c.Size(); left > c.limit || left == 0 {
		t.Errorf("%d bytes are left, the limit is %d", left, c.limit)
	}
	if get(c, digest(2)) == nil {
		t.Error("what was used last is gone")
	}
	if fresh, err := Open(dir, 0); err != nil {
		t.Fatal(err)
	} else if fresh.Trim(); get(fresh, digest(2)) == nil {
		t.Error("a run that wrote nothing trims")
	}
}

// TestStrangers: what Put did not write is not waited for, and removed.
func TestStrangers(t *testing.T) {
	dir := t.TempDir()
	c, err := Open(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	x := sample()
	x.DiffID = "sha256:" + strings.Repeat("1", 64)
	digest := "sha256:" + strings.Repeat("2", 64)
	for name, spoil := range map[string]func(file string) error{
		"a pipe":   func(file string) error { return syscall.Mkfifo(file, 0o600) },
		"a device": func(file string) error { return os.Symlink("/dev/zero", file) },
		"too large": func(file string) error {
			return errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, maxFile+1))
		},
		"garbage": func(file string) error { return os.WriteFile(file, []byte("garbage"), 0o600) },
	} {
		for _, file := range []string{c.path("index", x.DiffID), c.path("blobs", digest)} {
			c.Put(digest, x)
			if get(c, digest) == nil {
				t.Fatal("nothing is kept")
			}
			if err := errors.Join(os.Remove(file), spoil(file)); err != nil {
				t.Fatal(err)
			}
			if get(c, digest) != nil {
				t.Errorf("%s: read", name)
			}
		}
	}
}

// TestForms: a layer that is stored in two forms has the bytes and the ratio of
// each.
func TestForms(t *testing.T) {
	c, err := Open(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	digest := func(i int) string { return fmt.Sprintf("sha256:%064x", i) }
	for i := range int64(2) {
		x := sample()
		x.DiffID, x.Cost.Stored, x.Cost.Ratio = digest(9), 100+i, 7+i
		c.Put(digest(int(i)), x)
	}
	for i := range int64(2) {
		if x := get(c, digest(int(i))); x == nil || x.Cost.Stored != 100+i || x.Cost.Ratio != 7+i {
			t.Errorf("form %d: %+v", i, x)
		}
	}
}

// TestOwner: an owner that no file can have is damage.
func TestOwner(t *testing.T) {
	x := sample()
	good := encoded(t, x)
	if _, err := decode(bytes.NewReader(good), nil); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{-1, 0, 1 << 32} {
		r := &reader{src: bytes.NewReader(binary.AppendVarint(nil, n)), buf: make([]byte, 100), left: 100}
		if owner, ok := r.owner(); ok {
			t.Errorf("%d is the owner %d", n, owner)
		}
	}
}
