package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/source"
)

// isSparse reports whether a file may be longer than the bytes that the layer
// has of it.
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// holes reads a sparse file, whose holes the tar reader makes up: they count as
// bytes that the layer became.
type holes struct {
	r     io.Reader
	read  int64 // bytes of the layer's files
	plain *stream
}

func (h *holes) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.read += int64(n)
	if err := h.plain.ctx.Err(); err != nil {
		return n, err
	}
	if err := h.plain.became(h.read); err != nil {
		return n, err
	}
	if err := over(h.plain.image.unpacked.Add(int64(n)), h.plain.image.stored.Load(), h.plain.limits); err != nil {
		return n, err
	}
	return n, err
}

// contents reads a regular file: its kind, its hash, and, where it is wanted,
// its bytes.
func (r *layerReader) contents(f *analysis.File, content io.Reader) error {
	var kept []byte
	if limit, ok := r.want.limit(f.Path); ok && f.Size <= limit {
		if err := r.hold(f.Size); err != nil {
			return err
		}
		kept = make([]byte, 0, f.Size)
	}
	var h xxhash.Digest
	h.Reset()
	var head []byte // the first bytes; a read may end anywhere
	for {
		n, err := content.Read(r.buf[:])
		h.Write(r.buf[:n])
		if len(head) < 8 {
			head = append(head, r.buf[:min(n, 8)]...)
		}
		if kept != nil {
			kept = append(kept, r.buf[:n]...)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	f.Kind, f.Hash, f.Contents = kindOf(head), h.Sum64(), kept
	return nil
}

var magics = []struct {
	prefix string
	kind   analysis.Kind
}{
	{"\x7fELF", analysis.KindELF}, {"#!", analysis.KindScript}, {"!<arch>\n", analysis.KindArchive}, {"!<thin>\n", analysis.KindArchive},
	{"\x1f\x8b", analysis.KindPacked}, {"PK\x03\x04", analysis.KindPacked}, {"\xfd7zXZ\x00", analysis.KindPacked}, {"BZh", analysis.KindPacked},
	{"\x28\xb5\x2f\xfd", analysis.KindPacked}, {"\x89PNG", analysis.KindPacked}, {"\xff\xd8\xff", analysis.KindPacked}, {"RIFF", analysis.KindPacked},
	{"OggS", analysis.KindPacked}, {"7z\xbc\xaf", analysis.KindPacked},
}

func kindOf(b []byte) analysis.Kind {
	for _, m := range magics {
		if bytes.HasPrefix(b, []byte(m.prefix)) {
			return m.kind
		}
	}
	return analysis.KindOther
}

// Open reads the layer of f once more, up to f. The layer's digest was checked
// when it was indexed.
func Open(ctx context.Context, src *source.Image, f *analysis.File) (io.ReadCloser, error) {
	if f.Contents != nil {
		return io.NopCloser(bytes.NewReader(f.Contents)), nil
	}
	rc, err := src.Layers[f.Layer.Index].Open(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := decompress(&countReader{r: rc, hash: sha256.New(), limit: -1})
	if err != nil {
		rc.Close()
		return nil, err
	}
	plain.limits, plain.stored, plain.ctx, plain.image = source.DefaultLimits, &countReader{n: 1 << 62}, ctx, new(budget)
	again := 0 // entries of the same path before f
	for _, e := range f.Layer.Files {
		if e == f {
			break
		}
		if e.Path == f.Path && e.Mode.IsRegular() && !e.Hard && !e.Deleted && !e.Opaque {
			again++
		}
	}
	tr := tar.NewReader(plain)
	for {
		h, err := tr.Next()
		if err != nil {
			plain.close()
			rc.Close()
			return nil, fmt.Errorf("read %q once more: %w", f.Path, err)
		}
		if (h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse) && clean(h.Name) == f.Path {
			if again--; again >= 0 {
				continue
			}
			return &opened{Reader: tr, plain: plain, rc: rc}, nil
		}
	}
}

// An opened is one file of a layer that is being read.
type opened struct {
	io.Reader
	plain *stream
	rc    io.Closer
}

func (o *opened) Close() error {
	o.plain.close()
	return o.rc.Close()
}
