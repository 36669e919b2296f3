package inflate

import "math/bits"

const (
	litBits  = 11 // first-level literal/length table
	distBits = 8

	inSize   = 128 << 10
	inSlack  = 32 // fast loop wants this many readable bytes
	histSize = 32 << 10
	winMask  = (1 << 18) - 1
	winSlack = 258 + 3*8 + 96 // one fast iteration past the limit
	outLimit = (1 << 18) - winSlack

	// entry layout
	//   bits 0-5  bits consumed (code + extra bits)
	//   bit  6    literal, the byte in bits 8-15
	//   length:   bits 8-13 code bits, 14-18 extra-bit mask, 19-27 base
	//   distance: bits 8-13 code bits, 16-30 base
	//   special:  bit 31 set, bit 6 zero
	isLit    = 1 << 6
	special  = 1 << 31
	subTable = 1 << 30 // litlen: bits 8-20 start, 21-24 index bits
	isEOB    = 1 << 29
	distSub  = 1 << 14 // distance: 16-29 start, 8-11 index bits
)

// The payload of each symbol's entry, the code's length left out: literals and
// lengths, and distances (RFC 1951, 3.2.5).
var (
	litBase  [288]uint32
	distBase [32]uint32
)

// codeOrder is the order in which the lengths of the code lengths' code stand
// (RFC 1951, 3.2.7).
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func init() {
	for i := range 256 {
		litBase[i] = 1<<6 | uint32(i)<<8
	}
	litBase[256] = special | isEOB
	base := uint32(3)
	for i := 257; i < 285; i++ {
		x := uint32(0)
		if i >= 265 {
			x = uint32(i-261) / 4
		}
		litBase[i] = x | (1<<x-1)<<14 | base<<19
		base += 1 << x
	}
	litBase[285] = 258 << 19
	litBase[286], litBase[287] = special, special
	base = 1
	for i := range 30 {
		x := uint32(0)
		if i >= 4 {
			x = uint32(i-2) / 2
		}
		distBase[i] = x | base<<16
		base += 1 << x
	}
	distBase[30], distBase[31] = special, special
}

// build fills a decoding table. base gives each symbol's payload (nil: the
// symbol itself in bits 8-15).
func build(tab []uint32, lens []uint8, base []uint32, tb uint32) bool {
	var count, next [16]uint32
	for _, l := range lens {
		count[l&15]++
	}
	maxLen := uint32(15)
	for maxLen > 0 && count[maxLen] == 0 {
		maxLen--
	}
	code, used := uint32(0), uint32(0)
	var offs [17]uint32
	for l := uint32(1); l < 16; l++ {
		code = (code + count[l-1]*b2u(l > 1)) << 1
		next[l] = code
		offs[l+1] = offs[l] + count[l]
		used += count[l] << (15 - l)
	}
	main := tab[:1<<tb]
	if used != 1<<15 {
		// Incomplete: only "no code" and "one code of length 1" are valid.
		if used > 1<<15 || maxLen > 1 {
			return false
		}
		for i := range main {
			main[i] = special | 1
		}
	}
	if maxLen == 0 {
		return true
	}
	var sorted [320]uint16
	for s, l := range lens {
		if l != 0 {
			sorted[offs[l&15]%320] = uint16(s)
			offs[l&15]++
		}
	}
	si := 0
	size := uint32(1) // main[:size] is filled for codes of the current length
	for l := uint32(1); l <= min(maxLen, tb); l++ {
		if used == 1<<15 {
			copy(main[size:2*size], main[:size])
		}
		size *= 2
		c := next[l]
		for range count[l] {
			e := entry(base, sorted[si%320], l)
			rev := uint32(bits.Reverse16(uint16(c))) >> (16 - l)
			main[rev] = e
			si++
			c++
		}
	}
	if used != 1<<15 { // single code 0
		for i := 0; i < len(main); i += 2 {
			main[i] = main[0]
		}
		return true
	}
	for ; size < 1<<tb; size *= 2 {
		copy(main[size:2*size], main[:size])
	}
	// Longer codes: subtables behind the main table.
	start, prefix, sub := uint32(1)<<tb, ^uint32(0), uint32(0)
	end := start
	for l := tb + 1; l <= maxLen; l++ {
		c := next[l]
		for k := range count[l] {
			rev := uint32(bits.Reverse16(uint16(c))) >> (16 - l)
			c++
			if p := rev & (1<<tb - 1); p != prefix {
				prefix, start = p, end
				// Codes are in canonical order, so this subtable is full once
				// the codes under its prefix add up.
				sub = l - tb
				left := int(1)<<sub - int(count[l]-k)
				for left > 0 && sub+tb < maxLen {
					sub++
					left = left<<1 - int(count[sub+tb])
				}
				end = start + 1<<sub
				if end > uint32(len(tab)) {
					return false
				}
				if base != nil && base[0]&isLit == 0 {
					main[p] = special | distSub | start<<16 | sub<<8 | tb
				} else {
					main[p] = special | subTable | start<<8 | sub<<21 | tb
				}
			}
			e := entry(base, sorted[si%320], l)
			if e&isLit == 0 && e&special == 0 {
				e -= tb << 8
			}
			e -= tb
			si++
			for i := rev >> tb; i < 1<<sub; i += 1 << (l - tb) {
				tab[start+i] = e
			}
		}
	}
	return true
}

func b2u(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func entry(base []uint32, sym uint16, l uint32) uint32 {
	if base == nil {
		return uint32(sym)<<8 | l
	}
	e := base[sym]
	if e&isLit == 0 && e&special == 0 {
		return e + l<<8 + l
	}
	return e + l
}
