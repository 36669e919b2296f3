package cache

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A reader reads what encode wrote, as a stream, and remembers that it could
// not.
type reader struct {
	src io.Reader
	buf []byte // what was read and not yet used is buf[at:end]
	at  int
	end int
	bad bool
	eof bool

	text strings.Builder // of many short strings
	left int64           // bytes of strings and contents that may still be made
}

// maxNeeded is how many libraries an ELF file may need.
const maxNeeded = 1000

// most is the length of the longest string that need not be copied.
const most = 64 << 10

// fill makes n bytes available, or as many as there are.
func (r *reader) fill(n int) {
	if r.end-r.at >= n || r.eof {
		return
	}
	r.end = copy(r.buf, r.buf[r.at:r.end])
	r.at = 0
	for idle := 0; r.end < n && !r.eof; {
		k, err := r.src.Read(r.buf[r.end:])
		r.end += k
		if idle++; k > 0 {
			idle = 0
		}
		if err == io.EOF {
			r.eof = true
		} else if err != nil || idle > 100 {
			r.eof, r.bad = true, true
		}
	}
}

func (r *reader) num() int64 {
	r.fill(binary.MaxVarintLen64)
	n, k := binary.Varint(r.buf[r.at:r.end])
	if k <= 0 {
		r.bad = true
		return 0
	}
	r.at += k
	return n
}

// length is that of a string or of contents.
func (r *reader) length() int {
	r.fill(binary.MaxVarintLen64)
	n, k := binary.Uvarint(r.buf[r.at:r.end])
	if k <= 0 || n > math.MaxInt64 || int64(n) > r.left {
		r.bad = true
		return 0
	}
	r.at += k
	return int(n)
}

// bytes returns the next string: valid until the next call.
func (r *reader) bytes() []byte {
	n := r.length()
	if n > most {
		r.bad = true
		return nil
	}
	r.fill(n)
	if r.end-r.at < n {
		r.bad = true
		return nil
	}
	r.at += n
	return r.buf[r.at-n : r.at]
}

// owner is the number of a user that is not root; false where it is none.
func (r *reader) owner() (uint32, bool) {
	n := r.num()
	return uint32(n), n > 0 && n <= math.MaxUint32
}

// keep makes a string of a and b.
func (r *reader) keep(a string, b []byte) string {
	n := len(a) + len(b)
	if r.left -= int64(n); n == 0 || r.left < 0 {
		r.bad = r.bad || r.left < 0
		return ""
	}
	if r.text.Cap()-r.text.Len() < n {
		r.text.Reset()
		r.text.Grow(max(n, 32<<10))
	}
	start := r.text.Len()
	r.text.WriteString(a)
	r.text.Write(b)
	return r.text.String()[start:]
}

// contents returns the next bytes, which are the caller's.
func (r *reader) contents() []byte {
	n := r.length()
	if r.left -= int64(n); r.bad {
		return nil
	}
	// piece by piece: the length is only what the file says
	out := make([]byte, 0, min(n, 1<<20))
	for len(out) < n {
		r.fill(min(n-len(out), most))
		k := min(n-len(out), r.end-r.at)
		if k == 0 {
			r.bad = true
			return nil
		}
		out = append(out, r.buf[r.at:r.at+k]...)
		r.at += k
	}
	return out
}

// decode reads an index. Admit is asked whether one of that Cost may be held,
// before its files are made; its error is returned.
func decode(src io.Reader, admit func(*Index) error) (*Index, error) {
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(src, head); err != nil || string(head) != magic {
		return nil, errDamaged
	}
	z := decoders.Get().(*zstd.Decoder)
	defer decoders.Put(z)
	if err := z.Reset(src); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	r := &reader{src: z, buf: make([]byte, most+binary.MaxVarintLen64), left: maxDecoded}
	x := &Index{DiffID: string(r.bytes()), Unpacked: r.num(), Packed: r.num()}
	for _, n := range x.Cost.numbers() {
		if *n = r.num(); *n < 0 {
			return nil, errDamaged
		}
	}
	wants := r.num()
	for i := int64(0); i < wants; i++ {
		x.Wants = append(x.Wants, analysis.Want{Glob: string(r.bytes()), Max: r.num()})
		if r.bad {
			return nil, errDamaged
		}
	}
	n := r.num()
	if r.bad || n < 0 || n > x.Cost.Entries {
		return nil, errDamaged
	}
	if admit != nil {
		if err := admit(x); err != nil {
			if r.drain(); r.bad { // what was refused was not what is kept
				return nil, errDamaged
			}
			return nil, err
		}
	}
	r.left = min(r.left, x.Cost.Kept)
	if err := r.files(x, n); err != nil {
		return nil, err
	}
	if r.fill(1); r.bad || r.end != r.at { // to the end of the frame, whose checksum is looked at there
		return nil, errDamaged
	}
	return x, nil
}

// drain reads to the end of the frame.
func (r *reader) drain() {
	for !r.eof {
		r.at = r.end
		r.fill(1)
	}
}

// files reads n files.
func (r *reader) files(x *Index, n int64) error {
	var arena []analysis.File
	x.Files = make([]*analysis.File, 0, min(n, 64<<10))
	last := ""
	for i := range n {
		if len(arena) == 0 {
			arena = make([]analysis.File, min(n-i, 512))
		}
		f := &arena[0]
		arena = arena[1:]
		shared := r.num()
		rest := r.bytes()
		if r.bad || shared < 0 || shared > int64(len(last)) {
			return errDamaged
		}
		f.Path = r.keep(last[:shared], rest)
		last = f.Path
		flags := r.num()
		f.Hard, f.Deleted, f.Opaque, f.Kind = flags&flagHard != 0, flags&flagDeleted != 0, flags&flagOpaque != 0, analysis.Kind(
			flags>>kindShift,
		)
		f.Mode, f.Size = fs.FileMode(r.num()), r.num()
		f.Link = r.keep("", r.bytes())
		if r.fill(8); r.end-r.at < 8 {
			return errDamaged
		}
		f.Hash = binary.LittleEndian.Uint64(r.buf[r.at:])
		r.at += 8
		f.Packed = r.num()
		if flags&flagOwner != 0 {
			owner, ok := r.owner()
			if f.Owner = owner; !ok {
				return errDamaged
			}
		}
		f.Needed.Unknown = flags&flagUnknown != 0
		if flags&flagNeeded != 0 {
			n := r.num()
			if n < 0 || n > maxNeeded {
				return errDamaged
			}
			for range n {
				f.Needed.Names = append(f.Needed.Names, r.keep("", r.bytes()))
			}
		}
		if flags&flagContents != 0 {
			f.Contents = r.contents()
		}
		if r.bad || f.Path == "" || f.Size < 0 || f.Packed < 0 {
			return errDamaged
		}
		x.Files = append(x.Files, f)
	}
	return nil
}
