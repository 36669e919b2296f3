package source_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/tareweight/tare/internal/source"
)

// serve starts a registry of memory; change may answer a request instead.
func serve(t *testing.T, change func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	reg := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if change == nil || !change(w, r) {
			reg.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func randomImage(t *testing.T, platform string) v1.Image {
	t.Helper()
	im, err := random.Image(1000, 3)
	if err != nil {
		t.Fatal(err)
	}
	c, err := im.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	c = c.DeepCopy()
	c.OS, c.Architecture, c.Variant = p.OS, p.Architecture, p.Variant
	if im, err = mutate.ConfigFile(im, c); err != nil {
		t.Fatal(err)
	}
	return im
}

func reference(t *testing.T, s string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func multi(t *testing.T, platforms ...string) v1.ImageIndex {
	t.Helper()
	var ix v1.ImageIndex = empty.Index
	for _, s := range platforms {
		p, err := v1.ParsePlatform(s)
		if err != nil {
			t.Fatal(err)
		}
		ix = mutate.AppendManifests(ix, mutate.IndexAddendum{Add: randomImage(t, s), Descriptor: v1.Descriptor{Platform: p}})
	}
	return ix
}

func TestSources(t *testing.T) {
	host := serve(t, nil)
	im := randomImage(t, "linux/amd64")
	want, err := im.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference(t, host+"/app:1"), im); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p, err := layout.Write(filepath.Join(dir, "oci"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(im, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "one"})); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("example.com/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(filepath.Join(dir, "docker.tar"), tag, im); err != nil {
		t.Fatal(err)
	}
	for ref, digest := range map[string]string{
		host + "/app:1": want.String(), "docker://" + host + "/app:1": want.String(), host + "/app@" + want.String(): want.String(),
		"oci:" + dir + "/oci": want.String(), "oci:" + dir + "/oci:one": want.String(), "oci:" + dir + "/oci@" + want.String(): want.String(),
		"docker-archive:" + dir + "/docker.tar": "", "docker-archive:" + dir + "/docker.tar:example.com/app:1": "",
	} {
		got, err := source.Open(context.Background(), ref, source.Options{})
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if got.Name != ref || got.Digest != digest || got.Platform != "linux/amd64" || len(got.Layers) != 3 {
			t.Errorf("%s: %q, digest %q, platform %q, %d layers", ref, got.Name, got.Digest, got.Platform, len(got.Layers))
		}
		for i, l := range got.Layers {
			rc, err := l.Open(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(rc)
			if err != nil || l.Size >= 0 && int64(len(b)) != l.Size || l.DiffID != got.Config.RootFS.DiffIDs[i].String() {
				t.Errorf("%s: layer %d: %d bytes, %v", ref, i, len(b), err)
			}
		}
	}
}

func TestPlatforms(t *testing.T) {
	host := serve(t, nil)
	two := multi(t, "linux/amd64", "linux/arm64/v8")
	if err := remote.WriteIndex(reference(t, host+"/two:1"), two); err != nil {
		t.Fatal(err)
	}
	other := multi(t, "linux/s390x")
	if err := remote.WriteIndex(reference(t, host+"/other:1"), other); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ ref, platform, want, remark, err string }{
		{"two", "linux/arm64", "linux/arm64/v8", "", ""},
		{"two", "", "", "--platform chooses", ""},
		{"two", "windows/amd64", "", "", `no image for platform "windows/amd64": it has linux/amd64 and linux/arm64/v8`},
		{"other", "", "linux/s390x", "linux/s390x alone", ""},
	} {
		im, err := source.Open(context.Background(), host+"/"+test.ref+":1", source.Options{Platform: test.platform})
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%+v: %v", test, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		if remarks := strings.Join(im.Remarks, " "); test.want != "" && im.Platform != test.want || !strings.Contains(remarks, test.remark) || test.remark == "" && remarks != "" {
			t.Errorf("%+v: %q, %q", test, im.Platform, remarks)
		}
	}
}

// TestCheckReference: what is refused for its spelling, and what to write; a path
// and a tag may have capitals.
func TestCheckReference(t *testing.T) {
	for ref, want := range map[string]string{
		"example.com/app:1": "", "oci:./My/Image:Tag": "", "docker-archive:/X/Y.tar": "", "example.com/app:Tag": "", "": "", "docker://example.com/a": "",
		"http://example.com/a": `has no http://: write "example.com/a"`, "https://h/a": `has no https://: write "h/a"`,
		"example.com/App": `write "example.com/app"`, "docker://example.com/App:Tag": `write "example.com/app:Tag"`, "App:V1": `write "app:V1"`,
	} {
		err := source.CheckReference(ref)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", ref, err, want)
		}
	}
}

// TestNeighbour: a base image is looked for in the registry of the image alone, for
// the image's own platform: what an image's annotations name is a stranger's word.
func TestNeighbour(t *testing.T) {
	asked := false
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) bool { asked = true; return false })
	host := serve(t, nil)
	for _, ref := range []string{host + "/app:1", host + "/base:1"} {
		if err := remote.WriteIndex(reference(t, ref), multi(t, "linux/amd64", "linux/arm64/v8")); err != nil {
			t.Fatal(err)
		}
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64/v8"} {
		im, err := source.Open(context.Background(), host+"/app:1", source.Options{Platform: platform})
		if err != nil {
			t.Fatal(err)
		}
		base, err := im.Neighbour(context.Background(), host+"/base:1")
		if err != nil || base.Platform != platform {
			t.Errorf("the base of an image of %s: %+v, %v", platform, base, err)
		}
		if _, err := im.Neighbour(context.Background(), elsewhere+"/base:1"); err == nil || !strings.Contains(err.Error(), "of another registry") {
			t.Errorf("another registry: %v", err)
		}
		if _, err := im.Neighbour(context.Background(), "Not A Reference"); err == nil {
			t.Error("what is no reference is opened")
		}
		im.Close()
	}
	if asked {
		t.Error("another registry was asked")
	}
	// the image's platform, and not the one that was asked for, which is none here
	if err := remote.WriteIndex(reference(t, host+"/app:2"), multi(t, "linux/s390x")); err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(reference(t, host+"/base:2"), multi(t, "linux/amd64", "linux/arm64", "linux/s390x")); err != nil {
		t.Fatal(err)
	}
	im, err := source.Open(context.Background(), host+"/app:2", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if base, err := im.Neighbour(context.Background(), host+"/base:2"); err != nil || base.Platform != "linux/s390x" {
		t.Errorf("the base of the only platform: %+v, %v", base, err)
	}
}

// oneLayer is the configuration of an image of one layer.
const oneLayer = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:0000000000000000000000000000000000000000000000000000000000000002"]}}`

func TestErrors(t *testing.T) {
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.Contains(r.URL.Path, "/private/"):
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(r.URL.Path, "/artifact/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			fmt.Fprint(w, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.example","digest":"sha256:`+strings.Repeat("0", 64)+`","size":2},"layers":[]}`)
		case strings.Contains(r.URL.Path, "/text/manifests/"):
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, "hello")
		case strings.Contains(r.URL.Path, "/large/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Write(make([]byte, source.DefaultLimits.Manifest+1))
		case strings.Contains(r.URL.Path, "/config100/manifests/"), strings.Contains(r.URL.Path, "/configlie/manifests/"):
			size := 100 << 20
			if strings.Contains(r.URL.Path, "lie") {
				size = 2
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			fmt.Fprintf(w, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%064d","size":%d},"layers":[]}`, 0, size)
		case strings.Contains(r.URL.Path, "/configlie/blobs/"):
			for range 100 {
				w.Write(make([]byte, 1<<20))
			}
		case strings.Contains(r.URL.Path, "/negative/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			fmt.Fprintf(w, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%x","size":%d},"layers":[{"digest":"sha256:%064d","size":-5}]}`,
				sha256.Sum256([]byte(oneLayer)), len(oneLayer), 1)
		case strings.Contains(r.URL.Path, "/negative/blobs/"):
			fmt.Fprint(w, oneLayer)
		case strings.Contains(r.URL.Path, "/objects/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			fmt.Fprint(w, `{"schemaVersion":2,"layers":[`+strings.Repeat("{},", 200_000)+`{}]}`)
		case strings.Contains(r.URL.Path, "/lie/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			fmt.Fprint(w, `{}`)
		default:
			return false
		}
		return true
	})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "no.tar"), []byte(strings.Repeat("no tar", 200)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "pipe"), 0o755), syscall.Mkfifo(filepath.Join(dir, "pipe", "index.json"), 0o600)); err != nil {
		t.Fatal(err)
	}
	zeros := "@sha256:" + strings.Repeat("0", 64)
	for ref, want := range map[string]string{
		host + "/private/app:1":             "refuses access",
		host + "/missing:1":                 "no such image (404)",
		host + "/artifact:1":                "an artifact, no image",
		host + "/text:1":                    "no image manifest",
		host + "/large:1":                   "the document's bytes: more than the limit of 4194304 (--max-manifest)",
		host + "/config100:1":               "read configuration of",
		host + "/config100:2":               "a document of 104857600 bytes: more than the limit of 4194304 (--max-manifest)",
		host + "/configlie:1":               "the document's bytes: more than the limit of 4194304 (--max-manifest)",
		host + "/negative:1":                "layer 0 is said to have -5 bytes",
		host + "/objects:1":                 "a document of 200002 objects: more than the limit of 104857 (--max-manifest)",
		"oci:" + dir + "/pipe":              "is no regular file",
		host + "/lie" + zeros:               "wrong digest",
		"127.0.0.1:1/app:1":                 "reach the registry",
		"oci:" + dir + "/none":              "no such file",
		"oci:" + dir:                        "index.json",
		"docker-archive:" + dir + "/x.tar":  "no such file",
		"docker-archive:" + dir + "/no.tar": "no tar file",
		"UPPER/case:1":                      "open image",
	} {
		_, err := source.Open(context.Background(), ref, source.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprintf("%q", ref)) {
			t.Errorf("%s: %v, want %q and the reference", ref, err, want)
		}
	}
}

func TestIsReference(t *testing.T) {
	for arg, want := range map[string]bool{
		"app:1": true, "example.com/app": true, "localhost/app": true, "localhost:5000/app": true, "oci:dir": true, "app@sha256:00": true,
		"app": false, "dir/file": false, "./dir": false, "../x": false, "Dockerfile": false,
	} {
		if got := source.IsReference(arg); got != want {
			t.Errorf("%q: %v", arg, got)
		}
	}
}
