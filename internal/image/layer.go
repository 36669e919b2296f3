package image

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"
	"sync/atomic"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/source"
)

// A budget is what the layers of an image may still keep, together, and what
// came of them so far.
type budget struct {
	left     atomic.Int64 // bytes of paths and contents
	entries  atomic.Int64
	stored   atomic.Int64 // bytes of layers
	unpacked atomic.Int64 // bytes that they became
}

// A layerReader reads one layer once.
type layerReader struct {
	blob   source.Blob
	limits source.Limits
	wants  []analysis.Want
	want   *matcher
	keep   *budget
	cache  *cache.Cache
	cost   cache.Cost // of what was read so far
	ctx    context.Context
	buf    [64 << 10]byte
	arena  []analysis.File
	elf    elfReader
	digest string // of the stored bytes that were read
	table  bool   // a table of contents will do
	note   func(string)
	begin  func(*Reading) (end func())
	at     int    // the layer's place in the image; -1 where it is not known
	made   string // the history's entry of it
}

// plainHeaders is how many bytes of headers an entry has as a rule: its own, and
// an extended one with its block.
const plainHeaders = 4 << 10

// Marks of deletions (OCI image-spec, layer.md "Representing Changes").
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// index returns the layer's index. A remote blob that was read before is not
// fetched: its digest was checked then, and its diffID computed. A local one is
// hashed each time, and inflated only if its bytes are new.
func (r *layerReader) index(ctx context.Context) (*cache.Index, error) {
	r.ctx = ctx
	digest := r.blob.Digest
	if r.blob.Engine { // which has checked it
		if x, err := r.cache.Layer(r.blob.DiffID, r.wants, r.admit); x != nil || err != nil {
			return x, err
		}
	}
	if digest == "" && r.cache != nil {
		var err error
		if digest, err = r.stored(); err != nil {
			return nil, err
		}
	}
	if x, err := r.cache.Get(digest, r.wants, r.admit); err != nil {
		return nil, err
	} else if x != nil {
		if r.blob.Local && r.blob.Digest != "" {
			if _, err := r.stored(); err != nil {
				return nil, err
			}
		}
		return x, nil
	}
	if r.table && r.blob.Table != nil && r.blob.Size >= leastListed {
		if x, err := r.tabled(ctx); x != nil || err != nil {
			return x, err
		}
	}
	x, err := r.read()
	if err == nil {
		r.cache.Put(digest, x)
	}
	return x, err
}

// tabled is the index of a layer by its table of contents; nil where it has to be read.
func (r *layerReader) tabled(ctx context.Context) (*cache.Index, error) {
	kept := cache.Listing{Digest: r.blob.Digest, Table: r.blob.Table.Digest, DiffID: r.blob.DiffID, Stored: r.blob.Size}
	x, err := r.cache.Listed(kept, r.wants, r.admit)
	if x != nil || err != nil {
		return x, err
	}
	if x, err = r.listed(ctx); err == nil {
		r.cache.PutListed(kept, x)
		return x, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.keep.entries.Add(r.cost.Entries) // they are spent again
	r.keep.left.Add(r.cost.Kept)
	r.cost, r.arena = cache.Cost{}, nil
	if r.note != nil && !errors.Is(err, source.ErrWhole) {
		r.note(fmt.Sprintf("layer %s is read as a whole: %v", name(r.blob), err))
	}
	return nil, nil
}

// admit refuses a layer that was read before as it would be if it were read now:
// its limits may have been higher then.
func (r *layerReader) admit(x *cache.Index) error {
	c := x.Cost
	switch {
	case r.blob.DiffID != "" && x.DiffID != r.blob.DiffID:
		return fmt.Errorf("wrong diffID: the configuration says %s, the layer's bytes say %s", r.blob.DiffID, x.DiffID)
	case r.blob.Size >= 0 && c.Stored != r.blob.Size:
		return fmt.Errorf("it has %d bytes, the manifest says %d", c.Stored, r.blob.Size)
	case c.Plain > r.limits.Inflate || x.Unpacked > r.limits.Inflate:
		return r.tooLarge()
	case c.Ratio > r.limits.Ratio:
		return &source.LimitError{
			What:  fmt.Sprintf("compression ratio: a byte of it became %d", c.Ratio),
			Limit: r.limits.Ratio,
			Flag:  "--max-ratio",
		}
	}
	if err := r.path(int(c.Path)); err != nil {
		return err
	}
	if r.keep.entries.Add(-c.Entries) < 0 {
		return r.tooMany()
	}
	if err := r.hold(c.Kept); err != nil {
		return err
	}
	return over(r.keep.unpacked.Add(c.Plain), r.keep.stored.Add(c.Stored), r.limits)
}

// path checks the length of an entry's path, with that of its link.
func (r *layerReader) path(n int) error {
	r.cost.Path = max(r.cost.Path, int64(n))
	if n > r.limits.Path {
		return &source.LimitError{What: fmt.Sprintf("a path of %d bytes", n), Limit: int64(r.limits.Path), Flag: "--max-path"}
	}
	return nil
}

func (r *layerReader) tooLarge() error {
	return &source.LimitError{What: "uncompressed bytes of a layer", Limit: r.limits.Inflate, Flag: "--max-layer-bytes"}
}

// spend takes one more entry and the bytes that are kept of it from what the
// image may hold.
func (r *layerReader) spend(bytes int) error {
	r.cost.Entries++
	if r.keep.entries.Add(-1) < 0 {
		return r.tooMany()
	}
	return r.hold(int64(bytes))
}

func (r *layerReader) tooMany() error {
	return &source.LimitError{What: "entries of the image", Limit: int64(r.limits.Entries), Flag: "--max-entries"}
}

// hold takes bytes that are kept from what the image may hold.
func (r *layerReader) hold(bytes int64) error {
	r.cost.Kept += bytes
	if r.keep.left.Add(-bytes) < 0 {
		return &source.LimitError{What: "bytes of paths, databases and metadata", Limit: r.limits.Keep, Flag: "--max-keep"}
	}
	return nil
}

// stored hashes the bytes of a local blob.
func (r *layerReader) stored() (string, error) {
	rc, err := r.blob.Open(r.ctx)
	if err != nil {
		return "", err
	}
	defer rc.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{rc}, r.buf[:]); err != nil {
		return "", err
	}
	got := sum(h)
	if r.blob.Digest != "" && got != r.blob.Digest {
		return "", fmt.Errorf("wrong digest: want %s, got %s", r.blob.Digest, got)
	}
	return got, nil
}

// read indexes the layer, and checks the digest of its stored bytes and that
// of the uncompressed ones.
func (r *layerReader) read() (*cache.Index, error) {
	rc, err := r.blob.Open(r.ctx)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	stored := &countReader{r: rc, hash: sha256.New(), limit: r.blob.Size}
	if r.begin != nil {
		x := &Reading{Index: r.at, CreatedBy: r.made, Digest: cmp.Or(r.blob.Digest, r.blob.DiffID), Size: r.blob.Size}
		stored.told = &x.read
		defer r.begin(x)()
	}
	plain, err := decompress(stored)
	if err != nil {
		return nil, err
	}
	defer plain.close()
	plain.limits, plain.stored, plain.ctx, plain.image = r.limits, stored, r.ctx, r.keep
	index, err := r.entries(plain)
	if err != nil {
		return nil, fail(err)
	}
	if err := plain.drain(); err != nil {
		return nil, fail(err)
	}
	if err := stored.drain(); err != nil {
		return nil, err
	}
	if r.blob.Size >= 0 && stored.n != r.blob.Size {
		return nil, fmt.Errorf("it ends after %d bytes, the manifest says %d", stored.n, r.blob.Size)
	}
	r.digest = sum(stored.hash)
	if r.blob.Digest != "" && r.digest != r.blob.Digest {
		return nil, fmt.Errorf("wrong digest: want %s, got %s", r.blob.Digest, r.digest)
	}
	r.cost.Stored, r.cost.Plain, r.cost.Ratio = stored.n, plain.n, plain.ratio
	index.DiffID, index.Wants, index.Cost = r.digest, r.wants, r.cost
	if !plain.plain { // else its bytes are those that were stored
		index.DiffID = sum(plain.hash)
	}
	if !plain.plain {
		index.Packed = stored.n
	}
	if r.blob.DiffID != "" && index.DiffID != r.blob.DiffID {
		return nil, fmt.Errorf("wrong diffID: the configuration says %s, the layer's bytes say %s", r.blob.DiffID, index.DiffID)
	}
	return index, nil
}

func sum(h hash.Hash) string { return fmt.Sprintf("sha256:%x", h.Sum(nil)) }

// fail says what an early end means.
func fail(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the layer is truncated: it ends inside a file")
	}
	return err
}

// entries reads the tar stream.
func (r *layerReader) entries(plain *stream) (*cache.Index, error) {
	index := &cache.Index{}
	tr := tar.NewReader(plain)
	for {
		plain.heading, plain.from = true, plain.at()
		packed := plain.place()
		h, err := tr.Next()
		plain.heading = false
		if err == io.EOF {
			return index, nil
		}
		if err != nil {
			if plain.n == 0 && errors.Is(err, io.ErrUnexpectedEOF) {
				return nil, err
			}
			return nil, fmt.Errorf("read tar entry %d: %w", len(index.Files)+1, err)
		}
		sparse := isSparse(h)
		if sparse {
			h.Typeflag = tar.TypeReg // its holes are read as the zeros they are
		}
		n := len(h.Name) + len(h.Linkname)
		if err := r.path(n); err != nil {
			return nil, err
		}
		// extended headers that say nothing of a path cost as much as those that do
		if err := r.spend(max(n, int(plain.at()-plain.from)-plainHeaders)); err != nil {
			return nil, err
		}
		f := r.file(h)
		if f == nil {
			continue
		}
		index.Files = append(index.Files, f)
		if h.Typeflag == tar.TypeReg && !f.Deleted && !f.Opaque {
			if f.Size > r.limits.Inflate-index.Unpacked {
				return nil, r.tooLarge()
			}
			content := io.Reader(tr)
			if sparse {
				content = &holes{tr, index.Unpacked, plain}
			}
			index.Unpacked += f.Size
			if err := r.contents(f, content); err != nil {
				return nil, fmt.Errorf("read %q: %w", f.Path, err)
			}
			if !plain.plain {
				f.Packed = plain.place() - packed
			}
		}
	}
}

// file makes the entry of a header; nil for the root and for what is no file
// of the image.
func (r *layerReader) file(h *tar.Header) *analysis.File {
	name := clean(h.Name)
	if name == "" {
		return nil
	}
	if len(r.arena) == 0 {
		r.arena = make([]analysis.File, 512)
	}
	f := &r.arena[0]
	r.arena = r.arena[1:]
	f.Path = name
	f.Mode = h.FileInfo().Mode()
	if h.Uid > 0 && h.Uid <= math.MaxUint32 {
		f.Owner = uint32(h.Uid)
	}
	switch h.Typeflag {
	case tar.TypeReg:
		f.Size = h.Size
	case tar.TypeLink:
		f.Hard, f.Link = true, clean(h.Linkname)
	case tar.TypeSymlink:
		f.Link = h.Linkname
	case tar.TypeDir:
		f.Mode |= fs.ModeDir
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
	default:
		return nil
	}
	dir, base := path.Split(f.Path)
	if base == opaque {
		f.Path, f.Opaque = path.Clean(dir), true
	} else if gone, ok := strings.CutPrefix(base, whiteout); ok {
		if gone == "" || strings.HasPrefix(gone, whiteout) {
			return nil // nothing, or .wh..wh.: aufs's own files
		}
		f.Path, f.Deleted = dir+gone, true
	}
	return f
}

// clean makes a path of the archive one below the root: "..", "./" and a
// leading slash change nothing outside it.
func clean(p string) string {
	if fs.ValidPath(p) && p != "." {
		return p
	}
	return strings.TrimPrefix(path.Clean("/"+p), "/")
}
