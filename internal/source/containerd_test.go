package source

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tareweight/tare/internal/cache"
)

// TestEngineKnown: what is kept of an image is believed only where it is the configuration of one of the platform that
// is asked for. An engine that keeps images as containerd does names a manifest.
func TestEngineKnown(t *testing.T) {
	noEngines(t)
	kept, err := cache.Open(t.TempDir(), cache.DefaultLimit)
	if err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":"sha256:%s","size":%d},"layers":[]}`, sha(conf), len(conf))
	kept.PutDocument("sha256:"+sha(manifest), []byte(manifest))
	kept.PutDocument("sha256:"+sha(conf), []byte(conf))
	id := sha(manifest)
	t.Setenv("DOCKER_HOST", docker(t, saved20(t), func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/json") {
			fmt.Fprintf(w, `{"Id":"sha256:%s","Os":"linux","Architecture":"amd64"}`, id)
			return true
		}
		return false
	}))
	im, err := Open(context.Background(), "docker-daemon:app:1", Options{Cache: kept, Limits: DefaultLimits})
	if err != nil || im.Config != nil || len(im.Layers) != 0 {
		t.Fatalf("a manifest's Id: %+v, %v", im, err)
	}
	if layers, err := streamOf(im); err != nil || same(im, layers) != "" {
		t.Errorf("a manifest's Id: %v", err)
	}
	id = sha(conf)
	im, err = Open(context.Background(), "docker-daemon:app:1", Options{Cache: kept, Limits: DefaultLimits, Platform: "linux/arm64"})
	if err == nil || !strings.Contains(err.Error(), "not for linux/arm64") {
		t.Errorf("another platform: %+v, %v", im, err)
	}
}

// TestContainerd: an image of containerd by its content store, whichever namespace it is in.
func TestContainerd(t *testing.T) {
	noEngines(t)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%d},"layers":[`+
		`{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":600},{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":700}]}`,
		sha(conf), len(conf), sha(layerA), sha(layerB))
	blobs := map[string]string{}
	for _, text := range []string{manifest, conf, layerA} { // layer B was discarded
		blobs["sha256:"+sha(text)] = text
	}
	text := func(n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, n, protowire.BytesType), s)
	}
	var namespaces []string
	t.Setenv("CONTAINERD_ADDRESS", strings.TrimPrefix(listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked := string(field(body[5:], 1))
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		send := func(m []byte) {
			head := make([]byte, 5)
			binary.BigEndian.PutUint32(head[1:], uint32(len(m)))
			_, _ = w.Write(append(head, m...))
		}
		status := "0"
		switch {
		case strings.HasSuffix(r.URL.Path, "Images/Get"):
			namespaces = append(namespaces, r.Header.Get("Containerd-Namespace"))
			if status = "5"; asked == "docker.io/library/app:1" && r.Header.Get("Containerd-Namespace") == "k8s.io" {
				target := slices.Concat(text(1, "application/vnd.oci.image.manifest.v1+json"), text(2, "sha256:"+sha(manifest)),
					protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), uint64(len(manifest))))
				send(text(1, string(slices.Concat(text(1, asked), text(3, string(target))))))
				status = "0"
			}
		case blobs[asked] != "":
			for s := blobs[asked]; s != ""; {
				n := min(len(s), 100)
				send(slices.Concat(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7), text(2, s[:n])))
				s = s[n:]
			}
		default:
			status = "5"
		}
		w.Header().Set("Grpc-Status", status)
	})), "unix://"))
	im, err := Open(context.Background(), "containerd:app:1", Options{Limits: DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	if im.Kind != "containerd" || im.Digest != "sha256:"+sha(manifest) || len(im.Layers) != 2 || im.Layers[1].Size != 700 || strings.Join(namespaces, " ") != "default k8s.io" {
		t.Errorf("%+v, namespaces %q", im, namespaces)
	}
	rc, err := im.Layers[0].Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(rc); err != nil || string(got) != layerA {
		t.Errorf("layer: %.10q, %v", got, err)
	}
	if rc, err = im.Layers[1].Open(context.Background()); err == nil {
		_, err = io.ReadAll(rc)
	}
	if err == nil || !strings.Contains(err.Error(), "does not keep the compressed layers") {
		t.Errorf("a layer that was discarded: %v", err)
	}
	if _, err := Open(context.Background(), "containerd:app:2", Options{Limits: DefaultLimits}); err == nil || !strings.Contains(err.Error(), `has no image "app:2"`) {
		t.Errorf("an image that is not there: %v", err)
	}
	t.Setenv("CONTAINERD_ADDRESS", docker(t, nil, nil))
	if _, err := Open(context.Background(), "containerd:app:1", Options{Limits: DefaultLimits}); err == nil || !strings.Contains(err.Error(), "does not answer as containerd does") {
		t.Errorf("another engine: %v", err)
	}
}

// TestFields: a message that is cut off, or made up, is no panic.
func FuzzFields(f *testing.F) {
	f.Add([]byte{0x0a, 0x03, 'a', 'b', 'c', 0x18, 0x07})
	f.Fuzz(func(t *testing.T, message []byte) {
		if got := field(message, 1); len(got) > len(message) {
			t.Fatal(len(got))
		}
		number(message, 3)
	})
}
