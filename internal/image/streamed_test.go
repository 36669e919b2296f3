package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/analysistest"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
)

// savedImage is an archive as docker save writes it, its layers first; names says what a layer's file is called.
func savedImage(t *testing.T, lie bool, name func(digest string) string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name, text string) {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	var ids, files []string
	for _, layer := range []string{
		string(analysistest.Layer(t, []txtar.File{{Name: "usr/bin/tool elf size=3000"}, {Name: "etc/a", Data: []byte("a")}})),
		string(analysistest.Layer(t, []txtar.File{{Name: "etc/.wh.a"}, {Name: "etc/b", Data: []byte("b")}})),
	} {
		id := fmt.Sprintf("%x", sha256.Sum256([]byte(layer)))
		file := name(id)
		add(file, layer)
		if lie {
			id = strings.Repeat("0", 64)
		}
		ids, files = append(ids, fmt.Sprintf("%q", "sha256:"+id)), append(files, fmt.Sprintf("%q", file))
	}
	add("c.json", fmt.Sprintf(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[%s]}}`, strings.Join(ids, ",")))
	add("manifest.json", fmt.Sprintf(`[{"Config":"c.json","Layers":[%s]}]`, strings.Join(files, ",")))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestStream: an image that comes in one piece has the index that its archive has which is read in place, with
// and without a cache.
func TestStream(t *testing.T) {
	data := savedImage(t, false, func(id string) string { return id + ".tar" })
	file := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	kept, err := cache.Open(t.TempDir(), cache.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	read := func(ref string, opt image.Options) *analysis.Image {
		t.Helper()
		src, err := source.Open(context.Background(), ref, source.Options{Stdin: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		opt.Limits = source.DefaultLimits
		if src.Stream != nil {
			if opt.Streamed, err = image.Stream(context.Background(), src, opt); err != nil {
				t.Fatal(err)
			}
		}
		im := image.New(src)
		if err := image.Index(context.Background(), im, src, opt); err != nil {
			t.Fatal(err)
		}
		return im
	}
	list := func(im *analysis.Image) (all []string) {
		for _, l := range im.Layers {
			for _, f := range l.Files {
				all = append(all, fmt.Sprint(l.Index, l.DiffID, l.Size, f.Path, f.Mode, f.Size, f.Kind, f.Hash, f.Deleted))
			}
		}
		return all
	}
	want := list(read("docker-archive:"+file, image.Options{}))
	if len(want) != 4 {
		t.Fatalf("%q", want)
	}
	for i, opt := range []image.Options{{}, {Cache: kept}, {Cache: kept}} {
		if got := list(read("docker-archive:-", opt)); !reflect.DeepEqual(got, want) {
			t.Errorf("%d: got  %q\nwant %q", i, got, want)
		}
	}
}

// TestStreamLies: a diffID that is not that of the bytes, and a name that is the digest of another layer that was read before.
func TestStreamLies(t *testing.T) {
	kept, err := cache.Open(t.TempDir(), cache.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	read := func(data []byte) error {
		src, err := source.Open(context.Background(), "docker-archive:-", source.Options{Stdin: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		opt := image.Options{Limits: source.DefaultLimits, Cache: kept}
		if opt.Streamed, err = image.Stream(context.Background(), src, opt); err != nil {
			return err
		}
		return image.Index(context.Background(), image.New(src), src, opt)
	}
	plain := func(id string) string { return id + "/layer.tar" }
	if err := read(savedImage(t, true, plain)); err == nil || !strings.Contains(err.Error(), "wrong diffID: the configuration says sha256:0000") {
		t.Errorf("a false diffID: %v", err)
	}
	var ids []string
	if err := read(savedImage(t, false, func(id string) string { ids = append(ids, id); return id })); err != nil {
		t.Fatal(err)
	}
	n := 0
	swapped := func(string) string { n++; return ids[n%2] }
	if err := read(savedImage(t, false, swapped)); err == nil || !strings.Contains(err.Error(), "wrong digest: its name says sha256:"+ids[1]) {
		t.Errorf("a false name: %v", err)
	}
}
