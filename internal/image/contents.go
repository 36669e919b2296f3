package image

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/tareweight/tare/analyzers/analysis"
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
	{
		"\x7fELF",
		analysis.KindELF,
	}, {"#!", analysis.KindScript}, {"!<arch>\n", analysis.KindArchive}, {"!<thin>\n", analysis.KindArchive},
	{
		"\x1f\x8b",
		analysis.KindPacked,
	}, {"PK\x03\x04", analysis.KindPacked}, {"\xfd7zXZ\x00", analysis.KindPacked}, {"BZh", analysis.KindPacked},
	{
		"\x28\xb5\x2f\xfd",
		analysis.KindPacked,
	}, {"\x89PNG", analysis.KindPacked}, {"\xff\xd8\xff", analysis.KindPacked}, {"RIFF", analysis.KindPacked},
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
