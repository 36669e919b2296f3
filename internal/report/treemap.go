package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tareweight/tare/analyzers/analysis"
)

// A box is a part of an image in its treemap: a layer, and in it what need not be there, packages and the rest.
type box struct {
	X, Y, W, H float64
	Label      string // foreign text
	Title      string // what a pointer shows
	Class      string // base, added, waste, rest
	Finding    int    // the number of a finding; -1: none
	ID         string
	bytes      int64
	parts      []*box
}

// Size is the bytes of a box for people.
func (b *box) Size() string { return analysis.Bytes(b.bytes).String() }

// Room reports whether there is room for a label, and how many characters of it.
func (b *box) Room() int {
	if b.H < 15 || b.W < 34 {
		return 0
	}
	return int(b.W / 6.6)
}

// Short is the label as far as there is room.
func (b *box) Short() string {
	n := b.Room()
	text := []rune(b.Label + " " + b.Size())
	switch {
	case n <= 0:
		return ""
	case len(text) <= n:
		return string(text)
	case n < 5:
		return ""
	}
	return string(text[:n-1]) + "…"
}

// TextX and TextY are where a label begins.
func (b *box) TextX() float64 { return b.X + 4 }
func (b *box) TextY() float64 { return b.Y + 12 }

// The drawing's size, in its own units, and how much a layer's label takes.
const (
	mapWidth  = 1000
	mapHeight = 520
	mapHead   = 16
)

// treemap lays out an image: its base as one box, and each layer above it; the smallest are one.
func treemap(t *Target) []*box {
	im := t.Image
	if im == nil || im.UnpackedBytes == nil || *im.UnpackedBytes == 0 {
		return nil
	}
	least := *im.UnpackedBytes / 400
	name := im.Base.Ref
	if name == "" {
		name = "the base"
	}
	base := &box{Label: name, Class: "base", Finding: -1}
	small := &box{Label: "smaller layers", Class: "added", Finding: -1}
	var all []*box
	of := map[string]*box{} // by diffID
	for i, l := range im.Layers {
		if l.UnpackedBytes == nil || *l.UnpackedBytes == 0 {
			continue
		}
		to := base
		if !l.Base {
			to = &box{Label: layerName(&l, i), Class: "added", Finding: -1}
			if *l.UnpackedBytes < least {
				to = small
			} else {
				all = append(all, to)
			}
		}
		to.bytes += *l.UnpackedBytes
		of[l.DiffID] = to
	}
	for _, x := range []*box{base, small} {
		if x.bytes > 0 {
			all = append(all, x)
		}
	}
	t.wastes(of)
	t.swaps(base)
	named, gone := t.named(func(f *Finding) bool { return f.Bytes != nil && !f.Swap }), t.named(func(f *Finding) bool { return f.Swap })
	for _, p := range im.Packages {
		if b := of[p.Layer]; b != nil && p.Bytes >= least && !named[p.Name] && (b != base || !gone[p.Name]) {
			b.parts = append(b.parts, &box{Label: p.Name, Class: b.Class, Finding: -1, bytes: p.Bytes})
		}
	}
	for _, b := range all {
		b.fit(least)
	}
	slices.SortStableFunc(all, func(a, b *box) int { return cmp.Compare(b.bytes, a.bytes) })
	all = all[:min(len(all), maxParts)]
	layout(all, 0, 0, mapWidth, mapHeight)
	n := 0
	var out []*box
	for _, b := range all {
		out = append(out, b)
		layout(b.parts, b.X+2, b.Y+mapHead, b.W-4, b.H-mapHead-2)
		out = append(out, b.parts...)
	}
	for _, b := range out {
		n++
		if b.ID == "" {
			b.ID = fmt.Sprintf("box%d", n)
		}
		b.Title = fmt.Sprintf("%s: %s, %.1f %%", b.Label, b.Size(), float64(b.bytes)*100/float64(*im.UnpackedBytes))
	}
	return slices.DeleteFunc(out, func(b *box) bool { return b.W < 1 || b.H < 1 })
}

// layerName is what a layer is called: its line, or its number, and what made it.
func layerName(l *Layer, i int) string {
	made := analysis.Made(l.CreatedBy)
	if len(l.Instructions) > 0 {
		return fmt.Sprintf("line %d: %s", l.Instructions[0].Line, analysis.Clip(made, 80))
	}
	return fmt.Sprintf("layer %d: %s", i, analysis.Clip(made, 80))
}

// wastes adds to layers what need not be there: the findings that save bytes, in the layers at their place.
func (t *Target) wastes(of map[string]*box) {
	for i := range t.Findings {
		f := &t.Findings[i]
		if f.Bytes == nil || f.Bytes.Unpacked == 0 || f.Swap {
			continue
		}
		var in *box
		for _, l := range t.Image.Layers {
			b := of[l.DiffID]
			if b == nil {
				continue
			}
			at := slices.ContainsFunc(l.Instructions, func(x Lines) bool {
				return f.Location.Layer == "" && x.Path == f.Location.Path && x.Line <= f.Location.Line && f.Location.Line <= max(x.End, x.Line)
			})
			if at || f.Location.Layer == l.DiffID || f.OfBase && l.Base {
				in = b
				break
			}
		}
		if in != nil {
			in.parts = append(in.parts, &box{Label: f.Rule, Class: "waste", Finding: i, ID: fmt.Sprintf("of%d", i), bytes: f.Bytes.Unpacked})
		}
	}
}

// named are the packages that findings of a kind name.
func (t *Target) named(kind func(*Finding) bool) map[string]bool {
	names := map[string]bool{}
	for i := range t.Findings {
		if f := &t.Findings[i]; kind(f) {
			for _, p := range f.Packages {
				names[p] = true
			}
		}
	}
	return names
}

// swaps adds to the base what its smaller sibling would not have, besides what other findings name of it. Where the sibling's size is
// not known, that is what the packages weigh which it lacks.
func (t *Target) swaps(base *box) {
	for i := range t.Findings {
		f := &t.Findings[i]
		if f.Bytes == nil || !f.Swap {
			continue
		}
		n := t.weighed(f)
		if f.Bytes.Unpacked > 0 {
			n = f.Bytes.Unpacked
			for j := range t.Findings {
				if other := &t.Findings[j]; other.Bytes != nil && other.OfBase {
					n -= other.Bytes.Unpacked
				}
			}
		}
		if n > 0 {
			base.parts = append(base.parts, &box{Label: f.Rule, Class: "waste", Finding: i, ID: fmt.Sprintf("of%d", i), bytes: n})
		}
	}
}

// weighed is what the packages of the base weigh that a finding names, and no other about the base does.
func (t *Target) weighed(f *Finding) (n int64) {
	named, others := map[string]bool{}, t.named(func(f *Finding) bool { return f.Bytes != nil && f.OfBase })
	for _, p := range f.Packages {
		named[p] = !others[p]
	}
	in := map[string]bool{}
	for _, l := range t.Image.Layers {
		in[l.DiffID] = l.Base
	}
	for _, p := range t.Image.Packages {
		if named[p.Name] && in[p.Layer] {
			n += p.Bytes
		}
	}
	return n
}

// fit keeps the parts within their box, what need not be there before packages, and calls what is left the rest.
func (b *box) fit(least int64) {
	slices.SortStableFunc(b.parts, func(x, y *box) int {
		waste := func(p *box) int {
			if p.Class == "waste" {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(waste(x), waste(y)), cmp.Compare(y.bytes, x.bytes))
	})
	left := b.bytes
	kept := b.parts[:0]
	for _, p := range b.parts {
		if p.bytes = min(p.bytes, left); p.bytes > 0 {
			left -= p.bytes
			kept = append(kept, p)
		}
	}
	b.parts = kept
	if left >= least && len(b.parts) > 0 {
		b.parts = append(b.parts, &box{Label: "other files", Class: "rest", Finding: -1, bytes: left})
	}
	slices.SortStableFunc(b.parts, func(x, y *box) int { return cmp.Compare(y.bytes, x.bytes) })
	b.parts = b.parts[:min(len(b.parts), maxParts)]
}

// maxParts is how many parts of a layer, and how many layers, are drawn: no one can see more.
const maxParts = 400

// layout gives boxes their places, the largest first, as squares as they can be (Bruls, Huizing, van Wijk, "Squarified Treemaps").
func layout(list []*box, x, y, w, h float64) {
	var total float64
	for _, b := range list {
		total += float64(b.bytes)
	}
	if total == 0 || w <= 0 || h <= 0 {
		return
	}
	scale := w * h / total
	for len(list) > 0 {
		side := min(w, h)
		if side <= 0 { // the rest is too small to be seen
			return
		}
		n, sum := 0, 0.0
		worst := func(n int, sum float64) float64 {
			ratio := 0.0
			for _, b := range list[:n] {
				area := float64(b.bytes) * scale
				long := sum / side
				short := area / long
				ratio = max(ratio, long/short, short/long)
			}
			return ratio
		}
		for n < len(list) {
			next := sum + float64(list[n].bytes)*scale
			if n > 0 && worst(n+1, next) > worst(n, sum) {
				break
			}
			n, sum = n+1, next
		}
		thick := sum / side
		at := 0.0
		for _, b := range list[:n] {
			length := float64(b.bytes) * scale / thick
			if w <= h {
				b.X, b.Y, b.W, b.H = x+at, y, length, thick
			} else {
				b.X, b.Y, b.W, b.H = x, y+at, thick, length
			}
			at += length
		}
		if w <= h {
			y, h = y+thick, h-thick
		} else {
			x, w = x+thick, w-thick
		}
		list = list[n:]
	}
}
