package inflate

import (
	"bytes"
	"compress/flate"
	"io"
	"math/bits"
	"math/rand"
	"testing"
)

// A bitWriter writes a deflate stream: the lowest bit first (RFC 1951, 3.1.1).
type bitWriter struct {
	out  []byte
	free uint
}

func (w *bitWriter) put(v uint64, n int) {
	for i := range n {
		if w.free == 0 {
			w.out, w.free = append(w.out, 0), 8
		}
		w.out[len(w.out)-1] |= byte(v>>i&1) << (8 - w.free)
		w.free--
	}
}

// code writes one of 16 codes of four bits, the highest bit first.
func (w *bitWriter) code(v uint8) { w.put(uint64(bits.Reverse8(v)>>4), 4) }

// dynamic is a valid dynamic block of random codes, but for one field, which is
// as wrong says; see its cases. Random bytes hardly ever pass a block's header,
// so that what stands behind it is hardly ever looked at.
func dynamic(rng *rand.Rand, wrong int) []byte {
	w := &bitWriter{}
	nlit, ndist := 257+rng.Intn(30), 1+rng.Intn(30)
	switch wrong {
	case 1:
		nlit = 287 + rng.Intn(2)
	case 2:
		ndist = 31 + rng.Intn(2)
	}
	w.put(1, 1)
	w.put(2, 2)
	w.put(uint64(nlit-257), 5)
	w.put(uint64(ndist-1), 5)
	// codes of four bits for the lengths 0 to 15, none for repeats
	w.put(19-4, 4)
	for _, sym := range codeOrder {
		n := uint64(4)
		if sym >= 16 {
			n = 0
		}
		if wrong == 3 && sym == 5 {
			n = uint64(rng.Intn(8))
		}
		w.put(n, 3)
	}
	lens := make([]uint8, nlit+ndist)
	// literals and lengths: the end of the block, a literal, and two lengths
	lens['a'], lens[256] = 1, 2
	if nlit > 258 {
		lens[257], lens[258] = 3, 3
	} else {
		lens['b'] = 2
	}
	// distances: none, one, or two
	dists := lens[nlit:]
	switch rng.Intn(3) {
	case 1:
		dists[rng.Intn(ndist)] = 1
	case 2:
		dists[0], dists[ndist-1] = 1, 1
	}
	switch wrong {
	case 4:
		lens[rng.Intn(len(lens))] = uint8(rng.Intn(16))
	case 5:
		dists[rng.Intn(ndist)] = uint8(rng.Intn(16))
	case 6:
		lens[256] = 0
	}
	for _, n := range lens {
		w.code(n)
	}
	if wrong == 7 { // symbols of any kind
		for range rng.Intn(200) {
			w.put(uint64(rng.Intn(2)), 1)
		}
	} else {
		for range 1 + rng.Intn(20) {
			w.put(0, 1)
		}
	}
	w.put(1, 2) // 256 has the code 10
	w.put(rng.Uint64(), rng.Intn(64))
	return w.out
}

// FuzzStructured compares blocks that are valid but for one field with the
// standard library, which refuses what zlib refuses.
func FuzzStructured(f *testing.F) {
	for wrong := range 8 {
		for seed := range int64(20) {
			f.Add(seed, wrong)
		}
	}
	r := NewReader(nil)
	f.Fuzz(func(t *testing.T, seed int64, wrong int) {
		z := dynamic(rand.New(rand.NewSource(seed)), ((wrong%8)+8)%8)
		raw, werr := io.ReadAll(flate.NewReader(bytes.NewReader(z)))
		if werr != nil {
			raw = nil
		}
		check(t, r, wrap(z, raw))
	})
}

// TestStructured: as many of them as take a second.
func TestStructured(t *testing.T) {
	r := NewReader(nil)
	good := 0
	for seed := range int64(6_000) {
		z := dynamic(rand.New(rand.NewSource(seed)), int(seed%8))
		raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(z)))
		if err == nil {
			good++
		} else {
			raw = nil
		}
		check(t, r, wrap(z, raw))
	}
	if good < 600 {
		t.Errorf("%d of 6,000 blocks are valid: the others test little", good)
	}
}
