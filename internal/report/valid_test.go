package report

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"testing"
)

// TestValid: a stored report is foreign text: what no run can have written is refused, and nothing of it is printed.
func TestValid(t *testing.T) {
	const image = `{"name": "a", "unpackedBytes": 100, "layers": [{"diffID": "d", "unpackedBytes": 100}], "packages": [{"name": "p", "bytes": 7}]}`
	doc := func(finding, image string) string {
		return `{"version": 2, "tool": {"name": "tare"}, "targets": [{"name": "a", "findings": [` + finding + `], "image": ` + image + `}]}`
	}
	const good = `{"rule": "waste-cache", "severity": "warning", "message": "m", "bytes": {"unpacked": 7, "download": 3}}`
	if d, err := Parse("x", []byte(doc(good, image))); err != nil {
		t.Fatal(err)
	} else {
		for _, f := range Formats {
			if err := f.Write(new(bytes.Buffer), d, Options{}); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
	for _, test := range []struct{ text, want string }{
		{doc(strings.Replace(good, "waste-cache", `a\n::error::pwned`, 1), image), "is no rule"},
		{doc(strings.Replace(good, "waste-cache", "", 1), image), "is no rule"},
		{doc(strings.Replace(good, `"warning"`, `"\u001b]0;x"`, 1), image), "is no severity"},
		{doc(strings.Replace(good, `7`, `-7`, 1), image), "are no sizes"},
		{doc(`{"rule": "slimbase-full", "severity": "note", "swap": true}`, image), "saves bytes and has none"},
		{doc(good, strings.Replace(image, `"bytes": 7`, `"bytes": -7`, 1)), "is no size"},
		{doc(good, strings.Replace(image, `"unpackedBytes": 100}`, `"unpackedBytes": 4611686018427387904}`, 1)), "is no size"},
		{doc(good, strings.Replace(image, `"d", "unpackedBytes": 100`, `"d"`, 1)), "has no size"},
		{strings.Replace(doc("", image), `"name": "a", "findings": []`, `"notRun": [{"rule": "\u001b"}]`, 1), "is no rule"},
	} {
		if _, err := Parse("x", []byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v, want %q", test.text, err, test.want)
		}
	}
}

// TestTreemapMany: an image of very many parts is drawn of the largest.
func TestTreemapMany(t *testing.T) {
	n := int64(50_000)
	im := &Image{UnpackedBytes: &n}
	one := int64(1)
	for range n {
		im.Layers = append(im.Layers, Layer{DiffID: strings.Repeat("d", 1+len(im.Layers)%7), UnpackedBytes: &one})
		im.Packages = append(im.Packages, Package{Name: "p", Layer: "d", Bytes: 1})
	}
	im.UnpackedBytes = &one
	b := &box{bytes: 5000}
	for range 5000 {
		b.parts = append(b.parts, &box{bytes: 1})
	}
	if b.fit(1); len(b.parts) != maxParts {
		t.Errorf("a box has %d parts", len(b.parts))
	}
	if got := len(treemap(&Target{Image: im})); got > 2*maxParts {
		t.Errorf("%d parts", got)
	}
}

// TestTreemapSwap: what a smaller base would not have is drawn once, in the base, beside what other findings name of it.
func TestTreemapSwap(t *testing.T) {
	size := func(n int64) *int64 { return &n }
	im := &Image{
		UnpackedBytes: size(1000),
		Layers:        []Layer{{DiffID: "base", Base: true, UnpackedBytes: size(800)}, {DiffID: "own", UnpackedBytes: size(200)}},
		Packages: []Package{
			{Name: "gcc", Layer: "base", Bytes: 100}, {Name: "git", Layer: "base", Bytes: 50}, {Name: "libc6", Layer: "base", Bytes: 30},
			{Name: "git", Layer: "own", Bytes: 20},
		},
	}
	swap := Finding{Rule: "slimbase-full", Swap: true, Packages: []string{"gcc", "git"}, Bytes: &Bytes{Download: 1}}
	gcc := Finding{Rule: "toolchain-shipped", OfBase: true, Packages: []string{"gcc"}, Bytes: &Bytes{Unpacked: 100}, Location: Location{Layer: "base"}}
	for unpacked, want := range map[int64]string{
		600: "base 800, slimbase-full 500, other files 170, toolchain-shipped 100, libc6 30, own 200, other files 180, git 20",
		0:   "base 800, other files 620, toolchain-shipped 100, slimbase-full 50, libc6 30, own 200, other files 180, git 20",
		90:  "base 800, other files 670, toolchain-shipped 100, libc6 30, own 200, other files 180, git 20", // the toolchain alone
	} {
		swap.Bytes.Unpacked = unpacked
		var got []string
		for _, b := range treemap(&Target{Image: im, Findings: []Finding{swap, gcc}}) {
			name := map[string]string{"the base": "base", "layer 1: ": "own"}[b.Label]
			got = append(got, fmt.Sprintf("%s %d", cmp.Or(name, b.Label), b.bytes))
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("%d: got %s, want %s", unpacked, text, want)
		}
	}
}
