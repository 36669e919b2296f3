package inflate

import "io"

// more makes at least inSlack input bytes available, or all that is left.
func (r *Reader) more() {
	if r.end-r.ip >= inSlack || r.srcErr != nil {
		return
	}
	// Keep the bytes still in the bit buffer: fast hands whole ones back.
	keep := min(r.ip, 8)
	n := copy(r.in[:], r.in[r.ip-keep:r.end])
	r.ip = keep
	for idle := 0; n < inSlack+8 && r.srcErr == nil; {
		m, err := r.src.Read(r.in[n:inSize])
		n += m
		r.read += int64(m)
		r.srcErr = err
		if m == 0 && err == nil {
			if idle++; idle > 100 {
				r.srcErr = io.ErrNoProgress
			}
		}
	}
	r.end = uint64(n)
}

// refill tops the bit buffer up bytewise (slow path).
func (r *Reader) refill() {
	if r.end-r.ip < 8 {
		r.more()
	}
	for r.bitcnt < 56 && r.ip < r.end {
		r.bitbuf |= uint64(r.in[r.ip]) << r.bitcnt
		r.ip++
		r.bitcnt += 8
	}
}

// short is the error for running out of input.
func (r *Reader) short() error {
	if r.srcErr != nil && r.srcErr != io.EOF {
		return r.srcErr
	}
	return io.ErrUnexpectedEOF
}

// take reads n <= 32 bits; the caller checks r.err.
func (r *Reader) take(n uint64) uint32 {
	if r.bitcnt < n {
		if r.refill(); r.bitcnt < n {
			if r.err == nil {
				r.err = r.short()
			}
			return 0
		}
	}
	v := uint32(r.bitbuf & (1<<n - 1))
	r.bitbuf >>= n
	r.bitcnt -= n
	return v
}

// align drops the bits before the next whole byte.
func (r *Reader) align() {
	n := r.bitcnt & 7
	r.bitbuf >>= n
	r.bitcnt -= n
}
