package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"
)

// What is kept of an ELF file while it streams by: its first bytes, which hold the headers, and what of
// its segments may hold the dynamic section and the names that it refers to.
const (
	elfHead    = 8 << 10 // headers, and those of the program's segments
	maxSpan    = 1 << 20 // of one segment
	maxSpans   = 8
	maxNeeded  = 256
	maxDynamic = 64 << 10
	maxName    = 255 // bytes of one library's name
)

// An elfReader finds the libraries that an ELF file needs in the bytes of it that stream by, without
// keeping the file (System V ABI, gABI 4.1, "Dynamic Section").
type elfReader struct {
	head  []byte
	at    int64 // bytes that streamed by
	order binary.ByteOrder
	loads []elfSegment
	dyn   elfSegment
	spans []span
	ready bool // the headers were read
	bad   bool // it is no 64-bit ELF file, or its headers make no sense
}

// An elfSegment is what a program header says: where its bytes lie in the file, and in memory.
type elfSegment struct{ from, size, addr uint64 }

// A span is bytes of the file that are kept.
type span struct {
	from, to int64
	data     []byte
}

// reset makes r read the next file.
func (r *elfReader) reset() {
	*r = elfReader{head: r.head[:0], loads: r.loads[:0], spans: r.spans[:0]}
}

// write takes the next bytes.
func (r *elfReader) write(p []byte) {
	if r.bad {
		return
	}
	if !r.ready {
		n := min(len(p), elfHead-len(r.head))
		r.head = append(r.head, p[:n]...)
		if len(r.head) == elfHead {
			r.headers()
		}
	}
	if r.ready {
		for i := range r.spans {
			s := &r.spans[i]
			if from, to := max(s.from, r.at), min(s.to, r.at+int64(len(p))); from < to {
				s.data = append(s.data, p[from-r.at:to-r.at]...)
			}
		}
	}
	r.at += int64(len(p))
}

// headers reads the headers of the file and of its segments, and says what to keep; what streamed by
// already is in head.
func (r *elfReader) headers() {
	r.ready = true
	h := r.head
	if len(h) < 64 || h[elf.EI_CLASS] != byte(elf.ELFCLASS64) {
		r.bad = true
		return
	}
	r.order = binary.LittleEndian
	if h[elf.EI_DATA] == byte(elf.ELFDATA2MSB) {
		r.order = binary.BigEndian
	}
	at, size, n := r.order.Uint64(h[32:]), uint64(r.order.Uint16(h[54:])), uint64(r.order.Uint16(h[56:]))
	if size < 56 || n == 0 || at > elfHead || at+size*n > uint64(len(h)) {
		r.bad = n > 0 // a file without segments, such as an object, needs nothing
		return
	}
	for i := range n {
		p := h[at+i*size:]
		s := elfSegment{from: r.order.Uint64(p[8:]), addr: r.order.Uint64(p[16:]), size: r.order.Uint64(p[32:])}
		switch elf.ProgType(r.order.Uint32(p)) {
		case elf.PT_DYNAMIC:
			r.dyn = s
			r.keep(s.from, min(s.size, maxDynamic))
		case elf.PT_LOAD:
			r.loads = append(r.loads, s)
			if code := r.order.Uint32(p[4:])&uint32(elf.PF_X) != 0; !code || s.from == 0 {
				r.keep(s.from, min(s.size, maxSpan)) // the names lie before the code, or in a segment of their own
			}
		}
	}
	for i := range r.spans {
		s := &r.spans[i]
		if to := min(s.to, r.at); s.from < to { // what streamed by is in head
			s.data = append(s.data, h[s.from:to]...)
		}
	}
}

func (r *elfReader) keep(from, size uint64) {
	if len(r.spans) < maxSpans && from < 1<<62 && size > 0 {
		var data []byte
		if n := len(r.spans); n < cap(r.spans) {
			data = r.spans[:n+1][n].data[:0]
		}
		r.spans = append(r.spans, span{int64(from), int64(from + size), data})
	}
}

// bytes are those of the file from there on, as far as they were kept.
func (r *elfReader) bytes(from uint64) []byte {
	for _, s := range r.spans {
		if f := int64(from); from < 1<<62 && f >= s.from && f < s.from+int64(len(s.data)) {
			return s.data[f-s.from:]
		}
	}
	return nil
}

// needed returns the names of the libraries that the file needs, once all of it streamed by. It is not
// known where the names lie in what was not kept.
func (r *elfReader) needed() (names []string, known bool) {
	if !r.ready && !r.bad {
		r.headers()
		// all of a short file is in head
		for i := range r.spans {
			s := &r.spans[i]
			s.data = r.head[min(s.from, int64(len(r.head))):min(s.to, int64(len(r.head)))]
		}
		defer func() { r.spans = nil }() // its data is head's
	}
	if r.bad {
		return nil, false
	}
	if r.dyn.size == 0 {
		return nil, true // linked statically
	}
	dynamic := r.bytes(r.dyn.from)
	if uint64(len(dynamic)) < min(r.dyn.size, maxDynamic) {
		return nil, false
	}
	dynamic = dynamic[:min(r.dyn.size, maxDynamic)]
	var offsets []uint64
	var table, size uint64
	for ; len(dynamic) >= 16; dynamic = dynamic[16:] {
		switch tag, value := elf.DynTag(r.order.Uint64(dynamic)), r.order.Uint64(dynamic[8:]); tag {
		case elf.DT_NEEDED:
			offsets = append(offsets, value)
		case elf.DT_STRTAB:
			table = value
		case elf.DT_STRSZ:
			size = value
		}
	}
	if len(offsets) == 0 {
		return nil, true
	}
	if len(offsets) > maxNeeded {
		return nil, false
	}
	i := slices.IndexFunc(r.loads, func(s elfSegment) bool { return table >= s.addr && table-s.addr < s.size })
	if i < 0 {
		return nil, false
	}
	from := r.loads[i].from + (table - r.loads[i].addr)
	for _, off := range offsets {
		if off >= size {
			return nil, false
		}
		name := r.bytes(from + off)
		n := bytes.IndexByte(name[:min(len(name), maxName+1)], 0)
		if n <= 0 {
			return nil, false
		}
		names = append(names, string(name[:n]))
	}
	return names, true
}
