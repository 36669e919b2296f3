package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// library makes a 64-bit ELF file: a segment with names at its beginning, code, and a dynamic section behind it. Pad
// is how many bytes of code there are.
func library(order binary.ByteOrder, pad int, needed ...string) []byte {
	names := []byte{0}
	var dynamic []byte
	entry := func(tag elf.DynTag, value uint64) {
		dynamic = append(dynamic, make([]byte, 16)...)
		order.PutUint64(dynamic[len(dynamic)-16:], uint64(tag))
		order.PutUint64(dynamic[len(dynamic)-8:], value)
	}
	for _, n := range needed {
		entry(elf.DT_NEEDED, uint64(len(names)))
		names = append(append(names, n...), 0)
	}
	const headers = 64 + 3*56
	entry(elf.DT_STRTAB, 0x1000+headers)
	entry(elf.DT_STRSZ, uint64(len(names)))
	entry(elf.DT_NULL, 0)
	h := make([]byte, 64)
	copy(h, "\x7fELF")
	h[elf.EI_CLASS], h[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	if order == binary.BigEndian {
		h[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	}
	order.PutUint64(h[32:], 64)
	order.PutUint16(h[54:], 56)
	order.PutUint16(h[56:], 3)
	segment := func(kind elf.ProgType, flags elf.ProgFlag, from, addr, size int) {
		p := make([]byte, 56)
		order.PutUint32(p, uint32(kind))
		order.PutUint32(p[4:], uint32(flags))
		order.PutUint64(p[8:], uint64(from))
		order.PutUint64(p[16:], uint64(addr))
		order.PutUint64(p[32:], uint64(size))
		h = append(h, p...)
	}
	code := headers + len(names)
	segment(elf.PT_LOAD, elf.PF_R, 0, 0x1000, code)
	segment(elf.PT_LOAD, elf.PF_R|elf.PF_X, code, 0x100000, pad)
	segment(elf.PT_DYNAMIC, elf.PF_R|elf.PF_W, code+pad, 0x900000, len(dynamic))
	return slices.Concat(h, names, make([]byte, pad), dynamic)
}

// stream feeds r with data in pieces.
func (r *elfReader) stream(data []byte, piece func() int) ([]string, bool) {
	r.reset()
	for len(data) > 0 {
		n := min(piece(), len(data))
		r.write(data[:n])
		data = data[n:]
	}
	return r.needed()
}

// TestELF: libraries are found whatever the size of the file and of the pieces that it comes in.
func TestELF(t *testing.T) {
	var r elfReader
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, pad := range []int{0, 100, elfHead - 300, elfHead, 3 << 20} {
			for _, piece := range []int{1 << 30, 4096, 511, 64 << 10} {
				data := library(order, pad, "libpq.so.5", "libc.so.6")
				if names, known := r.stream(data, func() int { return piece }); !known || strings.Join(names, " ") != "libpq.so.5 libc.so.6" {
					t.Errorf("%v, %d bytes of code, pieces of %d: %q, %v", order, pad, piece, names, known)
				}
			}
		}
	}
	if names, known := r.stream(library(binary.LittleEndian, 9), func() int { return 7 }); len(names) > 0 || !known {
		t.Errorf("needs nothing: %q, %v", names, known)
	}
	small := library(binary.LittleEndian, 9, "x")
	small[elf.EI_CLASS] = byte(elf.ELFCLASS32)
	if _, known := r.stream(small, func() int { return 9 }); known {
		t.Error("a 32-bit file is said to be known")
	}
	cut := library(binary.LittleEndian, 9000, "x")
	if _, known := r.stream(cut[:len(cut)-40], func() int { return 999 }); known {
		t.Error("a file that ends in its dynamic section is said to be known")
	}
}

// TestELFSystem compares with debug/elf on the files of this machine.
func TestELFSystem(t *testing.T) {
	var files []string
	for _, pattern := range []string{"/usr/bin/*", "/usr/lib/*/*.so*", "/usr/lib/*.so*", "/usr/local/lib/*.so*", "/usr/lib/python3/dist-packages/*/*.so"} {
		list, _ := filepath.Glob(pattern)
		files = append(files, list...)
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	var r elfReader
	judged, unknown := 0, 0
	for _, name := range files {
		f, err := elf.Open(name)
		if err != nil || f.Class != elf.ELFCLASS64 || judged == 300 {
			continue
		}
		want, err := f.ImportedLibraries()
		f.Close()
		data, rerr := os.ReadFile(name)
		if err != nil || rerr != nil {
			continue
		}
		judged++
		got, known := r.stream(data, func() int { return 1 + random.IntN(64<<10) })
		switch {
		case !known:
			unknown++
			t.Logf("%s: not known", name)
		case !slices.Equal(got, want):
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if judged == 0 {
		t.Skip("this machine has no ELF files")
	}
	if unknown*50 > judged {
		t.Errorf("of %d files %d are not known", judged, unknown)
	}
}

func FuzzELF(f *testing.F) {
	f.Add(library(binary.LittleEndian, 100, "libm.so.6"), 3)
	f.Add(library(binary.BigEndian, 9000, "a", "b"), 9999)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		var a, b elfReader
		one, known := a.stream(data, func() int { return 1 << 30 })
		two, alike := b.stream(data, func() int { return max(1, piece) })
		if known != alike || !slices.Equal(one, two) {
			t.Fatalf("at once %q %v, in pieces %q %v", one, known, two, alike)
		}
		for _, s := range one {
			if !bytes.Contains(data, []byte(s)) {
				t.Fatalf("%q is not in the file", s)
			}
		}
	})
}
