package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// noEngines makes this machine's engines those that the test starts.
func noEngines(t *testing.T) {
	t.Helper()
	gone := "unix://" + filepath.Join(t.TempDir(), "gone.sock")
	for _, name := range []string{"DOCKER_HOST", "CONTAINER_HOST", "CONTAINERD_ADDRESS"} {
		t.Setenv(name, gone)
	}
}

// listen serves h on a socket, and returns its address.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tare") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	return "unix://" + path
}

// A member is one file of an archive; a link where to is set.
type member struct {
	name, text, to string
	hard           bool
}

func archive(t *testing.T, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.text)), Typeflag: tar.TypeReg}
		if m.to != "" {
			if h.Typeflag, h.Linkname = tar.TypeSymlink, m.to; m.hard {
				h.Typeflag = tar.TypeLink
			}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sha(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// saved20 is an archive as Docker 20.10 writes it: layers before what names them, and an equal one as a link.
func saved20(t *testing.T) []byte {
	return archive(t, member{name: "1/VERSION", text: "1.0"}, member{name: "1/json", text: "{}"}, member{name: "1/layer.tar", text: layerA},
		member{name: "x.tar", text: layerB}, member{name: "2/layer.tar", to: "../x.tar"}, member{name: sha(conf) + ".json", text: conf},
		member{name: "manifest.json", text: fmt.Sprintf(`[{"Config":"%s.json","RepoTags":["app:1"],"Layers":["1/layer.tar","2/layer.tar"]}]`, sha(conf))})
}

// oci is an OCI layout as an archive, with a manifest.json beside it where both is set, as Docker 29 has it.
func oci(t *testing.T, both bool) []byte {
	manifest := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[`+
		`{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":600},{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":700}]}`,
		sha(conf), len(conf), sha(layerA), sha(layerB))
	blob := func(text string) member { return member{name: "blobs/sha256/" + sha(text), text: text} }
	list := []member{blob(layerB), blob(conf), blob(layerA), blob(manifest), {name: "oci-layout", text: `{"imageLayoutVersion":"1.0.0"}`},
		{name: "index.json", text: fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d}]}`, sha(manifest), len(manifest))}}
	if both {
		list = append(list, member{name: "manifest.json", text: fmt.Sprintf(`[{"Config":"blobs/sha256/%s","RepoTags":["app:1"],"Layers":["blobs/sha256/%s","blobs/sha256/%s"]}]`, sha(conf), sha(layerA), sha(layerB))})
	}
	return archive(t, list...)
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// streamOf reads an image that comes in one piece, and returns its layers' bytes by the names that they have then.
func streamOf(im *Image) (layers map[string]string, err error) {
	layers = map[string]string{}
	err = im.Stream(context.Background(), func(name string, _ int64, r io.Reader) error {
		b, err := io.ReadAll(r)
		layers[name] = string(b)
		return err
	})
	return layers, err
}

// same reports what is wrong with an image that was read in one piece.
func same(im *Image, layers map[string]string) string {
	if im.Config == nil || len(im.Layers) != 2 {
		return fmt.Sprintf("%d layers, configuration %v", len(im.Layers), im.Config)
	}
	for i, want := range []string{layerA, layerB} {
		if got := layers[im.Layers[i].File]; got != want || im.Layers[i].DiffID != "sha256:"+sha(want) {
			return fmt.Sprintf("layer %d, %q: %.10q, %s", i, im.Layers[i].File, got, im.Layers[i].DiffID)
		}
	}
	return ""
}
