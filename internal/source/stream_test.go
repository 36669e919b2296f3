package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestStdin: an archive from standard input, whoever wrote it and however it is compressed.
func TestStdin(t *testing.T) {
	for ref, data := range map[string][]byte{
		"docker-archive:-": saved20(t), "docker-archive:-:app:1": gzipped(t, saved20(t)), "oci-archive:-": oci(t, false),
		"docker-archive:-:": zstandard(t, oci(t, true)), "oci-archive:-:": oci(t, true),
	} {
		im, err := Open(context.Background(), strings.TrimSuffix(ref, ":"), Options{Stdin: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(ref, err)
		}
		layers, err := streamOf(im)
		if problem := same(im, layers); err != nil || problem != "" {
			t.Errorf("%s: %v %s", ref, err, problem)
		}
		if docker := strings.HasPrefix(ref, "docker"); docker != (im.Layers[0].Digest == "") {
			t.Errorf("%s: digest %q", ref, im.Layers[0].Digest)
		}
		if name, _ := strings.CutSuffix(ref, ":"); im.Name != name {
			t.Errorf("%s is called %q", ref, im.Name)
		}
	}
	// A file that is compressed as a whole is read so too.
	file := filepath.Join(t.TempDir(), "a.tar.gz")
	if err := os.WriteFile(file, gzipped(t, saved20(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := Open(context.Background(), "docker-archive:"+file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if layers, err := streamOf(im); err != nil || same(im, layers) != "" {
		t.Errorf("a compressed file: %v %s", err, same(im, layers))
	}
}

// TestStdinWrong: what is no image says so.
func TestStdinWrong(t *testing.T) {
	limits := DefaultLimits
	limits.Entries = 3
	lacking := archive(t, member{name: "c.json", text: conf}, member{name: "manifest.json", text: `[{"Config":"c.json","Layers":["1/layer.tar","2/layer.tar"]}]`})
	two := archive(t, member{name: "manifest.json", text: `[{"RepoTags":["a:1"]},{"RepoTags":["b:2"]}]`})
	for want, test := range map[string]struct {
		data []byte
		opt  Options
	}{
		"it is empty: nothing came":                     {nil, Options{}},
		"it is no tar archive":                          {[]byte(strings.Repeat("hello ", 300)), Options{}},
		"neither manifest.json nor index.json":          {archive(t, member{name: "a", text: "b"}), Options{}},
		`it holds no "1/layer.tar", which is a layer`:   {lacking, Options{}},
		"it holds 2 images: add :REFERENCE, one of a:1": {two, Options{}},
		"more than the limit of 3 (--max-entries)":      {saved20(t), Options{Limits: limits}},
		"unexpected EOF":                                {saved20(t)[:3000], Options{}},
		"it is no tar archive: un":                      {append(gzipped(t, saved20(t))[:30], "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx"...), Options{}},
	} {
		test.opt.Stdin = bytes.NewReader(test.data)
		im, err := Open(context.Background(), "docker-archive:-", test.opt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := streamOf(im); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "docker-archive:-") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := Open(context.Background(), "oci-archive:-", Options{}); err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("without standard input: %v", err)
	}
}

// TestLayerFails: what is wrong with a layer counts where it is one of the image's; a limit ends all.
func TestLayerFails(t *testing.T) {
	read := func(fails string, with error) error {
		im, err := Open(context.Background(), "docker-archive:-", Options{Stdin: bytes.NewReader(slices.Concat(archive(t, member{name: "stray", text: layerA})[:1024+512], saved20(t)))})
		if err != nil {
			t.Fatal(err)
		}
		return im.Stream(context.Background(), func(name string, _ int64, _ io.Reader) error {
			if name == fails {
				return with
			}
			return nil
		})
	}
	if err := read("stray", errors.New("no tar")); err != nil {
		t.Errorf("a file that is no layer: %v", err)
	}
	if err := read("x.tar", errors.New("no tar")); err == nil || !strings.Contains(err.Error(), `layer 1, "x.tar": no tar`) {
		t.Errorf("a layer, by its link: %v", err)
	}
	var le *LimitError
	if err := read("stray", &LimitError{"x", 1, "--y"}); !errors.As(err, &le) {
		t.Errorf("a limit: %v", err)
	}
}

// TestStreamGrows: what a compressed archive becomes is limited, whatever it is; what stands behind its end is not
// decompressed; its file is closed.
func TestStreamGrows(t *testing.T) {
	packed := func(behind bool) string {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			t.Fatal(err)
		}
		tw := tar.NewWriter(w)
		if !behind {
			if err := tw.WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 3 << 30}); err != nil {
				t.Fatal(err)
			}
			_, _ = io.CopyN(tw, zeros{}, 3<<30)
		}
		for _, f := range []string{"oci-layout", "index.json"} {
			if err := tw.WriteHeader(&tar.Header{Name: f, Typeflag: tar.TypeReg, Size: 2}); err != nil {
				t.Fatal(err)
			}
			_, _ = tw.Write([]byte("{}"))
		}
		if err := tw.Close(); err != nil {
			t.Fatal(err)
		}
		if behind {
			_, _ = io.CopyN(w, zeros{}, 3<<30)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "a.tar.zst")
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for behind, want := range map[bool]string{false: "(--max-ratio)", true: "it holds no image"} {
		im, err := Open(context.Background(), "oci-archive:"+packed(behind), Options{Limits: DefaultLimits})
		if err != nil {
			t.Fatal(err)
		}
		err = im.Stream(context.Background(), func(string, int64, io.Reader) error { return errors.New("it is no layer") })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("behind the end %v: %v", behind, err)
		}
	}
	name := filepath.Join(t.TempDir(), "a.tgz")
	if err := os.WriteFile(name, gzipped(t, saved20(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := Open(context.Background(), "docker-archive:"+name, Options{Limits: DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streamOf(im); err != nil || im.closer == nil {
		t.Errorf("the file is not closed: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestStreamDocuments: the documents of a stream are kept up to a limit, in all; one that comes again replaces what it was.
func TestStreamDocuments(t *testing.T) {
	large := "{" + strings.Repeat(" ", 3<<20) + "}"
	for again, want := range map[bool]string{false: "its documents have more than the limit of 67108864 bytes", true: "manifest.json"} {
		var members []member
		for i := range 25 {
			if again {
				i = 0
			}
			members = append(members, member{name: fmt.Sprintf("d%d.json", i), text: large})
		}
		s := &streamed{limits: DefaultLimits}
		err := s.read(t.Context(), bytes.NewReader(archive(t, members...)), func(string, int64, io.Reader) error { return nil })
		if err == nil {
			_, err = s.image(t.Context(), "docker archive", "", Options{Limits: DefaultLimits})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("again %v: %v, want %q", again, err, want)
		}
	}
}
