package image

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
)

// stacked are layers of which each writes a file of its own, one of all, and deletes that of the layer below.
func stacked(n int) (im *analysis.Image, read []*cache.Index) {
	im = &analysis.Image{}
	for i := range n {
		im.Layers = append(im.Layers, &analysis.Layer{Index: i})
		files := []*analysis.File{{Path: "all", Size: int64(i)}, {Path: fmt.Sprint("own", i)}}
		for k := range 50 {
			files = append(files, &analysis.File{Path: fmt.Sprintf("dir%d/%d/file", k, i), Mode: fs.FileMode(0o644)})
		}
		if i > 0 {
			files = append(files, &analysis.File{Path: fmt.Sprint("own", i-1), Deleted: true})
		}
		read = append(read, &cache.Index{Files: files})
	}
	return im, read
}

// TestJoin: layers are merged oldest first and all of them, in whatever order they come, and side by side.
func TestJoin(t *testing.T) {
	const n = 12
	list := func(im *analysis.Image) (out []string) {
		for p, f := range im.Files() {
			out = append(out, fmt.Sprint(p, " ", f.Size, " of layer ", f.Layer.Index))
		}
		return out
	}
	want, read := stacked(n)
	for i, l := range want.Layers {
		take(l, read[i])
	}
	if err := want.Merge(10_000, 1<<20); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		im, read := stacked(n)
		join := &joiner{merge: im.NewMerger(10_000, 1<<20), layers: im.Layers, read: make([]*cache.Index, n)}
		order := rand.Perm(n)
		var wg sync.WaitGroup
		for w := range 3 {
			wg.Go(func() {
				for k := w; k < n; k += 3 {
					if err := join.add(order[k], read[order[k]]); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if err := join.merge.Finish(0); err != nil {
			t.Fatal(err)
		}
		if got := list(im); !slices.Equal(got, list(want)) || len(got) != 2+50*n {
			t.Fatalf("order %v: %d files, want %d: %q", order, len(got), len(list(want)), got[:3])
		}
	}
}
