package packages_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
)

// read reads the packages of an image of one layer.
func read(t *testing.T, files map[string][]byte) *packages.Set {
	t.Helper()
	l := &analysis.Layer{}
	for name, contents := range files {
		if contents == nil && !strings.HasPrefix(name, "etc/") { // more than its want
			l.Files = append(l.Files, &analysis.File{Path: name, Layer: l, Mode: 0o644, Size: 32e6})
			continue
		}
		l.Files = append(l.Files, &analysis.File{Path: name, Layer: l, Mode: 0o644, Size: int64(len(contents)), Contents: contents})
	}
	l.Files = append(l.Files, &analysis.File{Path: "etc", Layer: l, Mode: fs.ModeDir | 0o755})
	im := &analysis.Image{Layers: []*analysis.Layer{l}}
	if err := im.Merge(1000, 1<<20); err != nil {
		t.Fatal(err)
	}
	a := &analysis.Analyzer{Name: "test", Needs: analysis.Needs{Facts: []analysis.AnyFact{packages.Fact}}}
	pass, err := (&analysis.Target{Image: im}).NewPass(a, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return packages.Fact.Of(pass)
}

// TestMany: databases that list without end are read as far as images go, and
// said not to be read further, without memory for what is not there.
func TestMany(t *testing.T) {
	var status, apk bytes.Buffer
	for i := range 600_000 {
		fmt.Fprintf(&status, "Package: a%d\nStatus: i installed\nVersion: 1\n\n", i)
		fmt.Fprintf(&apk, "P:a%d\nV:1\n\n", i)
	}
	few := func(layout string, contents string) map[string][]byte {
		files := map[string][]byte{}
		for i := range 8 {
			files[fmt.Sprintf(layout, i)] = []byte(fmt.Sprintf("Name: p%d\nVersion: 1\n", i))
			files[strings.Replace(fmt.Sprintf(layout, i), "METADATA", "RECORD", 1)] = []byte(contents)
		}
		return files
	}
	lines := strings.Repeat("a\n", 1<<20)
	for name, test := range map[string]struct {
		files  map[string][]byte
		want   int
		unread string
	}{
		"dpkg":           {map[string][]byte{"var/lib/dpkg/status": status.Bytes()}, 50_000, "more than 50000 paragraphs"},
		"apk":            {map[string][]byte{"lib/apk/db/installed": apk.Bytes()}, 50_000, "more than 50000 paragraphs"},
		"RECORD":         {few("p%d.dist-info/METADATA", lines), 8, "more than 1000000 files"},
		"conda":          {map[string][]byte{"c/conda-meta/p.json": []byte(`{"name": "p", "version": "1", "files": [` + strings.Repeat(`"a",`, 6_000_000) + `"a"]}`)}, 1, "more than 1000000 files"},
		"list":           {map[string][]byte{"var/lib/dpkg/status": []byte("Package: a\nStatus: i installed\n"), "var/lib/dpkg/info/a.list": []byte(strings.Repeat("/\n", 6_000_000))}, 1, "more than 1000000 files"},
		"gone":           {map[string][]byte{"var/lib/dpkg/status": bytes.ReplaceAll(status.Bytes(), []byte("i installed"), []byte("d config-files"))}, 0, "more than 50000 paragraphs"},
		"large":          {map[string][]byte{"var/lib/dpkg/status": nil}, 0, "is too large to be read: 32 MB"},
		"large METADATA": {map[string][]byte{"p.dist-info/METADATA": nil}, 0, `"p.dist-info/METADATA" is too large to be read: 32 MB`},
		"large RECORD":   {map[string][]byte{"p.dist-info/METADATA": []byte("Name: p\n"), "p.dist-info/RECORD": nil}, 1, `"p.dist-info/RECORD" is too large`},
		"large list":     {map[string][]byte{"var/lib/dpkg/status": []byte("Package: a\nStatus: i installed\n"), "var/lib/dpkg/info/a.list": nil}, 1, `"var/lib/dpkg/info/a.list" is too large`},
		"large conda":    {map[string][]byte{"c/conda-meta/p.json": nil}, 0, `"c/conda-meta/p.json" is too large`},
		"large egg-info": {map[string][]byte{"a.egg-info": nil}, 0, `"a.egg-info" is too large`},
		"large status.d": {map[string][]byte{"var/lib/dpkg/status.d/a": nil}, 0, `"var/lib/dpkg/status.d/a" is too large`},
		"none":           {map[string][]byte{"etc/x": nil}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			set := read(t, test.files)
			runtime.ReadMemStats(&after)
			if len(set.List) != test.want || !strings.Contains(set.Unread, test.unread) || test.unread == "" && set.Unread != "" {
				t.Errorf("%d packages, unread %q; want %d, %q", len(set.List), set.Unread, test.want, test.unread)
			}
			if used := int64(after.HeapSys) - int64(before.HeapSys); used > 150<<20 {
				t.Errorf("%d MB of heap more", used>>20)
			}
		})
	}
}

// TestAPK reads Alpine's database: paths of F and R, the layer, continuation by
// blank lines.
func TestAPK(t *testing.T) {
	set := read(t, map[string][]byte{
		"lib/apk/db/installed": []byte("C:Q1\nP:musl\nV:1.2.5-r0\nA:x86_64\no:musl\nF:lib\nR:ld-musl.so.1\nR:libc.so\nF:usr/share\n\nP:busybox\nV:1.36\nA:x86_64\nF:bin\nR:busybox\n\nC:Q1\nP:musl\nV:1.2.5-r0\nA:x86_64\no:musl\nF:lib\nR:ld-musl.so.1\n\n"),
		"lib/ld-musl.so.1":     []byte("x"), "lib/libc.so": []byte("xy"), "bin/busybox": []byte("xyz"), "usr/share/libc.so": []byte("not its own"),
	})
	var got []string
	for _, p := range set.List {
		got = append(got, fmt.Sprintf("%s %s %s %s %d files %d bytes", p.Type, p.Name, p.Version, p.Source, len(p.Files), p.Bytes()))
	}
	if s := strings.Join(got, "; "); s != "apk busybox 1.36  1 files 3 bytes; apk musl 1.2.5-r0 musl 2 files 3 bytes" {
		t.Error(s)
	}
}

// TestPlaces: distributions and conda's packages are found wherever they say that they are, those that are part of
// another left out, each with its files; and however their reading is divided.
func TestPlaces(t *testing.T) {
	files := map[string][]byte{
		"opt/env/conda-meta/zlib-1.json":          []byte(`{"name":"zlib","version":"1.3","files":["lib/libz.so"]}`),
		"opt/env/lib/libz.so":                     []byte("z"),
		"opt/env/other/zlib-1.json":               []byte(`{"name":"not","version":"1"}`),
		"srv/old.egg-info/PKG-INFO":               []byte("Name: old\nVersion: 2\n"),
		"srv/older-1.egg-info":                    []byte("Name: older\nVersion: 1\n"),
		"srv/a/_vendor/v-1.dist-info/METADATA":    []byte("Name: vendored\nVersion: 1\n"),
		"usr/lib/python3/large-1.dist-info/WHEEL": []byte("Name: none\n"),
	}
	want := "conda zlib 1.3 opt/env/lib/libz.so; pypi old 2; pypi older 1"
	for i := range 5 {
		dir := fmt.Sprintf("usr/lib/python3/p%d", i)
		files[dir+"-1.dist-info/METADATA"] = []byte(fmt.Sprintf("Name: p%d\nVersion: 1\n", i))
		files[dir+"-1.dist-info/RECORD"] = []byte(fmt.Sprintf("p%d/a.py,,\n", i))
		files[dir+"/a.py"] = []byte("x")
		want += fmt.Sprintf("; pypi p%d 1 %s/a.py", i, dir)
	}
	var got []string
	for _, p := range read(t, files).List {
		line := fmt.Sprintf("%s %s %s", p.Type, p.Name, p.Version)
		for _, f := range p.Files {
			line += " " + f.Path
		}
		got = append(got, line)
	}
	if strings.Join(got, "; ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "; "), want)
	}
}
