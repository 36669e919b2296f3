package rpmdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var small = []string{"rpmdb.sqlite", "Packages.db", "Packages", "Packages.big-endian"}

// TestForms: each form of the database that testdata/make.py writes tells the same.
func TestForms(t *testing.T) {
	for _, name := range small {
		list, err := Read(read(t, filepath.Join("testdata", name)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name == "rpmdb.sqlite" { // with inner pages: as many packages again
			if len(list) != 303 || list[302].Name != "p299" || !slices.Equal(list[302].Files, []string{"/opt/p299"}) {
				t.Errorf("%s: %d packages, the last %+v", name, len(list), list[len(list)-1])
			}
			list = list[:3]
		}
		var got []string
		for _, p := range list {
			files := fmt.Sprint(p.Files)
			if len(p.Files) == 300 {
				files = p.Files[0] + " to " + p.Files[299]
			}
			got = append(got, strings.Join([]string{p.Name, p.Version, p.Arch, p.Source, files}, " "))
		}
		want := []string{
			"bash 5.1-2.el9 x86_64 bash.src.rpm [/usr/bin/bash /usr/bin/sh /etc/skel/.bashrc]",
			"python3 1:3.9.18-1.el9 x86_64 python3.src.rpm /usr/lib64/python3.9/m000.py to /usr/lib64/python3.9/m299.py",
			"empty 1-1 noarch empty.src.rpm []",
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestDamaged: what is cut off, and what is none of them, is an error; nothing panics, and what
// was read before is not lost.
func TestDamaged(t *testing.T) {
	for _, name := range small {
		data := read(t, filepath.Join("testdata", name))
		for _, n := range []int{0, 10, 100, 600, len(data) / 2, len(data) - 600} {
			if _, err := Read(data[:n]); err == nil {
				t.Errorf("%s: the first %d bytes of %d are a database", name, n, len(data))
			}
		}
		if strings.HasPrefix(name, "Packages") && name != "Packages.db" { // it says how long it is
			continue
		}
		list, err := Read(data[:len(data)*3/4])
		if err == nil || len(list) == 0 {
			t.Errorf("%s: %d packages, %v", name, len(list), err)
		}
	}
	for text, want := range map[string]string{"": "none of rpm's", "SQLite format 3\x00": "none of rpm's", strings.Repeat("x", 200): "none of rpm's"} {
		if _, err := Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// TestCircles: a page or a block that leads to itself ends.
func TestCircles(t *testing.T) {
	data := bytes.Clone(read(t, "testdata/Packages"))
	for n := 2 * 512; n < len(data); n += 512 { // each page of overflow goes on in page 2
		data[n+16] = 2
	}
	if _, err := Read(data); err == nil {
		t.Error("pages of overflow lead in a circle")
	}
	data = bytes.Clone(read(t, "testdata/Packages.db"))
	for at := 32 + 16; at < 32+64; at += 16 { // each slot has the block of the first
		copy(data[at+8:at+12], data[32+8:32+12])
	}
	if _, err := Read(data); err == nil {
		t.Error("two slots have one block")
	}
	data = bytes.Clone(read(t, "testdata/rpmdb.sqlite"))
	for n := 512; n+512 <= len(data); n += 512 { // each cell of a leaf is its first
		if data[n] == 13 && data[n+3] == 0 {
			for i := 1; i < int(data[n+4]); i++ {
				copy(data[n+8+2*i:n+10+2*i], data[n+8:n+10])
			}
		}
	}
	if list, err := Read(data); err == nil && len(list) > len(data)/100 {
		t.Errorf("%d packages of %d bytes", len(list), len(data))
	}
	data = bytes.Clone(read(t, "testdata/Packages.db"))
	for i := range 3 { // blobs that lie in each other
		copy(data[4096+16*i:], []byte{'B', 'l', 'b', 'S', byte(i + 1), 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0})
		copy(data[32+16*i+8:32+16*i+12], []byte{byte(i), 1, 0, 0})
	}
	if _, err := Read(data); err == nil {
		t.Error("blobs lie in each other")
	}
	data = bytes.Clone(read(t, "testdata/rpmdb.sqlite"))
	for n := 512; n+512 <= len(data); n += 512 {
		if data[n] == 5 { // an inner page's last child is its first
			at := int(data[n+12])<<8 | int(data[n+13])
			copy(data[n+8:n+12], data[n+at:n+at+4])
		}
	}
	if _, err := Read(data); err == nil {
		t.Error("a page is the child of one twice")
	}
}

// named is a header that has a name alone; its store holds more behind it.
func named(name string, more []byte) []byte {
	store := append([]byte(name+"\x00"), more...)
	var h []byte
	for _, n := range []int{1, len(store), tagName, typeString, 0, 1} {
		h = binary.BigEndian.AppendUint32(h, uint32(n))
	}
	return append(h, store...)
}

// blob is a header as NDB keeps it.
func blob(pkg int, header []byte) []byte {
	var b []byte
	for _, n := range []int{blobMagic, pkg, 0, len(header)} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return append(b, header...)
}

// database is one of NDB, with a slot for each offset of a blob behind its pages.
func database(blobs []byte, offsets []int) []byte {
	pages := ((len(offsets)+2)*slotSize + ndbPage - 1) / ndbPage
	data := make([]byte, pages*ndbPage)
	binary.LittleEndian.PutUint32(data, ndbMagic)
	binary.LittleEndian.PutUint32(data[12:], uint32(pages))
	for i := range pages*ndbPage/slotSize - 2 {
		slot := data[(i+2)*slotSize:]
		binary.LittleEndian.PutUint32(slot, slotMagic)
		if i < len(offsets) {
			binary.LittleEndian.PutUint32(slot[4:], uint32(i+1))
			binary.LittleEndian.PutUint32(slot[8:], uint32((pages*ndbPage+offsets[i])/slotSize))
		}
	}
	return append(data, blobs...)
}

// TestMany: a database has so many packages at most, and none that lie in each other: each
// would cost the bytes of all within it.
func TestMany(t *testing.T) {
	var blobs []byte
	var offsets []int
	for i := range maxPackages + 1 {
		offsets = append(offsets, len(blobs))
		blobs = append(blobs, blob(i+1, named(fmt.Sprintf("pkg%04x", i), nil))...)
	}
	list, err := Read(database(blobs, offsets[:maxPackages]))
	if err != nil || len(list) != maxPackages || list[9].Name != "pkg0009" {
		t.Errorf("%d packages, %v", len(list), err)
	}
	if list, err = Read(database(blobs, offsets)); len(list) != maxPackages || err == nil || !strings.Contains(err.Error(), "limit of 50000") {
		t.Errorf("%d packages, %v", len(list), err)
	}
	const deep = 200
	blobs, offsets = nil, nil
	for i := range deep {
		blobs = blob(deep-i, named("pkgdeep", blobs))
		offsets = append(offsets, 48*i) // in a store, behind two heads, an entry and the name
	}
	if list, err = Read(database(blobs, offsets)); err == nil || len(list) == deep {
		t.Errorf("packages in each other: %d, %v", len(list), err)
	}
}

// TestDebian: what Debian's rpm installs, and says of its own database, is what is read.
func TestDebian(t *testing.T) {
	for _, program := range []string{"rpm", "rpmbuild"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("no rpm: .ci/run installs it")
		}
	}
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).Output()
		if err != nil {
			t.Fatalf("%s %q: %v", name, args, err)
		}
		return string(out)
	}
	for i, n := range []int{1, 40, 2000} {
		spec := fmt.Sprintf("Name: pkg%d\nVersion: 1.%d\nRelease: 2\nEpoch: %d\nSummary: s\nLicense: MIT\nBuildArch: noarch\n%%description\nd\n%%install\n"+
			"mkdir -p %%{buildroot}/opt/pkg%d/sub\nfor n in $(seq 1 %d); do echo $n > %%{buildroot}/opt/pkg%d/sub/file-$n.txt; done\n"+
			"ln -s file-1.txt %%{buildroot}/opt/pkg%d/sub/link\n%%files\n/opt/pkg%d\n%%ghost /opt/pkg%d.ghost\n", i, i, i+1, i, n, i, i, i, i)
		name := filepath.Join(dir, fmt.Sprintf("pkg%d.spec", i))
		if err := os.WriteFile(name, []byte(spec), 0o600); err != nil {
			t.Fatal(err)
		}
		run("rpmbuild", "--quiet", "--define", "_topdir "+dir, "-bb", name)
	}
	packages, err := filepath.Glob(filepath.Join(dir, "RPMS/noarch/*.rpm"))
	if err != nil || len(packages) != 3 {
		t.Fatalf("%q, %v", packages, err)
	}
	root := filepath.Join(dir, "root")
	at := []string{"--root", root, "--define", "_db_backend sqlite", "--dbpath", "/var/lib/rpm"}
	if err := os.MkdirAll(filepath.Join(root, "var/lib/rpm"), 0o755); err != nil {
		t.Fatal(err)
	}
	run("rpm", append(at, "--initdb")...)
	run("rpm", append(append(at, "-i", "--nodeps", "--noscripts", "--force-debian"), packages...)...)
	run("rpm", append(at, "-e", "--nodeps", "--force-debian", "pkg1")...)
	list, err := Read(read(t, filepath.Join(root, "var/lib/rpm/rpmdb.sqlite")))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 {
		t.Errorf("%d packages, want 2", len(list))
	}
	for _, p := range list {
		want := strings.Fields(run("rpm", append(at, "-q", p.Name, "--qf", "%{EPOCH}:%{VERSION}-%{RELEASE} %{ARCH}")...))
		if want[0] != p.Version || want[1] != p.Arch {
			t.Errorf("%+v, want %q", p, want)
		}
		files := strings.Fields(run("rpm", append(at, "-ql", "--noghost", p.Name)...))
		slices.Sort(files)
		if slices.Sort(p.Files); !slices.Equal(files, p.Files) {
			t.Errorf("%s: %d files, rpm -ql says %d", p.Name, len(p.Files), len(files))
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range small {
		data := read(f, filepath.Join("testdata", name))
		f.Add(data[:min(len(data), 64<<10)])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := Read(data)
		for _, p := range list {
			if p.Name == "" {
				t.Error("a package without a name")
			}
		}
	})
}
