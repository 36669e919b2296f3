package cache

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The form of an index: a magic with the version, then one zstd frame with its
// checksum. Inside, numbers are varints and strings are a length and bytes:
//
//	diffID, unpacked, packed, cost (plain, entries, kept, path),
//	wants (count, then glob and max of each),
//	files (count, then each: bytes shared with the path before, the rest of the
//	path, flags and kind, mode, size, link, hash as 8 bytes, packed, owner if
//	flagged, names of libraries if flagged, contents if flagged)
const magic = "tare-index-5\n"

// maxDecoded bounds what a file of the cache may become in memory where its
// caller sets no limit: bytes of paths, links and contents.
const maxDecoded = 512 << 20

// window is how far back the encoder refers, which the decoder keeps.
const window = 1 << 20

const (
	flagHard = 1 << iota
	flagDeleted
	flagOpaque
	flagContents
	flagNeeded
	flagUnknown
	flagOwner // who is not root
	kindShift = iota
)

var errDamaged = errors.New("damaged index")

var (
	encoders = sync.Pool{New: func() any {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(window))
		if err != nil {
			panic(err) // its options are constants
		}
		return e
	}}
	decoders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(window))
		if err != nil {
			panic(err)
		}
		return d
	}}
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
	num(x.Packed)
	for _, n := range x.Cost.numbers() {
		num(*n)
	}
	num(int64(len(x.Wants)))
	for _, w := range x.Wants {
		str(w.Glob)
		num(w.Max)
	}
	num(int64(len(x.Files)))
	last := ""
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
		}{{f.Hard, flagHard}, {f.Deleted, flagDeleted}, {f.Opaque, flagOpaque}, {f.Contents != nil, flagContents},
			{f.Needed.Names != nil, flagNeeded}, {f.Needed.Unknown, flagUnknown}, {f.Owner != 0, flagOwner}} {
			if x.on {
				flags |= x.flag
			}
		}
		num(flags)
		num(int64(f.Mode))
		num(f.Size)
		str(f.Link)
		b = binary.LittleEndian.AppendUint64(b, f.Hash)
		num(f.Packed)
		if f.Owner != 0 {
			num(int64(f.Owner))
		}
		if f.Needed.Names != nil {
			num(int64(len(f.Needed.Names)))
			for _, name := range f.Needed.Names {
				str(name)
			}
		}
		if f.Contents != nil {
			b = binary.AppendUvarint(b, uint64(len(f.Contents)))
			flush(0)
			if failed == nil {
				_, failed = z.Write(f.Contents)
			}
		}
		flush(64 << 10)
	}
	flush(0)
	return errors.Join(failed, z.Close())
}
