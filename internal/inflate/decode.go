package inflate

import "encoding/binary"

// slow decodes symbols near the end of the input.
func (r *Reader) slow() error {
	for r.op < outLimit {
		r.refill()
		if r.end-r.ip >= inSlack {
			return nil
		}
		e := r.lit[r.bitbuf&(1<<litBits-1)]
		if e&(special|subTable) == special|subTable && e&isLit == 0 {
			if r.take(litBits); r.err != nil {
				return r.err
			}
			e = r.lit[e>>8&0x1fff+uint32(r.bitbuf)&(1<<(e>>21&15)-1)]
		}
		n := uint64(e & 63)
		saved := r.bitbuf
		if r.take(n); r.err != nil {
			return r.err
		}
		if e&isLit != 0 {
			r.win[r.op] = byte(e >> 8)
			r.op++
			continue
		}
		if e&special != 0 {
			return r.endBlock(e)
		}
		length := uint64(e>>19) + saved>>(e>>8&63)&uint64(e>>14&31)
		r.refill()
		e = r.dist[r.bitbuf&(1<<distBits-1)]
		if e&special != 0 {
			if e&distSub == 0 {
				return ErrCorrupt
			}
			if r.take(distBits); r.err != nil {
				return r.err
			}
			e = r.dist[(e>>16&0x3fff+uint32(r.bitbuf)&(1<<(e>>8&15)-1))&1023]
			if e&special != 0 {
				return ErrCorrupt
			}
		}
		n = uint64(e & 63)
		saved = r.bitbuf & (1<<n - 1)
		if r.take(n); r.err != nil {
			return r.err
		}
		d := uint64(e>>16) + saved>>(e>>8&63)
		if d > r.op {
			return ErrCorrupt
		}
		for range length {
			r.win[r.op] = r.win[r.op-d]
			r.op++
		}
	}
	return nil
}

func (r *Reader) endBlock(e uint32) error {
	if e&isEOB == 0 {
		return ErrCorrupt
	}
	r.state = stBlock
	if r.last {
		r.state = stTrailer
	}
	return nil
}

// fast decodes while plenty of input and output space remain.
func (r *Reader) fast() error {
	ip, op := r.ip, r.op
	limit := r.end - inSlack
	bitbuf, bitcnt := r.bitbuf, r.bitcnt // only the low 6 bits of bitcnt count
	var err error
	bitbuf |= load64in(r, ip) << (bitcnt & 63)
	ip += (63 - bitcnt&63) >> 3
	bitcnt |= 56
	e := r.lit[bitbuf&(1<<litBits-1)]
	for ip <= limit+8 && op < outLimit {
		// e is loaded and its code lies within bitbuf
		bitbuf |= load64in(r, ip) << (bitcnt & 63)
		ip += 7
		ip -= bitcnt >> 3 & 7
		bitcnt |= 56
		if e&isLit != 0 {
			bitbuf >>= e & 63
			bitcnt -= uint64(e)
			putLit(r, op, e>>8)
			op++
			e = r.lit[bitbuf&(1<<litBits-1)]
			if e&isLit != 0 {
				bitbuf >>= e & 63
				bitcnt -= uint64(e)
				putLit(r, op, e>>8)
				op++
				e = r.lit[bitbuf&(1<<litBits-1)]
				if e&isLit != 0 {
					bitbuf >>= e & 63
					bitcnt -= uint64(e)
					putLit(r, op, e>>8)
					op++
					e = r.lit[bitbuf&(1<<litBits-1)]
					continue
				}
			}
		}
		// at most 22 bits consumed, at least 34 left
		if e&special != 0 {
			if e&subTable != 0 {
				bitbuf >>= e & 63
				bitcnt -= uint64(e)
				e = r.lit[(uint64(e>>8&0x1fff)+bitbuf&(1<<(e>>21&15)-1))&(4096-1)]
				if e&isLit != 0 {
					bitbuf >>= e & 63
					bitcnt -= uint64(e)
					putLit(r, op, e>>8)
					op++
					e = r.lit[bitbuf&(1<<litBits-1)]
					continue
				}
			}
			if e&special != 0 {
				bitbuf >>= e & 63
				bitcnt -= uint64(e)
				err = r.endBlock(e)
				break
			}
		}
		length := bitbuf >> (e >> 8 & 63) & uint64(e>>14&31)
		length += uint64(e >> 19)
		bitbuf >>= e & 63
		bitcnt -= uint64(e)
		// at least 14 bits left
		d := r.dist[bitbuf&(1<<distBits-1)]
		bitbuf |= load64in(r, ip) << (bitcnt & 63)
		ip += 7
		ip -= bitcnt >> 3 & 7
		bitcnt |= 56
		if d&special != 0 {
			if d&distSub == 0 {
				err = ErrCorrupt
				break
			}
			bitbuf >>= distBits
			bitcnt -= distBits
			d = r.dist[(uint64(d>>16&0x3fff)+bitbuf&(1<<(d>>8&15)-1))&1023]
			if d&special != 0 {
				err = ErrCorrupt
				break
			}
		}
		dist := uint64(d>>16) + bitbuf&(1<<(d&63)-1)>>(d>>8&63)
		bitbuf >>= d & 63
		bitcnt -= uint64(d)
		// at least 28 bits left: load the next entry before copying
		e = r.lit[bitbuf&(1<<litBits-1)]
		s := op - dist
		if dist > op {
			err = ErrCorrupt
			break
		}
		if dist >= 16 && length <= 32 {
			cp16(r, op, s)
			cp16(r, op+16, s+16)
			op += length
			continue
		}
		op = copyMatch(r, op, s, length)
	}
	bitcnt &= 63
	ip -= bitcnt >> 3
	bitcnt &= 7
	r.bitbuf = bitbuf & (1<<bitcnt - 1)
	r.bitcnt = bitcnt
	r.ip, r.op = ip, op
	return err
}

// copyMatch copies length bytes from s to op (s < op) and returns the new op;
// it may write up to 32 bytes past it.
func copyMatch(r *Reader, op, s, length uint64) uint64 {
	end := op + length
	dist := op - s
	if dist >= 16 {
		for op < end {
			cp16(r, op, s)
			cp16(r, op+16, s+16)
			op += 32
			s += 32
		}
		return end
	}
	if dist == 1 {
		v := uint64(r.win[s&winMask]) * 0x0101010101010101
		for op < end {
			put8(r, op, v)
			put8(r, op+8, v)
			op += 16
		}
		return end
	}
	step := min(dist, 8)
	for op < end {
		cp8(r, op, s)
		op += step
		s += step
	}
	return end
}

func load64in(r *Reader, i uint64) uint64 {
	i &= inSize - 1
	return binary.LittleEndian.Uint64(r.in[i : i+8])
}

func cp8(r *Reader, d, s uint64) {
	d &= winMask
	s &= winMask
	binary.LittleEndian.PutUint64(r.win[d:d+8], binary.LittleEndian.Uint64(r.win[s:s+8]))
}

func cp16(r *Reader, d, s uint64) {
	d &= winMask
	s &= winMask
	*(*[16]byte)(r.win[d : d+16]) = *(*[16]byte)(r.win[s : s+16])
}

func put8(r *Reader, d, v uint64) {
	d &= winMask
	binary.LittleEndian.PutUint64(r.win[d:d+8], v)
}

func putLit(r *Reader, i uint64, v uint32) { r.win[i&winMask] = byte(v) }
