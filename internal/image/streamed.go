package image

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"regexp"

	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/source"
)

// Streamed are the layers of a source that came in one piece, by the name that the archive gives them.
type Streamed struct{ files map[string]streamedLayer }

type streamedLayer struct {
	digest string // of the bytes in the archive
	index  *cache.Index
}

// Stream reads a source that comes in one piece, and indexes its layers as they come: nothing is
// written to disk, and no layer is in memory. What src did not tell before it tells afterwards.
func Stream(ctx context.Context, src *source.Image, opt Options) (*Streamed, error) {
	s := &Streamed{files: map[string]streamedLayer{}}
	want := newMatcher(opt.Wants)
	var keep budget
	keep.left.Store(opt.Limits.Keep)
	keep.entries.Store(int64(opt.Limits.Entries))
	r := &layerReader{limits: opt.Limits, wants: opt.Wants, want: want, keep: &keep, cache: opt.Cache, ctx: ctx, begin: opt.Reading, at: -1}
	err := src.Stream(ctx, func(name string, _ int64, content io.Reader) error {
		r.blob = source.Blob{Size: -1, Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(content), nil }}
		r.cost, r.arena = cache.Cost{}, nil
		x, digest, err := r.passing(name, content)
		if err == nil {
			s.files[name] = streamedLayer{digest, x}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// reHex is a digest as archives name files by it.
var reHex = regexp.MustCompile(`(?:^|/)([0-9a-f]{64})(?:\.tar)?$`)

// passing indexes a layer that passes by once. One whose name is the digest of a layer that was read
// before is hashed and not inflated, as a local one is.
func (r *layerReader) passing(name string, content io.Reader) (x *cache.Index, digest string, err error) {
	if m := reHex.FindStringSubmatch(name); m != nil && r.cache.Has("sha256:"+m[1]) {
		claimed := "sha256:" + m[1]
		kept, err := r.cache.Get(claimed, r.wants, r.admit)
		if err != nil {
			return nil, "", err
		}
		if kept != nil {
			h := sha256.New()
			if _, err := io.CopyBuffer(h, struct{ io.Reader }{content}, r.buf[:]); err != nil {
				return nil, "", err
			}
			if got := sum(h); got != claimed {
				return nil, "", fmt.Errorf("wrong digest: its name says %s, its bytes say %s", claimed, got)
			}
			return kept, claimed, nil
		}
	}
	if x, err = r.read(); err != nil {
		return nil, "", err
	}
	r.cache.Put(r.digest, x)
	return x, r.digest, nil
}

// layer is the index of a layer of src that came in one piece; nil if it did not.
func (s *Streamed) layer(b source.Blob) (*cache.Index, error) {
	if s == nil {
		return nil, nil
	}
	found, ok := s.files[b.File]
	switch {
	case !ok:
		return nil, nil
	case b.Digest != "" && found.digest != b.Digest:
		return nil, fmt.Errorf("wrong digest: want %s, got %s", b.Digest, found.digest)
	case found.index.DiffID != b.DiffID:
		return nil, fmt.Errorf("wrong diffID: the configuration says %s, the layer's bytes say %s", b.DiffID, found.index.DiffID)
	case b.Size >= 0 && found.index.Cost.Stored != b.Size:
		return nil, fmt.Errorf("it has %d bytes, the manifest says %d", found.index.Cost.Stored, b.Size)
	}
	return found.index, nil
}
