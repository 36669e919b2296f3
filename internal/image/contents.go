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
	linked := false // it is an ELF file
	for {
		n, err := content.Read(r.buf[:])
		h.Write(r.buf[:n])
		if linked {
			r.elf.write(r.buf[:n])
		} else if len(head) < 8 {
			first := len(head)
			head = append(head, r.buf[:min(n, 8)]...)
			if kindOf(head) == analysis.KindELF {
				linked = true
				r.elf.reset()
				r.elf.write(head[:first])
				r.elf.write(r.buf[:n])
			}
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
	if linked {
		names, known := r.elf.needed()
		f.Needed = analysis.Needed{Names: names, Unknown: !known}
		for _, name := range names {
			if err := r.hold(int64(len(name))); err != nil {
				return err
			}
		}
	}
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
