package inflate

// copyStored copies what is left of a stored block.
func (r *Reader) copyStored() {
	for r.stored > 0 && r.bitcnt >= 8 && r.op < outLimit {
		r.win[r.op] = byte(r.take(8))
		r.op++
		r.stored--
	}
	n := min(r.stored, int(outLimit-min(r.op, outLimit)))
	if n > 0 {
		if r.ip == r.end {
			r.more()
		}
		m := copy(r.win[r.op:r.op+uint64(n)], r.in[r.ip:r.end])
		if m == 0 {
			r.err = r.short()
			return
		}
		r.ip += uint64(m)
		r.op += uint64(m)
		r.stored -= m
	}
	if r.stored == 0 {
		r.state = stBlock
		if r.last {
			r.state = stTrailer
		}
	}
}

// block reads one block header and builds its tables.
func (r *Reader) block() {
	h := r.take(3)
	if r.err != nil {
		return
	}
	r.last = h&1 != 0
	nlit, ndist := 288, 32
	switch h >> 1 {
	case 0:
		r.align()
		n := r.take(16)
		c := r.take(16)
		if r.err == nil && n^c != 0xffff {
			r.err = ErrCorrupt
		}
		r.stored, r.state = int(n), stStored
		return
	case 1:
		if r.fixed { // small members have no other
			r.state = stHuff
			return
		}
		for i := range r.lens {
			switch {
			case i < 144:
				r.lens[i] = 8
			case i < 256:
				r.lens[i] = 9
			case i < 280:
				r.lens[i] = 7
			case i < 288:
				r.lens[i] = 8
			default:
				r.lens[i] = 5
			}
		}
	case 2:
		nlit = int(r.take(5)) + 257
		ndist = int(r.take(5)) + 1
		npre := int(r.take(4)) + 4
		var pl [19]uint8
		for i := range npre {
			pl[codeOrder[i]] = uint8(r.take(3))
		}
		if r.err != nil {
			return
		}
		// RFC 1951 has 30 distance codes and no meaning for two more, which zlib refuses.
		if nlit > 286 || ndist > 30 || !build(r.pre[:], pl[:], nil, 7) {
			r.err = ErrCorrupt
			return
		}
		for i := 0; i < nlit+ndist; {
			if r.bitcnt < 14 {
				r.refill()
			}
			e := r.pre[r.bitbuf&127]
			r.take(uint64(e & 63))
			if e&special != 0 {
				r.err = ErrCorrupt
			}
			if r.err != nil {
				return
			}
			sym := uint8(e >> 8)
			if sym < 16 {
				r.lens[i] = sym
				i++
				continue
			}
			var rep int
			var v uint8
			switch sym {
			case 16:
				if i == 0 {
					r.err = ErrCorrupt
					return
				}
				rep, v = 3+int(r.take(2)), r.lens[i-1]
			case 17:
				rep = 3 + int(r.take(3))
			default:
				rep = 11 + int(r.take(7))
			}
			if i+rep > nlit+ndist {
				r.err = ErrCorrupt
			}
			if r.err != nil {
				return
			}
			for range rep {
				r.lens[i] = v
				i++
			}
		}
	default:
		r.err = ErrCorrupt
		return
	}
	r.fixed = false
	if !build(r.dist[:], r.lens[nlit:nlit+ndist], distBase[:], distBits) ||
		!build(r.lit[:], r.lens[:nlit], litBase[:], litBits) {
		r.err = ErrCorrupt
		return
	}
	r.fixed, r.state = h>>1 == 1, stHuff
}
