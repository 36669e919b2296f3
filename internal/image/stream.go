package image

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/tareweight/tare/internal/inflate"
	"github.com/tareweight/tare/internal/source"
)

// A countReader hashes and counts what is read through it, and refuses more
// than the manifest says.
type countReader struct {
	r     io.Reader
	hash  hash.Hash
	n     int64
	limit int64         // -1: none
	told  *atomic.Int64 // is n, for those who wait; nil: nobody does
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.hash.Write(p[:n])
	c.n += int64(n)
	if c.told != nil {
		c.told.Store(c.n)
	}
	if c.limit >= 0 && c.n > c.limit {
		return n, fmt.Errorf("it goes on after the %d bytes that the manifest says", c.limit)
	}
	return n, err
}

// drain reads to the end, so that the digest is that of all bytes.
func (c *countReader) drain() error {
	_, err := io.Copy(io.Discard, struct{ io.Reader }{c})
	return err
}

// whole fills what it is given, unless the source ends: what is decoded at once, which place measures by,
// depends on the layer alone then, and not on how it came over the network.
type whole struct{ r io.Reader }

func (w *whole) Read(p []byte) (int, error) {
	n, err := io.ReadFull(w.r, p)
	if err == io.ErrUnexpectedEOF {
		err = nil // the next read says how it ended
	}
	return n, err
}

// A stream is the uncompressed bytes of a layer, hashed as they come.
type stream struct {
	next   func() ([]byte, error) // the next bytes, valid until the next call
	close  func()
	stored *countReader
	limits source.Limits
	ctx    context.Context
	image  *budget
	told   int64 // bytes of the stored layer that image counts
	hash   hash.Hash
	buf    []byte
	n      int64
	ratio  int64 // the most that a stored byte became, behind the first GiB

	offset     func() int64 // bytes of the stored layer that were needed so far
	plain      bool         // the layer is not compressed
	begun, end int64        // what offset was before and after buf was decoded
	size       int64        // of all that was decoded with buf
	heading    bool         // headers are read, from that many bytes on
	from       int64
}

// place is how many stored bytes were needed for what was read, about: what is decoded at once is taken
// to be compressed evenly.
func (s *stream) place() int64 {
	if s.size == 0 {
		return s.end
	}
	return s.begun + (s.end-s.begun)*(s.size-int64(len(s.buf)))/s.size
}

// at is how many uncompressed bytes were read.
func (s *stream) at() int64 { return s.n - int64(len(s.buf)) }

// maxWindow is the largest window of a zstd layer, which its decoder keeps: what
// builders write has 8 MiB, at their strongest levels 32.
const maxWindow = 32 << 20

// decompress finds out by the first bytes how a layer is compressed; its media
// type may lie.
func decompress(r *countReader) (*stream, error) {
	in := bufio.NewReaderSize(r, 4<<10)
	head, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	s := &stream{hash: sha256.New(), close: func() {}, offset: func() int64 { return r.n - int64(in.Buffered()) }}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z := inflate.Get(&whole{in})
		s.next, s.close, s.offset = z.Next, func() { inflate.Put(z) }, z.Offset
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")),
		len(head) == 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte("\x2a\x4d\x18")):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		s.next, s.close = chunks(z), z.Close
	case bytes.HasPrefix(head, []byte("\xfd7zX")), bytes.HasPrefix(head, []byte("BZh")):
		return nil, errors.New("it is compressed by xz or bzip2: gzip and zstd alone are read (OCI image-spec, layer.md)")
	default:
		s.next, s.plain = chunks(in), true
	}
	return s, nil
}

// chunks reads r in pieces.
func chunks(r io.Reader) func() ([]byte, error) {
	buf := make([]byte, 128<<10)
	return func() ([]byte, error) {
		n, err := r.Read(buf)
		if n > 0 {
			return buf[:n], nil
		}
		return nil, err
	}
}

// fill makes bytes available.
func (s *stream) fill() error {
	for idle := 0; len(s.buf) == 0; idle++ {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		b, err := s.next()
		if err != nil {
			if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("decompress: %w", err)
			}
			return err
		}
		if idle > 100 {
			return io.ErrNoProgress
		}
		if !s.plain { // else its bytes are hashed as they are stored
			s.hash.Write(b)
		}
		s.buf, s.size = b, int64(len(b))
		s.begun, s.end = s.end, s.offset()
		s.n += int64(len(b))
		if s.n > s.limits.Inflate {
			return &source.LimitError{What: "uncompressed bytes of a layer", Limit: s.limits.Inflate, Flag: "--max-layer-bytes"}
		}
		if s.heading && s.n-s.from-plainHeaders > s.limits.Keep {
			return &source.LimitError{What: "bytes of an entry's headers", Limit: s.limits.Keep, Flag: "--max-keep"}
		}
		if err := s.became(s.n); err != nil {
			return err
		}
		// many layers, each below what is looked at alone
		stored := s.image.stored.Add(s.stored.n - s.told)
		s.told = s.stored.n
		if err := over(s.image.unpacked.Add(int64(len(b))), stored, s.limits); err != nil {
			return err
		}
	}
	return nil
}

// became notes what the layer's stored bytes have become so far, and is an error
// where that is too much.
func (s *stream) became(unpacked int64) error {
	s.ratio = max(s.ratio, ratio(unpacked, s.stored.n))
	return over(unpacked, s.stored.n, s.limits)
}

// ratio is how many bytes each stored byte became; 0 up to 1 GiB.
func ratio(unpacked, stored int64) int64 {
	if unpacked <= 1<<30 {
		return 0
	}
	return unpacked / max(1, stored)
}

// over is the error of stored bytes that became too many.
func over(unpacked, stored int64, limits source.Limits) error {
	if ratio(unpacked, stored) > limits.Ratio {
		return &source.LimitError{
			What:  fmt.Sprintf("compression ratio: %d bytes became %d", stored, unpacked),
			Limit: limits.Ratio,
			Flag:  "--max-ratio",
		}
	}
	return nil
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if len(s.buf) == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buf)
	s.buf = s.buf[n:]
	return n, nil
}

// drain reads to the end: the digest is that of all bytes.
func (s *stream) drain() error {
	for {
		s.buf = nil
		if err := s.fill(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
