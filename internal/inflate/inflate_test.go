package inflate

import (
	"bytes"
	"compress/flate"
	stdgzip "compress/gzip"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
	"time"
)

func gz(t testing.TB, data []byte, level int) []byte {
	var b bytes.Buffer
	w, err := stdgzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func genData(rng *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+300)
	for len(b) < n {
		switch rng.Intn(5) {
		case 0:
			for range rng.Intn(400) {
				b = append(b, byte(rng.Intn(256)))
			}
		case 1:
			for range rng.Intn(400) {
				b = append(b, byte(rng.ExpFloat64()*8)+'a')
			}
		case 2:
			c := byte(rng.Intn(256))
			for range rng.Intn(700) {
				b = append(b, c)
			}
		default:
			if len(b) > 0 {
				d := 1 + rng.Intn(min(len(b), 1<<uint(rng.Intn(16))))
				for range rng.Intn(300) {
					b = append(b, b[len(b)-d])
				}
			}
		}
	}
	return b[:n]
}

func TestRound(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	r := NewReader(nil)
	for i := range 1500 {
		n := rng.Intn(1 << uint(rng.Intn(21)))
		data := genData(rng, n)
		level := []int{-2, -1, 0, 1, 2, 5, 6, 9}[rng.Intn(8)]
		z := gz(t, data, level)
		if i%3 == 0 { // second member
			d2 := genData(rng, rng.Intn(100000))
			z = append(z, gz(t, d2, 6)...)
			data = append(data, d2...)
		}
		var src io.Reader = bytes.NewReader(z)
		switch i % 5 {
		case 1:
			src = iotest.OneByteReader(src)
		case 2:
			src = iotest.HalfReader(src)
		case 3:
			src = iotest.DataErrReader(src)
		}
		r.Reset(src)
		got, err := io.ReadAll(struct{ io.Reader }{r})
		if err != nil || !bytes.Equal(got, data) {
			k := 0
			for k < len(got) && k < len(data) && got[k] == data[k] {
				k++
			}
			t.Fatalf("%d: level %d n %d got %d want %d err %v first diff %d", i, level, n, len(got), len(data), err, k)
		}
	}
}

// fixed-Huffman blocks come from tiny inputs and from this hand-made writer
func TestFixed(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	for i := range 300 {
		var bw bitw
		var want []byte
		bw.bits(1, 1)
		bw.bits(1, 2)
		n := rng.Intn(100000)
		for len(want) < n {
			if len(want) == 0 || rng.Intn(3) > 0 {
				c := byte(rng.Intn(256))
				bw.lit(int(c))
				want = append(want, c)
				continue
			}
			l := 3 + rng.Intn(256)
			d := 1 + rng.Intn(min(len(want), 32768, 1<<uint(rng.Intn(16))))
			bw.match(l, d)
			for range l {
				want = append(want, want[len(want)-d])
			}
		}
		bw.lit(256)
		raw := bw.done()
		ref, err := io.ReadAll(flate.NewReader(bytes.NewReader(raw)))
		if err != nil || !bytes.Equal(ref, want) {
			t.Fatal("writer broken", err)
		}
		r := NewReader(bytes.NewReader(wrap(raw, want)))
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d: %v %d %d", i, err, len(got), len(want))
		}
	}
}

type bitw struct {
	b []byte
	v uint64
	n uint
}

func (w *bitw) bits(v uint64, n uint) {
	w.v |= v << w.n
	w.n += n
	for w.n >= 8 {
		w.b = append(w.b, byte(w.v))
		w.v >>= 8
		w.n -= 8
	}
}
func (w *bitw) done() []byte { w.bits(0, (8-w.n)&7); return w.b }
func (w *bitw) code(c uint64, n uint) {
	for i := int(n) - 1; i >= 0; i-- {
		w.bits(c>>uint(i)&1, 1)
	}
}
func (w *bitw) lit(s int) {
	switch {
	case s < 144:
		w.code(uint64(0x30+s), 8)
	case s < 256:
		w.code(uint64(0x190+s-144), 9)
	case s < 280:
		w.code(uint64(s-256), 7)
	default:
		w.code(uint64(0xc0+s-280), 8)
	}
}
func (w *bitw) match(l, d int) {
	s := 285
	for ; s >= 257; s-- {
		b := int(litBase[s] >> 19)
		x := uint(litBase[s] & 63)
		if l >= b && l < b+1<<x {
			w.lit(s)
			w.bits(uint64(l-b), x)
			break
		}
	}
	for s := 29; s >= 0; s-- {
		b := int(distBase[s] >> 16)
		x := uint(distBase[s] & 63)
		if d >= b {
			w.code(uint64(s), 5)
			w.bits(uint64(d-b), x)
			break
		}
	}
}

func wrap(raw, data []byte) []byte {
	z := gz(nil, data, 0)
	out := append([]byte{}, z[:10]...)
	out = append(out, raw...)
	return append(out, z[len(z)-8:]...)
}

// TestTruncated cuts a stream of each kind of block at every byte.
func TestTruncated(t *testing.T) {
	rng := rand.New(rand.NewSource(5))
	data := genData(rng, 3000)
	var fixed bitw
	fixed.bits(1, 1)
	fixed.bits(1, 2)
	for _, c := range data[:500] {
		fixed.lit(int(c))
	}
	fixed.match(258, 300)
	fixed.lit(256)
	want := append(bytes.Clone(data[:500]), data[200:458]...)
	var b bytes.Buffer
	w := stdgzip.NewWriter(&b)
	for part := range slices.Chunk(data, 700) {
		w.Write(part)
		w.Flush()
	}
	w.Close()
	several := b.Bytes()
	r := NewReader(nil)
	for name, z := range map[string][]byte{
		"stored": gz(t, data, 0), "fixed": wrap(fixed.done(), want), "dynamic": gz(t, data, 6), "huffman": gz(t, data, -2),
		"several blocks": several, "two members": append(gz(t, data[:100], 6), gz(t, data[:200], 1)...), "empty": gz(t, nil, 6),
	} {
		if !check(t, r, z) {
			t.Errorf("%s: the whole stream is refused", name)
		}
		whole, err := io.ReadAll(NewReader(bytes.NewReader(z)))
		if err != nil {
			t.Fatal(err)
		}
		for n := range z {
			check(t, r, z[:n])
			r.Reset(bytes.NewReader(z[:n]))
			if got, _ := io.ReadAll(r); !bytes.HasPrefix(whole, got) {
				t.Fatalf("%s: cut at %d, the output is other than the whole stream's", name, n)
			}
		}
	}
}

// TestHeader: every optional field of a header (RFC 1952, 2.3.1), its checksum
// right and wrong, and cut at every byte.
func TestHeader(t *testing.T) {
	body := gz(t, []byte("hello"), 6)[10:]
	r := NewReader(nil)
	for flags := range byte(32) {
		h := []byte{0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255}
		if flags&4 != 0 {
			h = append(h, 3, 0, 'x', 0, 'y')
		}
		if flags&8 != 0 {
			h = append(h, "name\x00"...)
		}
		if flags&16 != 0 {
			h = append(h, "comment\x00"...)
		}
		if flags&2 != 0 {
			sum := crc32.ChecksumIEEE(h)
			if wrong := append(bytes.Clone(h), byte(sum)^1, byte(sum>>8)); check(t, r, append(wrong, body...)) {
				t.Errorf("flags %b: a wrong checksum of the header is taken", flags)
			}
			h = append(h, byte(sum), byte(sum>>8))
		}
		z := append(h, body...)
		if !check(t, r, z) {
			t.Errorf("flags %b: refused", flags)
		}
		for n := range z {
			if check(t, r, z[:n]) {
				t.Errorf("flags %b: cut at %d, and taken", flags, n)
			}
		}
	}
}

// TestLongField: a name of 511 bytes is one, a longer one is none.
func TestLongField(t *testing.T) {
	body := gz(t, []byte("hello"), 6)[10:]
	r := NewReader(nil)
	for n, want := range map[int]bool{0: true, 511: true, 512: false, 100_000: false} {
		z := append([]byte{0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255}, bytes.Repeat([]byte{'x'}, n)...)
		if check(t, r, append(append(z, 0), body...)) != want {
			t.Errorf("a name of %d bytes: taken %v", n, !want)
		}
	}
}

// TestBlocked: what was decoded is handed out before the source is asked for
// more.
func TestBlocked(t *testing.T) {
	data := genData(rand.New(rand.NewSource(6)), 100_000)
	for _, level := range []int{0, 6} {
		var b bytes.Buffer
		w, err := stdgzip.NewWriterLevel(&b, level)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(data)
		w.Flush()
		src, dst := io.Pipe()
		go dst.Write(b.Bytes()) // and nothing behind it
		r := NewReader(src)
		got := make([]byte, len(data)*9/10)
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, data[:len(got)]) {
			t.Errorf("level %d: %v", level, err)
		}
		src.Close()
	}
}

// TestBlobs decodes every compressed layer that the testbed's registry stores.
func TestBlobs(t *testing.T) {
	dir := os.Getenv("TARE_TESTBED")
	if dir == "" {
		t.Skip("TARE_TESTBED is not set: .ci/run brings the testbed up")
	}
	blobs, total := 0, int64(0)
	err := filepath.WalkDir(filepath.Join(dir, "registry"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "data" {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		std, err := stdgzip.NewReader(f)
		if err != nil {
			return nil // no layer, or zstd
		}
		want, got := sha256.New(), sha256.New()
		n, err := io.Copy(want, std)
		if err != nil {
			return nil
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		r := Get(f)
		defer Put(r)
		if m, err := r.WriteTo(got); err != nil || m != n || !bytes.Equal(want.Sum(nil), got.Sum(nil)) {
			t.Errorf("%s: %d bytes, want %d: %v", name, m, n, err)
		}
		blobs, total = blobs+1, total+n
		return nil
	})
	if t.Logf("%d blobs, %d MB", blobs, total>>20); err != nil || blobs < 10 {
		t.Errorf("%d blobs: %v", blobs, err)
	}
}

// Truncated and corrupt input: same verdict as the standard library, the same
// output before it, and no panic.
func TestBad(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	r := NewReader(nil)
	bad := 0
	for i := range 8000 {
		data := genData(rng, 1+rng.Intn(1<<uint(rng.Intn(17))))
		z := gz(t, data, []int{-2, -1, 0, 1, 6}[rng.Intn(5)])
		switch i % 3 {
		case 0:
			z = z[:rng.Intn(len(z))]
		case 1:
			for range 1 + rng.Intn(4) {
				z[rng.Intn(len(z))] ^= 1 << uint(rng.Intn(8))
			}
		case 2:
			for range 20 {
				z[min(10+rng.Intn(100), len(z)-1)] = byte(rng.Intn(256))
			}
		}
		if !check(t, r, z) {
			bad++
		}
	}
	t.Log(bad, "rejected")
}

// check compares r with the standard library on z, and reports whether it is a
// whole stream.
func check(t *testing.T, r *Reader, z []byte) bool {
	t.Helper()
	var want []byte
	zr, wantErr := stdgzip.NewReader(bytes.NewReader(z))
	if wantErr == nil {
		want, wantErr = io.ReadAll(zr)
	}
	r.Reset(bytes.NewReader(z))
	got, err := io.ReadAll(r)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("std %v, own %v (%d vs %d bytes)\n%x", wantErr, err, len(want), len(got), z[:min(len(z), 200)])
	}
	// Before the end of input the standard library asks for as many bits as the
	// end-of-block code has, at most 15, and may leave that many symbols out.
	more := 0
	if wantErr == io.ErrUnexpectedEOF {
		more = 15 * 258
	}
	if !bytes.HasPrefix(got, want) || len(got) > len(want)+more {
		t.Fatalf("std %v after %d bytes, own %v after %d\n%x", wantErr, len(want), err, len(got), z[:min(len(z), 200)])
	}
	return err == nil
}

func FuzzAgainstStd(f *testing.F) {
	rng := rand.New(rand.NewSource(4))
	for _, l := range []int{-2, 0, 1, 6} {
		f.Add(gz(f, genData(rng, 3000), l))
	}
	r := NewReader(nil)
	f.Fuzz(func(t *testing.T, z []byte) {
		defer time.AfterFunc(5*time.Second, func() { panic(fmt.Sprintf("hang on %x", z)) }).Stop()
		// patch nothing: most mutants die in Huffman headers or CRC; also try
		// the raw bytes as a bare deflate stream behind a good header
		check(t, r, z)
		raw, werr := io.ReadAll(flate.NewReader(bytes.NewReader(z)))
		zz := wrap(z, raw)
		r.Reset(bytes.NewReader(zz))
		got, err := io.ReadAll(r)
		if werr == nil && err == nil && !bytes.Equal(raw, got) {
			t.Fatal("raw differs")
		}
	})
}
