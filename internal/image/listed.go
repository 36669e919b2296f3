package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/inflate"
	"github.com/tareweight/tare/internal/toc"
)

// leastListed is how many bytes a layer has at least whose table of contents is read in its place: a smaller one
// is read as fast as its table.
const leastListed = 64 << 10

// What is read of a table of contents, uncompressed: more is a layer that is read instead. A large image has
// some hundred bytes for each file.
const (
	maxTable = 128 << 20
	maxEntry = 1 << 20
)

// What one request for wanted files brings, unless one of them is larger; and how many bytes may stand before a
// file in the piece that it is compressed in, which builders make 4 MiB long at most.
const (
	maxGroup = 8 << 20
	maxInner = 16 << 20
)

// gap is how many bytes between two wanted files are read with them: that takes less time than one more request.
const gap = 32 << 10

// A listing reads a layer's table of contents.
type listing struct {
	*layerReader
	index *cache.Index
	files []listedFile
	end   int64 // of the files' bytes in the layer: where the table begins
}

// A listedFile is a regular file that has bytes in the layer.
type listedFile struct {
	toc.Entry
	file *analysis.File
	to   int64 // where all of its bytes were read at the latest
	want bool
}

// listed returns the index of a layer as its table of contents tells it, and the bytes of files that are wanted,
// read each by itself. The error says why it cannot be had so: the layer is read then. Of other files the table
// tells neither their kind nor what they are linked with; their hashes are of other bytes than those of a
// layer that is read, and the layer's diffID is what the configuration says.
func (r *layerReader) listed(ctx context.Context) (*cache.Index, error) {
	t, size := r.blob.Table, r.blob.Size
	r.cost = cache.Cost{}
	l := &listing{layerReader: r, index: &cache.Index{
		DiffID: r.blob.DiffID, Wants: r.wants, Packed: size, Listed: true,
	}}
	at, length := t.Offset, t.Size
	if !t.Chunked {
		footer, err := l.part(ctx, size-toc.FooterSize, size)
		if err != nil {
			return nil, err
		}
		if at, err = toc.Footer(footer); err != nil {
			return nil, err
		}
		length = size - toc.FooterSize - at
	}
	if l.end = at; length <= 0 || at > size-length {
		return nil, errors.New("its table of contents is not in it")
	}
	if err := l.table(ctx, at, at+length); err != nil {
		return nil, err
	}
	if err := l.place(); err != nil {
		return nil, err
	}
	if err := l.contents(ctx); err != nil {
		return nil, err
	}
	l.index.Cost = l.cost
	l.index.Cost.Stored = size
	return l.index, nil
}

// part reads a part of the layer.
func (l *listing) part(ctx context.Context, from, to int64) ([]byte, error) {
	rc, err := l.blob.Part(ctx, from, to)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b := make([]byte, to-from)
	_, err = io.ReadFull(rc, b)
	return b, err
}

// table reads the table of contents, from one place in the layer to another, and checks its digest.
func (l *listing) table(ctx context.Context, from, to int64) error {
	rc, err := l.blob.Part(ctx, from, to)
	if err != nil {
		return err
	}
	defer rc.Close()
	h := sha256.New()
	var text io.Reader
	if l.blob.Table.Chunked {
		z, err := zstd.NewReader(io.TeeReader(rc, h), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		defer z.Close()
		text = z
	} else {
		z := inflate.Get(&whole{rc})
		defer inflate.Put(z)
		member := tar.NewReader(z)
		head, err := member.Next()
		if err != nil {
			return fmt.Errorf("read its table of contents: %w", err)
		}
		if head.Name != tableName {
			return fmt.Errorf("where its table of contents should be is %q", head.Name)
		}
		text = io.TeeReader(member, h)
	}
	bounded := &bounded{r: text, left: maxTable, entry: maxEntry}
	if err := toc.Read(bounded, func(e toc.Entry) error {
		bounded.entry = maxEntry
		return l.add(e)
	}); err != nil {
		return err
	}
	if l.blob.Table.Chunked {
		if _, err := io.Copy(h, rc); err != nil { // what the decoder did not need
			return err
		}
	}
	if got := sum(h); got != l.blob.Table.Digest {
		return fmt.Errorf("wrong digest of its table of contents: want %s, got %s", l.blob.Table.Digest, got)
	}
	return nil
}

// tableName is the tar member that holds the table of an eStargz layer. It is no file of the image: what pulls the layer
// by its table does not show it.
const tableName = "stargz.index.json"

// bounded ends a table that is too long, as a whole or for one entry.
type bounded struct {
	r           io.Reader
	left, entry int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left, b.entry = b.left-int64(n), b.entry-int64(n); b.left < 0 || b.entry < 0 {
		return 0, errors.New("its table of contents is too long")
	}
	return n, err
}

// add takes over one entry.
func (l *listing) add(e toc.Entry) error {
	h := &e.Header
	n := len(h.Name) + len(h.Linkname)
	if err := l.path(n); err != nil {
		return err
	}
	if err := l.spend(n); err != nil {
		return err
	}
	f := l.file(h)
	if f == nil {
		return nil
	}
	l.index.Files = append(l.index.Files, f)
	if h.Typeflag != tar.TypeReg || f.Deleted || f.Opaque {
		return nil
	}
	if f.Size > l.limits.Inflate-l.index.Unpacked {
		return l.tooLarge()
	}
	l.index.Unpacked += f.Size
	if f.Size == 0 {
		return nil
	}
	hash, err := hex.DecodeString(strings.TrimPrefix(e.Digest, "sha256:"))
	if err != nil || len(hash) != sha256.Size {
		return fmt.Errorf("its table of contents has no digest of %q", f.Path)
	}
	f.Kind, f.Hash = analysis.KindUnknown, binary.LittleEndian.Uint64(hash)
	limit, want := l.want.limit(f.Path)
	want = want && f.Size <= limit
	l.files = append(l.files, listedFile{Entry: e, file: f, want: want})
	if want {
		return l.hold(f.Size)
	}
	return nil
}

// place finds where each file ends in the layer: zstd:chunked says it, in eStargz the next begins there, with its
// header before it.
func (l *listing) place() error {
	slices.SortStableFunc(l.files, func(a, b listedFile) int { return cmp.Compare(a.Offset, b.Offset) })
	next := l.end
	for i := range slices.Backward(l.files) {
		f := &l.files[i]
		if f.Offset <= 0 || f.Offset >= l.end || f.End > l.end {
			return fmt.Errorf("its table of contents says that %q is outside of it", f.file.Path)
		}
		if i+1 < len(l.files) && l.files[i+1].Offset > f.Offset {
			next = l.files[i+1].Offset
		}
		if f.to = next; f.End > 0 {
			f.to = f.End
		}
		if f.file.Packed = f.to - f.Offset; f.Inner > maxInner || f.file.Packed <= 0 {
			return fmt.Errorf("its table of contents says that %q is where it cannot be", f.file.Path)
		}
		// compressed bytes are not many more than the others: what lies behind is not read
		plain := f.Inner + f.file.Size
		f.to = min(f.to, f.Offset+plain+plain/64+4<<10)
	}
	return nil
}

// contents reads the files that are wanted, neighbours in one request.
func (l *listing) contents(ctx context.Context) error {
	wanted := slices.DeleteFunc(slices.Clone(l.files), func(f listedFile) bool { return !f.want })
	for len(wanted) > 0 {
		n, to := 1, wanted[0].to
		for n < len(wanted) && wanted[n].Offset <= to+gap && wanted[n].to-wanted[0].Offset <= maxGroup {
			to = max(to, wanted[n].to)
			n++
		}
		if err := l.group(ctx, wanted[:n], to); err != nil {
			return err
		}
		wanted = wanted[n:]
	}
	return nil
}

// group reads wanted files that lie together, up to a place.
func (l *listing) group(ctx context.Context, files []listedFile, to int64) error {
	from := files[0].Offset
	rc, err := l.blob.Part(ctx, from, to)
	if err != nil {
		return err
	}
	defer rc.Close()
	var packed bytes.Buffer // what was read and may be read again: several files may lie in one piece
	for _, f := range files {
		if f.Holes {
			return fmt.Errorf("%q has holes", f.file.Path)
		}
		if need := f.to - from - int64(packed.Len()); need > 0 {
			if _, err := io.CopyN(&packed, rc, need); err != nil {
				return err
			}
		}
		if err := l.content(f, packed.Bytes()[f.Offset-from:f.to-from]); err != nil {
			return err
		}
	}
	return nil
}

// content reads a file from its bytes in the layer, and checks what the table says of it.
func (l *listing) content(f listedFile, packed []byte) error {
	var plain io.Reader
	if l.blob.Table.Chunked {
		z, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		defer z.Close()
		plain = z
	} else {
		z := inflate.Get(bytes.NewReader(packed))
		defer inflate.Put(z)
		plain = z
	}
	if _, err := io.CopyN(io.Discard, plain, f.Inner); err != nil {
		return fmt.Errorf("read %q where its table of contents says that it is: %w", f.file.Path, err)
	}
	b := make([]byte, f.file.Size)
	if _, err := io.ReadFull(plain, b); err != nil {
		return fmt.Errorf("read %q where its table of contents says that it is: %w", f.file.Path, err)
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(b)); got != f.Digest {
		return fmt.Errorf("its table of contents lies about %q: it says %s, the file's bytes say %s", f.file.Path, f.Digest, got)
	}
	f.file.Kind, f.file.Contents = kindOf(b), b
	return nil
}
