package packages_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
)

// TestRPM: packages of rpm's database with the layer in which each first appears, through a link
// between its two directories; a file belongs to the package that lists it.
func TestRPM(t *testing.T) {
	db, err := os.ReadFile("../../rpmdb/testdata/rpmdb.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile("../../rpmdb/testdata/Packages.db")
	if err != nil {
		t.Fatal(err)
	}
	run := func(log int64, layers ...[]*analysis.File) *packages.Set {
		im := &analysis.Image{}
		for i, files := range layers {
			l := &analysis.Layer{Index: i, Files: files}
			for _, f := range files {
				f.Layer = l
			}
			im.Layers = append(im.Layers, l)
		}
		im.Layers[0].Files = append(im.Layers[0].Files, &analysis.File{Path: "usr/lib/sysimage/rpm/rpmdb.sqlite-wal", Mode: 0o644, Size: log, Layer: im.Layers[0]})
		if err := im.Merge(1000, 1<<20); err != nil {
			t.Fatal(err)
		}
		a := &analysis.Analyzer{Needs: analysis.Needs{Facts: []analysis.AnyFact{packages.Fact}}}
		pass, err := (&analysis.Target{Image: im}).NewPass(a, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return packages.Fact.Of(pass)
	}
	file := func(name string, contents []byte) *analysis.File {
		return &analysis.File{Path: name, Mode: 0o644, Size: 7, Contents: contents}
	}
	const at = "usr/lib/sysimage/rpm/rpmdb.sqlite"
	base := func() []*analysis.File {
		return []*analysis.File{
			{Path: "var/lib/rpm", Mode: os.ModeSymlink | 0o777, Link: "../../usr/lib/sysimage/rpm"}, {Path: "bin", Mode: os.ModeSymlink | 0o777, Link: "usr/bin"},
			file(at, old), file("usr/bin/bash", nil), file("usr/lib64/python3.9/m000.py", nil), file("usr/bin/other", nil),
		}
	}
	set := run(0, base(), []*analysis.File{file("opt/p000", nil), file(at, db)})
	if set.Unread != "" || len(set.List) != 303 || !slices.ContainsFunc(set.List, func(p *packages.Package) bool { return p.Type == packages.RPM }) {
		t.Fatalf("%d packages, %q", len(set.List), set.Unread)
	}
	var got []string
	for _, p := range set.List {
		if len(p.Files) > 0 {
			got = append(got, fmt.Sprintf("%s %s %s of layer %d: %s", p.Type, p.Name, p.Version, p.Layer.Index, p.Files[0].Path))
			if set.Owner(p.Files[0]) != p || !p.Type.System() {
				t.Errorf("%s does not own its file", p.Name)
			}
		}
	}
	want := []string{
		"rpm bash 5.1-2.el9 of layer 0: usr/bin/bash", "rpm p000 1-1 of layer 1: opt/p000", "rpm python3 1:3.9.18-1.el9 of layer 0: usr/lib64/python3.9/m000.py",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if set := run(100, base(), []*analysis.File{file(at, db)}); !strings.Contains(set.Unread, "has changes in a log beside it") || len(set.List) > 0 {
		t.Errorf("with a log: %d packages, %q", len(set.List), set.Unread)
	}
	if set := run(0, base(), []*analysis.File{file(at, db[:len(db)/2])}); !strings.Contains(set.Unread, "is not read: the database is damaged") {
		t.Errorf("damaged: %q", set.Unread)
	}
	large := base()
	large[2].Contents, large[2].Size = nil, 1<<30
	if set := run(0, large); !strings.Contains(set.Unread, "too large") {
		t.Errorf("large: %q", set.Unread)
	}
}
