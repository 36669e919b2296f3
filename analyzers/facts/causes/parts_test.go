package causes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
)

// TestHeaviest: files alone, and directories that hold several, the largest first.
func TestHeaviest(t *testing.T) {
	g := &Group{}
	one, two := &analysis.Layer{Index: 1}, &analysis.Layer{Index: 2}
	add := func(l *analysis.Layer, size int64, names ...string) {
		for _, n := range names {
			g.Files = append(g.Files, &analysis.File{Path: n, Layer: l, Size: size})
		}
	}
	add(one, 10, "usr/lib/python3/site-packages/sympy/a/x.pyc", "usr/lib/python3/site-packages/sympy/b/y.pyc", "usr/lib/python3/site-packages/__pycache__/six.pyc")
	add(one, 7, "var/lib/apt/lists/a", "var/lib/apt/lists/b")
	add(two, 7, "var/lib/apt/lists/a")
	add(one, 3, "app/__pycache__/a.pyc", "app/__pycache__/b.pyc", "app/c.pyc")
	add(one, 30, "tmp/blob")
	var got []string
	for _, p := range g.Heaviest(10) {
		got = append(got, fmt.Sprintf("%s %d in %d of layer %d", p.Path, p.Size, p.Files, p.Layer.Index))
	}
	want := []string{
		"tmp/blob 30 in 1 of layer 1", "usr/lib/python3/site-packages/sympy 20 in 2 of layer 1", "var/lib/apt/lists 14 in 2 of layer 1",
		"usr/lib/python3/site-packages/__pycache__/six.pyc 10 in 1 of layer 1", "app 9 in 3 of layer 1", "var/lib/apt/lists/a 7 in 1 of layer 2",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(g.Heaviest(2)); n != 2 {
		t.Errorf("%d parts, want 2", n)
	}
	if related := Named(g); len(related) != 5 || related[0].Message != "30 B" || related[0].Location.Layer != one {
		t.Errorf("%+v", related)
	}
}
