package image_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
)

// TestReading: who waits is told of each layer that is read, what made it, and how far it is; and of none that is kept.
func TestReading(t *testing.T) {
	c, err := cache.Open(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	plain := layer(t, files)
	src := one(plain, plain)
	src.Config.History = []v1.History{{CreatedBy: "RUN nothing", EmptyLayer: true}, {CreatedBy: "COPY . ."}}
	var mu sync.Mutex
	var said []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, fmt.Sprintf(format, args...))
	}
	opt := image.Options{Cache: c, Reading: func(r *image.Reading) func() {
		note("layer %d, %q, %d of %d bytes", r.Index, r.CreatedBy, r.Read(), r.Size)
		return func() { note("%d bytes of it were read", r.Read()) }
	}}
	if _, err := index(src, opt); err != nil {
		t.Fatal(err)
	}
	size := len(plain)
	want := []string{fmt.Sprintf("layer 0, %q, 0 of %d bytes", "COPY . .", size), fmt.Sprintf("%d bytes of it were read", size)}
	if !slices.Equal(said, want) {
		t.Errorf("got %q, want %q", said, want)
	}
	said = nil
	if _, err := index(src, opt); err != nil || said != nil {
		t.Errorf("%v: of a layer that is kept: %q", err, said)
	}
	saved := savedImage(t, false, func(id string) string { return id + ".tar" })
	stream, err := source.Open(context.Background(), "docker-archive:-", source.Options{Stdin: bytes.NewReader(saved)})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	opt.Cache, opt.Limits = nil, source.DefaultLimits
	if _, err := image.Stream(context.Background(), stream, opt); err != nil {
		t.Fatal(err)
	}
	if len(said) == 0 || said[0] != `layer -1, "", 0 of -1 bytes` {
		t.Errorf("of a stream: %q", said)
	}
}
