// Package inflate is a streaming gzip reader (RFC 1951, RFC 1952) for large
// members, in safe Go and without assembly, at the speed of igzip: two to three
// times the fastest other reader in Go.
//
// What it does differently: the decoded bytes are produced inside one window of
// 256 KiB and handed out without a copy (Next); the input is loaded 64 bits at
// a time; matches are copied in moves of 16 bytes that may run past their end;
// arrays have fixed sizes that are powers of two and indexes are masked, so that
// no bounds check is left in the inner loop; and the table entry of the next
// symbol is loaded before a match is copied. The inner loop (fast) runs while
// plenty of input and output space remain, and hands over to a plain one
// (slow) at the ends.
//
// A Reader takes what the standard library's compress/gzip takes and refuses what
// that refuses, after the same output. It differs in how it reads: ahead of the
// end of the stream, as there is nothing behind a layer, and at least 40 bytes at a
// time, so that of a source that blocks the last few symbols may be held back; what
// else was decoded is handed out before the source is asked for more.
package inflate

import (
	"errors"
	"hash/crc32"
	"io"
	"sync"
)

// What is wrong with a stream. A stream that ends too early is
// io.ErrUnexpectedEOF; an error of the source is returned as it is.
var (
	ErrCorrupt  = errors.New("inflate: corrupt input")
	ErrHeader   = errors.New("gzip: invalid header")
	ErrChecksum = errors.New("gzip: invalid checksum")
)

// States of a Reader: what comes next in its input.
const (
	stHeader = iota
	stBlock
	stHuff
	stStored
	stTrailer
)

// A Reader decodes a gzip stream of one or more members. It is not safe for
// concurrent use. It holds about 400 KiB: see Get.
type Reader struct {
	src     io.Reader
	srcErr  error
	err     error // returned once the output before it is consumed
	bitbuf  uint64
	bitcnt  uint64 // valid bits in bitbuf
	ip, end uint64 // in[ip:end] is unread input
	rp, op  uint64 // win[rp:op] is unread output
	read    int64  // bytes taken from src
	state   int
	last    bool // the block being read is the member's last
	fixed   bool // the tables are those of fixed codes
	members int
	stored  int // bytes left of a stored block
	crc     uint32
	size    uint32
	hcrc    uint32 // of the header's bytes

	lens [320]uint8
	lit  [4096]uint32
	dist [1024]uint32
	pre  [128]uint32
	in   [inSize + 64]byte
	win  [winMask + 1 + 64]byte
}

// NewReader returns a Reader of src.
func NewReader(src io.Reader) *Reader {
	r := new(Reader)
	r.Reset(src)
	return r
}

// Reset makes r read src from its beginning.
func (r *Reader) Reset(src io.Reader) {
	r.src, r.srcErr, r.err = src, nil, nil
	r.bitbuf, r.bitcnt, r.ip, r.end, r.rp, r.op, r.read = 0, 0, 0, 0, 0, 0, 0
	r.state, r.members, r.crc, r.size = stHeader, 0, 0, 0
}

var pool = sync.Pool{New: func() any { return new(Reader) }}

// Get returns a Reader of src that an earlier Put gave back, if there is one.
func Get(src io.Reader) *Reader {
	r := pool.Get().(*Reader)
	r.Reset(src)
	return r
}

// Put gives r back. It must not be used afterwards.
func Put(r *Reader) {
	r.src = nil
	pool.Put(r)
}

// piece is how many bytes are handed out at least where a block ends: so that Offset can be asked
// there, as blocks are compressed each in its own way.
const piece = 16 << 10

// Offset is how many bytes of the source were read to decode what was handed
// out: at most 128 KiB more than were needed.
func (r *Reader) Offset() int64 { return r.read - int64(r.end-r.ip) - int64(r.bitcnt>>3) }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.rp == r.op {
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.win[r.rp:r.op])
	r.rp += uint64(n)
	return n, nil
}

// Next returns the next bytes of output, up to 256 KiB, without copying them:
// they are valid until the next call of any method.
func (r *Reader) Next() ([]byte, error) {
	if r.rp == r.op {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	b := r.win[r.rp:r.op]
	r.rp = r.op
	return b, nil
}

// WriteTo implements io.WriterTo.
func (r *Reader) WriteTo(w io.Writer) (n int64, err error) {
	for {
		b, err := r.Next()
		if err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		m, err := w.Write(b)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
}

// fill decodes until output is available; it returns r.err once the output
// before the error has been consumed.
func (r *Reader) fill() error {
	if r.err != nil {
		return r.err
	}
	if r.state == stHeader { // a member sees only its own history
		r.op = 0
	} else if r.op >= outLimit-histSize { // all of it consumed: slide
		copy(r.win[:histSize], r.win[r.op-histSize:r.op])
		r.op = histSize
	}
	r.rp = r.op
	from := r.op
	for r.err == nil && r.op < outLimit {
		if r.op > r.rp && r.end-r.ip < inSlack && r.srcErr == nil {
			break // hand out what there is: the source may block
		}
		switch r.state {
		case stHeader:
			r.op, r.rp = 0, 0
			r.header()
			from = 0
		case stBlock:
			if r.op-r.rp >= piece {
				r.sum(from)
				return nil
			}
			r.block()
		case stStored:
			r.copyStored()
		case stHuff:
			r.more()
			if r.end-r.ip >= inSlack {
				r.err = r.fast()
			} else {
				r.err = r.slow()
			}
		case stTrailer:
			r.sum(from)
			from = r.op
			r.align()
			sum := r.take(32)
			size := r.take(32)
			if r.err == nil && (sum != r.crc || size != r.size) {
				r.err = ErrChecksum
			}
			r.state = stHeader
			if r.op > r.rp {
				return nil
			}
		}
	}
	r.sum(from)
	if r.op > r.rp {
		return nil
	}
	return r.err
}

// sum adds win[from:op] to the member's checksum and size.
func (r *Reader) sum(from uint64) {
	r.size += uint32(r.op - from)
	r.crc = crc32.Update(r.crc, crc32.IEEETable, r.win[from:r.op])
}

// maxField is how long a header's name or comment may be: as the standard
// library has it.
const maxField = 511

// header reads a member's header, or finds the end of the stream.
func (r *Reader) header() {
	r.refill()
	if r.bitcnt == 0 && r.members > 0 {
		if r.err = io.EOF; r.srcErr != io.EOF {
			r.err = r.srcErr
		}
		return
	}
	r.hcrc = 0
	magic := r.byte() | r.byte()<<8 | r.byte()<<16
	if r.err == nil && magic != 0x088b1f {
		r.err = ErrHeader
	}
	flags := r.byte()
	for range 6 { // time, extra flags, system
		r.byte()
	}
	if flags&4 != 0 {
		for n := r.byte() | r.byte()<<8; n > 0 && r.err == nil; n-- {
			r.byte()
		}
	}
	for _, f := range [2]uint32{8, 16} { // name, comment
		n := 0
		for flags&f != 0 && r.err == nil && r.byte() != 0 {
			if n++; n > maxField {
				r.err = ErrHeader
			}
		}
	}
	if flags&2 != 0 {
		want := r.hcrc & 0xffff
		if got := r.take(16); r.err == nil && got != want {
			r.err = ErrHeader
		}
	}
	r.members++
	r.crc, r.size, r.state = 0, 0, stBlock
}

// byte takes one byte of a header.
func (r *Reader) byte() uint32 {
	v := r.take(8)
	c := ^r.hcrc // a byte at a time, and without a slice that is allocated
	r.hcrc = ^(crc32.IEEETable[byte(c)^byte(v)] ^ c>>8)
	return v
}
