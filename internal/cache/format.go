package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/tareweight/tare/analyzers/analysis"
)

// The form of an index: a magic with the version, then one zstd frame with its
// checksum. Inside, numbers are varints and strings are a length and bytes:
//
//	diffID, unpacked, wants (count, then glob and max of each),
//	files (count, then each: bytes shared with the path before, the rest of the
//	path, flags and kind, mode, size, link, offset less the one before, hash as
//	8 bytes, contents if flagged)
const magic = "tare-index-1\n"

// maxDecoded bounds what a file of the cache may become in memory, once its
// frame is decoded and the parts of paths that files share are written out.
const maxDecoded = 512 << 20

// leastFile is how many bytes a file takes in a frame.
const leastFile = 15

const (
	flagHard = 1 << iota
	flagDeleted
	flagOpaque
	flagContents
	kindShift = iota
)

var errDamaged = errors.New("damaged index")

var (
	encoders = sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err) // its options are constants
		}
		return e
	}}
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxDecoded))
		if err != nil {
			panic(err)
		}
		return d
	})
)

// encode writes an index to w, piece by piece: it may hold all the contents that
// an image may have.
func encode(w io.Writer, x *Index) error {
	if _, err := io.WriteString(w, magic); err != nil {
		return err
	}
	z := encoders.Get().(*zstd.Encoder)
	defer encoders.Put(z)
	z.Reset(w)
	var b []byte
	var failed error
	flush := func(least int) {
		if len(b) >= least && failed == nil {
			_, failed = z.Write(b)
			b = b[:0]
		}
	}
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	num := func(n int64) { b = binary.AppendVarint(b, n) }
	str(x.DiffID)
	num(x.Unpacked)
	num(int64(len(x.Wants)))
	for _, w := range x.Wants {
		str(w.Glob)
		num(w.Max)
	}
	num(int64(len(x.Files)))
	last, offset := "", int64(0)
	for _, f := range x.Files {
		shared := 0
		for shared < len(last) && shared < len(f.Path) && last[shared] == f.Path[shared] {
			shared++
		}
		num(int64(shared))
		str(f.Path[shared:])
		last = f.Path
		flags := int64(f.Kind) << kindShift
		for _, x := range []struct {
			on   bool
			flag int64
		}{{f.Hard, flagHard}, {f.Deleted, flagDeleted}, {f.Opaque, flagOpaque}, {f.Contents != nil, flagContents}} {
			if x.on {
				flags |= x.flag
			}
		}
		num(flags)
		num(int64(f.Mode))
		num(f.Size)
		str(f.Link)
		num(f.Offset - offset)
		offset = f.Offset
		b = binary.LittleEndian.AppendUint64(b, f.Hash)
		if f.Contents != nil {
			b = binary.AppendUvarint(b, uint64(len(f.Contents)))
			b = append(b, f.Contents...)
		}
		flush(64 << 10)
	}
	flush(0)
	return errors.Join(failed, z.Close())
}

// A reader reads what encode wrote, and remembers that it could not.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) num() int64 {
	n, k := binary.Varint(r.b)
	if k <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[k:]
	return n
}

func (r *reader) bytes() []byte {
	n, k := binary.Uvarint(r.b)
	if k <= 0 || n > uint64(len(r.b)-k) {
		r.bad = true
		return nil
	}
	s := r.b[k : k+int(n)]
	r.b = r.b[k+int(n):]
	return s
}

// count is a number of things that take at least one byte each.
func (r *reader) count() int {
	n := r.num()
	if n < 0 || n > int64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(n)
}

func decode(data []byte) (*Index, error) {
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return nil, errDamaged
	}
	plain, err := decoder().DecodeAll(data[len(magic):], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	r := &reader{b: plain}
	x := &Index{DiffID: string(r.bytes()), Unpacked: r.num()}
	for range r.count() {
		x.Wants = append(x.Wants, analysis.Want{Glob: string(r.bytes()), Max: r.num()})
		if r.bad {
			return nil, errDamaged
		}
	}
	n := r.count()
	if n > len(r.b)/leastFile {
		return nil, errDamaged
	}
	arena := make([]analysis.File, n)
	x.Files = make([]*analysis.File, 0, n)
	left := maxDecoded - len(plain)
	var path []byte
	offset := int64(0)
	for i := range arena {
		f := &arena[i]
		shared := r.num()
		rest := r.bytes()
		if r.bad || shared < 0 || shared > int64(len(path)) {
			return nil, errDamaged
		}
		path = append(path[:shared], rest...)
		if left -= len(path); left < 0 {
			return nil, errDamaged
		}
		f.Path = string(path)
		flags := r.num()
		f.Hard, f.Deleted, f.Opaque, f.Kind = flags&flagHard != 0, flags&flagDeleted != 0, flags&flagOpaque != 0, analysis.Kind(flags>>kindShift)
		f.Mode, f.Size = fs.FileMode(r.num()), r.num()
		f.Link = string(r.bytes())
		offset += r.num()
		f.Offset = offset
		if len(r.b) < 8 {
			return nil, errDamaged
		}
		f.Hash = binary.LittleEndian.Uint64(r.b)
		r.b = r.b[8:]
		if flags&flagContents != 0 {
			f.Contents = r.bytes()
		}
		if r.bad || f.Path == "" || f.Size < 0 {
			return nil, errDamaged
		}
		x.Files = append(x.Files, f)
	}
	if r.bad || len(r.b) != 0 {
		return nil, errDamaged
	}
	return x, nil
}
