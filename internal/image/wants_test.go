package image

import (
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
)

// TestMatcher: the shortcuts find what Want.Match finds.
func TestMatcher(t *testing.T) {
	wants := []analysis.Want{
		{Glob: "var/lib/dpkg/status", Max: 1}, {Glob: "var/lib/dpkg/status.d/*", Max: 2}, {Glob: "var/lib/dpkg/info/*.list", Max: 3}, {Glob: "**/*.dist-info/METADATA", Max: 4},
		{Glob: "**/*.egg-info", Max: 5}, {Glob: "**/conda-meta/*.json", Max: 6}, {Glob: "etc/[ab]*", Max: 7}, {Glob: "**/x?y", Max: 8}, {Glob: "**/METADATA", Max: 9}, {Glob: `opt/\*x*`, Max: 10}, {Glob: "*", Max: 11},
	}
	m := newMatcher(wants)
	for p, want := range map[string]int64{
		"var/lib/dpkg/status": 1, "var/lib/dpkg/status.d/libc6": 2, "var/lib/dpkg/info/libc6.list": 3, "var/lib/dpkg/info/libc6.md5sums": 0, "a/b.dist-info/METADATA": 9,
		"usr/lib/a.egg-info": 5, "a.egg-info": 11, "a.egg-info/PKG-INFO": 0, "opt/conda/conda-meta/x.json": 6, "opt/conda/meta/x.json": 0, "etc/bx": 7, "etc/cx": 0, "a/x1y": 8, "opt/*xy": 10, "opt/xy": 0, "top": 11,
	} {
		var most int64
		for _, w := range wants {
			if w.Match(p) {
				most = max(most, w.Max)
			}
		}
		if got, ok := m.limit(p); got != want || most != want || ok != (want > 0) {
			t.Errorf("%q: %d, %v; Match says %d, want %d", p, got, ok, most, want)
		}
	}
}
