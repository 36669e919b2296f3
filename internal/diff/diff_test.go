package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tareweight/tare/internal/report"
)

// layerOf is one layer of an image: "diffID instruction unpacked download".
func layerOf(t *testing.T, text string) report.Layer {
	t.Helper()
	var l report.Layer
	var unpacked, download int64
	if n, err := fmt.Sscan(text, &l.DiffID, &l.CreatedBy, &unpacked, &download); n != 4 || err != nil {
		t.Fatal(text, err)
	}
	l.UnpackedBytes, l.CompressedBytes = &unpacked, &download
	return l
}

func target(t *testing.T, name string, layers ...string) *report.Target {
	t.Helper()
	im := &report.Image{Name: name, Platform: "linux/amd64", UnpackedBytes: new(int64), CompressedBytes: new(int64)}
	for _, text := range layers {
		l := layerOf(t, text)
		*im.UnpackedBytes += *l.UnpackedBytes
		*im.CompressedBytes += *l.CompressedBytes
		im.Layers = append(im.Layers, l)
	}
	return &report.Target{Name: name, Image: im}
}

// TestLayers: shared layers are left out, the others stand beside what the same instruction made before.
func TestLayers(t *testing.T) {
	for _, test := range []struct {
		name     string
		old, now []string
		want     string // instruction, old and new bytes, change of the download
	}{
		{"the same", []string{"1 base 10 5", "2 run 20 9"}, []string{"1 base 10 5", "2 run 20 9"}, ""},
		{"grown", []string{"1 base 10 5", "2 run 20 9"}, []string{"1 base 10 5", "3 run 25 10"}, "run 20 25 +1"},
		{"one more before", []string{"1 base 10 5", "2 run 20 9"}, []string{"1 base 10 5", "4 copy 1 1", "2 run 20 9"}, "copy - 1 +1"},
		{"gone", []string{"1 base 10 5", "2 run 20 9"}, []string{"1 base 10 5"}, "run 20 - -9"},
		{"another base", []string{"1 base 10 5", "2 run 20 9"}, []string{"5 other 4 2", "6 run 21 9"}, "other - 4 +2, run 20 21 +0, base 10 - -5"},
		{"equal instructions, in order", []string{"1 a 1 1", "2 a 2 2", "3 b 3 3"}, []string{"4 a 5 5", "5 a 6 6", "6 b 7 7"}, "a 1 5 +4, a 2 6 +4, b 3 7 +4"},
		{"two of the same bytes, one gone", []string{"1 a 1 1", "1 a 1 1"}, []string{"1 a 1 1"}, "a 1 - -1"},
		{"moved", []string{"1 a 1 1", "2 b 2 2"}, []string{"2 b 2 2", "1 a 1 1"}, ""},
	} {
		d := Compare(target(t, "old", test.old...), target(t, "new", test.now...))
		var got []string
		for _, l := range d.Layers {
			size := func(n *int64) string {
				if n == nil {
					return "-"
				}
				return fmt.Sprint(*n)
			}
			got = append(got, fmt.Sprintf("%s %s %s %+d", l.Made, size(l.Old), size(l.New), *l.Download))
		}
		if s := strings.Join(got, ", "); s != test.want {
			t.Errorf("%s: got %q, want %q", test.name, s, test.want)
		}
	}
}

// TestPackages: of several environments together, what changed most first, whichever way.
func TestPackages(t *testing.T) {
	pkg := func(kind, name, version string, bytes int64) report.Package {
		return report.Package{Type: kind, Name: name, Version: version, Bytes: bytes}
	}
	got := packages(
		[]report.Package{pkg("pypi", "Torch", "2.4", 100), pkg("pypi", "torch", "2.3", 50), pkg("deb", "gcc", "12", 400), pkg("pypi", "same", "1", 7), pkg("pypi", "moved", "1", 3)},
		[]report.Package{pkg("pypi", "torch", "2.6", 310), pkg("pypi", "same", "1", 7), pkg("pypi", "moved", "2", 3), pkg("deb", "torch", "1", 1)},
	)
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"type":"deb","name":"gcc","oldVersions":["12"],"newVersions":[],"oldBytes":400,"newBytes":0},` +
		`{"type":"pypi","name":"Torch","oldVersions":["2.3","2.4"],"newVersions":["2.6"],"oldBytes":150,"newBytes":310},` +
		`{"type":"deb","name":"torch","oldVersions":[],"newVersions":["1"],"oldBytes":0,"newBytes":1},` +
		`{"type":"pypi","name":"moved","oldVersions":["1"],"newVersions":["2"],"oldBytes":3,"newBytes":3}]`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// TestFiles: what a list may lack is not said to be new.
func TestFiles(t *testing.T) {
	old, now := target(t, "old"), target(t, "new")
	old.Image.Files = []report.File{{Path: "a", Bytes: 5e6}, {Path: "same", Bytes: 3e6}, {Path: "gone", Bytes: 2e6}}
	now.Image.Files = []report.File{{Path: "a", Bytes: 9e6}, {Path: "same", Bytes: 3e6}, {Path: "new", Bytes: 1_200_000}}
	list := func() string {
		s := ""
		for _, f := range Compare(old, now).Files {
			s += fmt.Sprintf("%s %+d ", f.Path, f.Change())
		}
		return s
	}
	if got := list(); got != "a +4000000 gone -2000000 new +1200000 " {
		t.Error(got)
	}
	for i := len(old.Image.Files); i < report.MaxFiles; i++ {
		f := report.File{Path: fmt.Sprint("x", i), Bytes: 2e6}
		old.Image.Files, now.Image.Files = append(old.Image.Files, f), append(now.Image.Files, f)
	}
	if got := list(); got != "a +4000000 gone -2000000 " { // "new" may have been there
		t.Error(got)
	}
}

// TestFindings: those at a file by their fingerprint, those in an image by what they are about.
func TestFindings(t *testing.T) {
	old, now := target(t, "old"), target(t, "new")
	at := func(rule, key, print, path, layer string) report.Finding {
		return report.Finding{Rule: rule, Key: key, Fingerprint: print, Location: report.Location{Path: path, Layer: layer}}
	}
	old.Findings = []report.Finding{at("a", "k", "1", "f", ""), at("b", "k", "2", "", "sha256:1"), at("c", "k", "3", "f", "")}
	old.Known = []report.Finding{at("d", "k", "4", "f", "")}
	now.Findings = []report.Finding{at("a", "k", "1", "f", ""), at("b", "k", "9", "", "sha256:2"), at("b", "k", "9", "", "sha256:3"), at("d", "k", "4", "f", "")}
	d := Compare(old, now)
	if len(d.Fixed) != 1 || d.Fixed[0].Rule != "c" || len(d.Found) != 1 || d.Found[0].Location.Layer != "sha256:3" {
		t.Errorf("fixed %v, found %v", d.Fixed, d.Found)
	}
}

// TestUnread: what was not read is not compared, and that is said.
func TestUnread(t *testing.T) {
	old, now := target(t, "old", "1 a 1 1"), target(t, "new", "2 a 2 5")
	old.Image.UnpackedBytes, old.Image.Layers[0].UnpackedBytes = nil, nil
	now.Image.Layers[0].UnpackedBytes = nil
	now.Image.Packages = []report.Package{{Name: "x", Bytes: 1}}
	now.Image.Platform, now.Errors = "linux/arm64", []string{"it ended"}
	d := Compare(old, now)
	if len(d.Packages) != 0 || len(d.Remarks) != 3 || d.Layers[0].Change() != 4 {
		t.Errorf("%+v", d)
	}
}

// TestForeign: no text of an image is obeyed by what shows the diff.
func TestForeign(t *testing.T) {
	evil := "x\x1b[31m|`</td><script>alert(1)</script>](http://evil) @team \n::error::x"
	old, now := target(t, "old"), target(t, evil)
	l := layerOf(t, "1 a 1 1")
	l.CreatedBy, l.Instructions = evil, []report.Lines{{Path: evil, Line: 1}}
	now.Image.Layers = []report.Layer{l}
	now.Image.Packages = []report.Package{{Type: "pypi", Name: evil, Version: evil, Bytes: 1}}
	now.Image.Files = []report.File{{Path: evil, Bytes: 2e6}}
	now.Findings = []report.Finding{{Rule: "r", Severity: "error", Message: evil, Location: report.Location{Path: evil, Line: 1}}}
	now.Errors = []string{evil}
	d := Compare(old, now)
	for _, f := range Formats {
		var b bytes.Buffer
		if err := f.Write(&b, d, false); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if strings.ContainsAny(text, "\x1b") || strings.Contains(text, "\n::error") {
			t.Errorf("%s: a control character, or a command at the start of a line:\n%s", f.Name, text)
		}
		switch f.Name {
		case "html":
			if strings.Contains(text, "<script") || strings.Contains(text, "</td><s") {
				t.Errorf("html: markup of the image:\n%s", text)
			}
		case "json":
			if !json.Valid(b.Bytes()) {
				t.Error("json: not valid")
			}
		}
	}
}
