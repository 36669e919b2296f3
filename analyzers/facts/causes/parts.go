package causes

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A Part is a file of a group, or a directory with several.
type Part struct {
	Path  string // as the layer has it
	Layer *analysis.Layer
	Size  int64 // bytes of the files, in the group
	Files int
}

// Location is where the part is.
func (p *Part) Location() analysis.Location {
	return analysis.Location{Path: p.Path, Layer: p.Layer}
}

// Heaviest are the n largest parts of a group, the largest first: files alone, and the
// directories that hold several, an installed distribution or package of the system as one.
func (g *Group) Heaviest(n int) []*Part {
	var parts []*Part
	type place struct {
		dir   string
		layer *analysis.Layer
	}
	at := map[place]*Part{}
	var last place // files come directory by directory
	var p *Part
	for _, f := range g.Files {
		if here := (place{countedWith(f.Path), f.Layer}); p == nil || here != last {
			last, p = here, at[here]
		}
		if p == nil {
			p = &Part{Path: f.Path, Layer: f.Layer}
			at[last] = p
			parts = append(parts, p)
		} else {
			p.Path = last.dir
		}
		p.Size += f.Size
		p.Files++
	}
	slices.SortStableFunc(parts, func(a, b *Part) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Path, b.Path))
	})
	return parts[:min(n, len(parts))]
}

// countedWith is the directory that a file is counted with: below site-packages its first directory, of
// bytecode the one that the sources are in, else its own.
func countedWith(name string) string {
	for _, where := range []string{"/site-packages/", "/dist-packages/"} {
		i := strings.Index(name, where)
		if i < 0 {
			continue
		}
		i += len(where)
		if n := strings.IndexByte(name[i:], '/'); n >= 0 && name[i:i+n] != "__pycache__" {
			return name[:i+n]
		}
	}
	dir := name[:max(0, strings.LastIndexByte(name, '/'))]
	return strings.TrimSuffix(strings.TrimSuffix(dir, "__pycache__"), "/")
}

// most is how many parts of a group a finding names.
const most = 5

// Named are the heaviest parts of a group as a finding relates them.
func Named(g *Group) (related []analysis.Related) {
	for _, p := range g.Heaviest(most) {
		related = append(related, analysis.Related{Location: p.Location(), Message: analysis.Bytes(p.Size).String()})
	}
	return related
}
