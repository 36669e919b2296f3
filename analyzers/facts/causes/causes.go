// Package causes gives each file of each layer at most one cause why it need
// not be there, so that its bytes are counted once.
package causes

import (
	"slices"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
)

// Fact holds the causes of the image.
var Fact = &analysis.Fact[*Causes]{
	Name:    "causes",
	Needs:   analysis.Needs{Facts: []analysis.AnyFact{overlay, packages.Fact}},
	Compute: compute,
}

// A Cause says why a file need not be there.
type Cause string

const (
	Compiler Cause = "compiler" // a compiler, or a part of its toolchain beside one
	Parts    Cause = "parts"    // parts of a toolchain without a compiler

	Buried       Cause = "buried"        // a compiler that a later layer deleted
	Deleted      Cause = "deleted"       // deleted, or overwritten with other bytes, by a later layer
	Rewritten    Cause = "rewritten"     // the same bytes as the layer below holds, under other metadata
	Headers      Cause = "headers"       // of OS packages to build with
	LooseHeaders Cause = "loose-headers" // headers and static libraries that no package owns
	Cache        Cause = "cache"         // of package managers
	Duplicate    Cause = "duplicate"     // a second copy under another path
	VCS          Cause = "vcs"           // directories of version control
	Bytecode     Cause = "bytecode"      // .pyc
	Tests        Cause = "tests"         // of libraries
)

// A Group is the files of one cause that one place brought.
type Group struct {
	Cause    Cause
	Layer    *analysis.Layer // the layer that brought them; of several at one place, the first
	Tools    []Tool          // the compilers
	Packages []*packages.Package
	Orphans  []*packages.Package // of the distribution, which only the Packages of groups brought
	Files    []*analysis.File
	Size     analysis.Size
}

// A Tool is a compiler in the image.
type Tool struct {
	Name string // "gcc", "g++", "rustc"
	Path string
	File *analysis.File
}

// Causes is what need not be there.
type Causes struct {
	Groups []*Group // by cause and place, in the order of layers

	// Where tables of contents told what some layers hold: the paths of what may be compilers by their names, which
	// no package owns; and whether files of those layers and of others were not compared.
	Unknown []string
	Apart   bool

	of     analysis.Table[Cause]
	groups map[place]*Group
	ratio  map[*analysis.Layer]float64
}

// A place is where a group stands: a line of the Dockerfile, or a layer.
type place struct {
	cause Cause
	at    analysis.Location
	base  bool
}

// group returns the group of a cause at the place of a layer.
func (c *Causes) group(cause Cause, l *analysis.Layer) *Group {
	key := place{cause, l.Location(), l.Base}
	if l.Base {
		key.at.Layer = nil // all layers of the base are one place
	}
	g := c.groups[key]
	if g == nil {
		g = &Group{Cause: cause, Layer: l}
		c.groups[key] = g
		c.Groups = append(c.Groups, g)
	}
	if l.Index < g.Layer.Index {
		g.Layer = l
	}
	return g
}

// Of returns the cause of f, or "".
func (c *Causes) Of(f *analysis.File) Cause { return c.of.Of(f) }

func compute(pass *analysis.Pass) (*Causes, error) {
	c := &Causes{
		groups: map[place]*Group{},
		ratio:  map[*analysis.Layer]float64{},
	}
	if !pass.HasFiles() {
		return c, nil
	}
	c.of = analysis.NewTable[Cause](pass.Image)
	for _, l := range pass.Image.Layers {
		c.ratio[l] = ratio(l)
	}
	set := packages.Fact.Of(pass)
	c.hidden(overlay.Of(pass))
	t := &toolchain{Causes: c, image: pass.Image, set: set}
	t.find()
	c.shares(pass.Image, set)
	c.orphans(set)
	return c, nil
}

// emptyPackage is how many bytes a package has at most that is there for what it needs alone: its
// documents.
const emptyPackage = 64 << 10

// metas are packages of the distribution that hold next to nothing and need one that is gone: what
// people install by that name, as gfortran is of gfortran-12.
func metas(set *packages.Set, gone []*packages.Package) (list []*packages.Package) {
	for _, p := range set.List {
		if p.Type.System() && !p.Required && p.Bytes() < emptyPackage && !slices.Contains(gone, p) &&
			slices.ContainsFunc(gone, p.Needs) {
			list = append(list, p)
		}
	}
	return list
}

// orphans adds to the packages that need not be there those that were installed for them alone, in
// the group at the place that installed them.
func (c *Causes) orphans(set *packages.Set) {
	var gone []*packages.Package
	at := map[analysis.Location]*Group{}
	for _, cause := range []Cause{Compiler, Parts, Headers} {
		for _, g := range c.Groups {
			if g.Cause == cause && !g.Layer.Base {
				gone = append(gone, g.Packages...)
				if place := g.Layer.Location(); at[place] == nil {
					at[place] = g
				}
			}
		}
	}
	along := metas(set, gone)
	for _, p := range append(along, set.Orphans(append(gone, along...))...) {
		if p.Layer == nil || p.Layer.Base {
			continue
		}
		if g := at[p.Layer.Location()]; g != nil {
			g.Orphans = append(g.Orphans, p)
			c.claim(g, p.Files)
		}
	}
}

// claim gives files the cause, unless they have one, and adds what they weigh.
func (c *Causes) claim(g *Group, files []*analysis.File) {
	for _, f := range files {
		if c.of.Of(f) != "" {
			continue
		}
		c.of.Set(f, g.Cause)
		g.Files = append(g.Files, f)
		g.Size = g.Size.Add(c.size(f))
	}
}

// size is what f weighs: exactly in the layer's files, and as what its entry was measured to take of
// the compressed layer. Where that is not known it is a share by two classes: what is already
// compressed counts as it is, the rest shares what remains of the layer.
func (c *Causes) size(f *analysis.File) analysis.Size {
	s := analysis.Size{Unpacked: f.Size, Download: f.Packed}
	if f.Packed > 0 {
		return s
	}
	if f.Kind == analysis.KindPacked {
		s.Download = min(f.Size, f.Layer.Size.Download)
	} else {
		s.Download = int64(float64(f.Size) * c.ratio[f.Layer])
	}
	return s
}

// ratio is how many compressed bytes one byte of a layer's plain files takes.
func ratio(l *analysis.Layer) float64 {
	var packed, plain int64
	for _, f := range l.Files {
		if f.Kind == analysis.KindPacked {
			packed += f.Size
		} else {
			plain += f.Size
		}
	}
	if plain == 0 || l.Size.Download <= packed {
		return 0
	}
	return min(1, float64(l.Size.Download-packed)/float64(plain))
}
