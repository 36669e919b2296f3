package source_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tareweight/tare/internal/source"
)

// TestParts: a layer's table of contents is named by its annotations, parts of it are asked for by range, again from where
// they broke off, and a registry that answers with the whole is said to.
func TestParts(t *testing.T) {
	im := randomImage(t, "linux/amd64")
	layers, err := im.Layers()
	if err != nil {
		t.Fatal(err)
	}
	data, err := random.Layer(9000, types.OCILayer)
	if err != nil {
		t.Fatal(err)
	}
	const table = "sha256:0000000000000000000000000000000000000000000000000000000000000001"
	im, err = mutate.Append(im, mutate.Addendum{Layer: data, Annotations: map[string]string{"containerd.io/snapshot/stargz/toc.digest": table}})
	if err != nil {
		t.Fatal(err)
	}
	rc, err := data.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	how := "part"
	host := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		d, _ := data.Digest()
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, d.String()) {
			return false
		}
		asked = append(asked, r.Header.Get("Range"))
		if how == "whole" {
			_, _ = w.Write(stored)
			return true
		}
		var from, to int
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); err != nil {
			t.Errorf("range %q: %v", r.Header.Get("Range"), err)
		}
		w.Header().Set("Content-Length", strconv.Itoa(to+1-from))
		w.WriteHeader(http.StatusPartialContent)
		if part := stored[from : to+1]; how == "break" && len(asked) == 1 {
			_, _ = w.Write(part[:10])
		} else {
			_, _ = w.Write(part)
		}
		return true
	})
	if err := remote.Write(reference(t, host+"/app:1"), im); err != nil {
		t.Fatal(err)
	}
	src, err := source.Open(t.Context(), host+"/app:1", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	last := src.Layers[len(layers)]
	if src.Layers[0].Table != nil || last.Table == nil || last.Table.Digest != table {
		t.Fatalf("tables: %+v, %+v", src.Layers[0].Table, last.Table)
	}
	for how_, want := range map[string]string{"part": "bytes=100-299", "break": "bytes=100-299, bytes=110-299"} {
		how, asked = how_, nil
		rc, err := last.Part(t.Context(), 100, 300)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(rc)
		if err != nil || !bytes.Equal(got, stored[100:300]) || strings.Join(asked, ", ") != want {
			t.Errorf("%s: %d bytes, %v, asked %q", how, len(got), err, asked)
		}
	}
	how = "whole"
	if _, err := last.Part(t.Context(), 100, 300); !errors.Is(err, source.ErrWhole) {
		t.Errorf("a registry without ranges: %v", err)
	}
	asked = nil
	for _, part := range [][2]int64{{0, 10}, {-1, 10}, {10, 10}, {20, 10}, {10, last.Size + 1}} {
		if _, err := last.Part(t.Context(), part[0], part[1]); err == nil || !strings.Contains(err.Error(), "none from") || len(asked) > 0 {
			t.Errorf("%v: %v, asked %q", part, err, asked)
		}
	}
}
