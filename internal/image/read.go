// Package image indexes the layers of an image: each is read once, as a
// stream, and nothing of it is kept but its entries and the contents that
// checks want.
package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/source"
)

// Options say what is kept of the layers.
type Options struct {
	Wants  []analysis.Want
	Limits source.Limits
	Cache  *cache.Cache // nil: none

	// Whole reads every byte of the layers, those too that carry a table of contents.
	Whole bool

	// Expect is told how many bytes of layers are going to be read; nil: nobody is.
	Expect func(bytes int64)

	// Reading is told of each layer as it begins to be read as a whole, by several goroutines at once, and what it returns is called
	// when that ends; nil: nobody is.
	Reading func(*Reading) (end func())

	// Note is told what a report should say besides, by several goroutines at once; nil: nobody is.
	Note func(string)

	// Streamed is what Stream read of the source; nil where it was not read so.
	Streamed *Streamed
}

// New returns the image with its manifest's facts, its layers not indexed.
func New(src *source.Image) *analysis.Image {
	im := &analysis.Image{Name: src.Name, Source: src.Kind, Digest: src.Digest, Platform: src.Platform, Config: src.Config}
	created := histories(src.Config)
	for i, b := range src.Layers {
		l := &analysis.Layer{Index: i, Digest: b.Digest, DiffID: b.DiffID, MediaType: b.MediaType}
		if !b.Plain && b.Size > 0 {
			l.Size.Download = b.Size
		}
		if i < len(created) {
			l.CreatedBy = created[i]
		}
		im.Layers = append(im.Layers, l)
	}
	return im
}

// histories returns the history entries that made a layer, in order.
func histories(c *v1.ConfigFile) (created []string) {
	for _, h := range c.History {
		if !h.EmptyLayer {
			created = append(created, h.CreatedBy)
		}
	}
	return created
}

// Kept is Index of an image all of whose layers are in the cache. It reads nothing else: where one is
// not, or is not as it has to be, it returns false, and im is as before.
func Kept(ctx context.Context, im *analysis.Image, src *source.Image, opt Options) bool {
	return kept(ctx, im, src, opt)
}

// kept indexes an image from the cache alone, and reports whether it could.
func kept(ctx context.Context, im *analysis.Image, src *source.Image, opt Options) bool {
	if opt.Cache == nil || src.Stream != nil && len(src.Layers) == 0 { // of a stream they are not known before it is read
		return false
	}
	for _, l := range src.Layers {
		if !opt.Cache.Has(l.Digest) && !(l.Engine && opt.Cache.IndexBytes(l.DiffID) > 0) {
			return false
		}
	}
	blobs := slices.Clone(src.Layers)
	for i := range blobs {
		blobs[i].Open = func(context.Context) (io.ReadCloser, error) { return nil, errors.New("it is not kept") }
	}
	copied := *src
	copied.Layers, copied.Stream = blobs, nil
	return Index(ctx, im, &copied, opt) == nil
}

// Index reads the layers of src, which im was made of, side by side, the
// largest first, and makes the merged view meanwhile. The error names the image and, if one
// is at fault, the layer; im is as before then.
func Index(ctx context.Context, im *analysis.Image, src *source.Image, opt Options) error {
	if n := len(src.Layers); n > opt.Limits.Layers {
		return &source.LimitError{What: fmt.Sprintf("%d layers", n), Limit: int64(opt.Limits.Layers), Flag: "--max-layers"}
	}
	if src.Stream != nil && opt.Streamed == nil {
		if kept(ctx, im, src, opt) {
			return nil
		}
		var err error
		if opt.Streamed, err = Stream(ctx, src, opt); err != nil {
			return err
		}
		if !slices.EqualFunc(im.Layers, src.Layers, func(l *analysis.Layer, b source.Blob) bool { return l.DiffID == b.DiffID }) {
			return fmt.Errorf("read layers of %q: it became another image meanwhile", src.Name)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	order := make([]int, len(src.Layers))
	for i := range order {
		order[i] = i
	}
	read := make([]int64, len(order)) // bytes; of layers whose index is kept none, in the order in which they are merged
	sum := int64(0)
	for i, b := range src.Layers {
		if opt.Cache.IndexBytes(b.DiffID) != 0 {
			continue
		}
		if read[i] = b.Size; b.Size > 0 && !b.Local && (b.Table == nil || opt.Whole) {
			sum += b.Size
		}
	}
	if opt.Expect != nil && opt.Streamed == nil {
		opt.Expect(sum)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(read[b], read[a]) })
	work := make(chan int, len(order))
	for _, i := range order {
		work <- i
	}
	close(work)
	join := &joiner{merge: im.NewMerger(opt.Limits.Entries, opt.Limits.Keep), layers: im.Layers, read: make([]*cache.Index, len(order))}
	want := newMatcher(opt.Wants)
	var keep budget
	keep.left.Store(opt.Limits.Keep)
	keep.entries.Store(int64(opt.Limits.Entries))
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(order)) {
		wg.Go(func() {
			for i := range work {
				if ctx.Err() != nil {
					return
				}
				r := &layerReader{
					blob:   src.Layers[i],
					limits: opt.Limits,
					wants:  opt.Wants,
					want:   want,
					keep:   &keep,
					cache:  opt.Cache,
					table:  !opt.Whole,
					note:   opt.Note,
					begin:  opt.Reading,
					at:     i,
					made:   im.Layers[i].CreatedBy,
				}
				x, err := opt.Streamed.layer(src.Layers[i])
				if x == nil && err == nil {
					x, err = r.index(ctx)
				}
				if err != nil {
					cancel(fmt.Errorf("read layer %d (%s) of %q: %w", i, name(src.Layers[i]), src.Name, err))
					return
				}
				if err := join.add(i, x); err != nil {
					cancel(merging(err, src.Name, opt.Limits))
				}
			}
		})
	}
	wg.Wait()
	err := context.Cause(ctx)
	if err == nil {
		err = merging(join.merge.Finish(opt.Limits.Keep-keep.left.Load()), src.Name, opt.Limits)
	}
	if err != nil {
		for _, l := range im.Layers {
			l.Files, l.Size.Unpacked, l.Listed = nil, 0, false
		}
	}
	return err
}

// name is a layer as a person may look it up.
func name(b source.Blob) string {
	d := cmp.Or(b.Digest, b.DiffID)
	if _, hex, ok := strings.Cut(d, ":"); ok && len(hex) > 12 {
		return d[:len(d)-len(hex)+12]
	}
	return d
}
