package cli_test

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/tareweight/tare/internal/cli"
)

// TestScanAttach: what is found of an image is beside it in its registry as SARIF, once, whether the registry lists referrers
// or not; where it cannot be, that is said, and the next run tries again.
func TestScanAttach(t *testing.T) {
	for what, lists := range map[string]bool{"a registry that lists referrers": true, "one that does not": false} {
		t.Run(what, func(t *testing.T) {
			var writes, refuse atomic.Int32
			reg := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(lists))
			host, images := registryWith(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
					writes.Add(1)
					if refuse.Load() > 0 {
						w.WriteHeader(http.StatusForbidden)
						return
					}
				}
				reg.ServeHTTP(w, r)
			}), "team/a:1")
			dir := t.TempDir()
			t.Chdir(dir)
			t.Setenv("DOCKER_CONFIG", dir)
			t.Setenv("XDG_CACHE_HOME", dir)
			refuse.Store(1)
			status, out, _ := run("scan", host+"/team/*", "--attach", "--no-config")
			if status != cli.Broken || !strings.Contains(out, "is not attached to it") || !strings.Contains(out, "refuses access") {
				t.Errorf("refused: status %d: %s", status, out)
			}
			refuse.Store(0)
			if status, out, _ := run("scan", host+"/team/*", "--attach", "--no-config"); status != cli.Clean {
				t.Fatalf("status %d: %s", status, out)
			}
			before := writes.Load()
			if status, out, _ := run("scan", host+"/team/*", "--attach", "--no-config"); status != cli.Clean || writes.Load() != before || !strings.Contains(out, "1 was judged before") {
				t.Errorf("again: status %d, %d writes: %s", status, writes.Load()-before, out)
			}
			digest, err := images[0].Digest()
			if err != nil {
				t.Fatal(err)
			}
			repo, err := name.NewRepository(host + "/team/a")
			if err != nil {
				t.Fatal(err)
			}
			index, err := remote.Referrers(repo.Digest(digest.String()))
			if err != nil {
				t.Fatal(err)
			}
			m, err := index.IndexManifest()
			if err != nil || len(m.Manifests) != 1 || m.Manifests[0].ArtifactType != "application/sarif+json" {
				t.Fatalf("%v: %+v", err, m)
			}
			im, err := remote.Image(repo.Digest(m.Manifests[0].Digest.String()))
			if err != nil {
				t.Fatal(err)
			}
			sarif := content(t, im)
			var doc struct {
				Version string
				Runs    []json.RawMessage
			}
			if err := json.Unmarshal(sarif, &doc); err != nil || doc.Version != "2.1.0" || len(doc.Runs) != 1 {
				t.Errorf("%v: %.200s", err, sarif)
			}
		})
	}
}

// content is the one layer of an artifact.
func content(t *testing.T, im v1.Image) []byte {
	t.Helper()
	layers, err := im.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%v: %d layers", err, len(layers))
	}
	rc, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
