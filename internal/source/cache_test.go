package source_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/source"
)

// TestPulls counts what a registry is asked: what it served once by digest is
// not asked for again, and a manifest that is kept costs a HEAD, which is no
// pull.
func TestPulls(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	heads := true
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if _, rest, ok := strings.Cut(r.URL.Path, "/app/"); ok && r.Method != http.MethodPut {
			what, id, _ := strings.Cut(rest, "/")
			if strings.HasPrefix(id, "sha256:") {
				id = "DIGEST"
			}
			asked = append(asked, r.Method+" "+what+"/"+id)
			if !heads && r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return true
			}
		}
		return false
	})
	one, two, index := randomImage(t, "linux/amd64"), randomImage(t, "linux/amd64"), multi(t, "linux/amd64", "linux/arm64")
	if err := remote.Write(reference(t, host+"/app:1"), one); err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(reference(t, host+"/app:index"), index); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	open := func(ref string, kept bool) *source.Image {
		t.Helper()
		opt := source.Options{Platform: "linux/amd64"}
		if kept {
			var err error
			if opt.Cache, err = cache.Open(dir, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		mu.Lock()
		asked = nil
		mu.Unlock()
		im, err := source.Open(context.Background(), host+ref, opt)
		if err != nil {
			t.Fatalf("%s: %v", ref, err)
		}
		return im
	}
	want := func(what string, requests ...string) {
		t.Helper()
		if !slices.Equal(asked, requests) {
			t.Errorf("%s: asked for %q, want %q", what, asked, requests)
		}
	}
	digest, err := one.Digest()
	if err != nil {
		t.Fatal(err)
	}

	open("/app:1", false)
	want("no cache", "GET manifests/1", "GET blobs/DIGEST")
	cold := open("/app:1", true)
	want("cold", "HEAD manifests/1", "GET manifests/1", "GET blobs/DIGEST")
	warm := open("/app:1", true)
	want("warm", "HEAD manifests/1")
	if warm.Digest != cold.Digest || warm.Digest != digest.String() || warm.Platform != cold.Platform || len(warm.Layers) != 3 || warm.Layers[2].Digest != cold.Layers[2].Digest {
		t.Errorf("warm %+v, cold %+v", warm, cold)
	}
	open("/app@"+digest.String(), true)
	want("by digest", "HEAD manifests/DIGEST")
	open("/app:index", true)
	want("an index, cold", "HEAD manifests/index", "GET manifests/index", "GET manifests/DIGEST", "GET blobs/DIGEST")
	open("/app:index", true)
	want("an index, warm", "HEAD manifests/index")

	documents, err := filepath.Glob(filepath.Join(dir, "v2", "documents", "*"))
	if err != nil || len(documents) != 5 {
		t.Fatalf("%q, %v: want two manifests, two configurations and an index", documents, err)
	}
	for _, f := range documents {
		if err := os.WriteFile(f, []byte(`{"schemaVersion": 2}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open("/app:1", true)
	want("damaged", "HEAD manifests/1", "GET manifests/1", "GET blobs/DIGEST")

	heads = false
	open("/app:1", true)
	want("no HEAD", "HEAD manifests/1", "GET manifests/1")
	heads = true

	if err := remote.Write(reference(t, host+"/app:1"), two); err != nil {
		t.Fatal(err)
	}
	moved := open("/app:1", true)
	want("a tag that moved", "HEAD manifests/1", "GET manifests/1", "GET blobs/DIGEST")
	if moved.Digest == digest.String() {
		t.Error("the tag moved, and the old image was opened")
	}
}
