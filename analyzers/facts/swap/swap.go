// Package swap says what an image would be on the smaller sibling of its base: what it would save,
// what of the full base is used above it, and what would come back.
package swap

import (
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/causes"
	"github.com/tareweight/tare/analyzers/facts/packages"
)

// Fact holds what another base would change. It is nil where no sibling of the base is known.
var Fact = &analysis.Fact[*Swap]{
	Name:    "swap",
	Needs:   analysis.Needs{Facts: []analysis.AnyFact{used, packages.Fact, causes.Fact}},
	Compute: compute,
}

// used holds what of the base is used above it. It needs no causes, and is found while those are.
var used = &analysis.Fact[*comparison]{
	Name:    "used",
	Needs:   analysis.Needs{Facts: []analysis.AnyFact{packages.Fact}, Contents: scripts()},
	Compute: compare,
}

// A Swap is the difference that the sibling makes.
type Swap struct {
	Ref     string
	Saved   analysis.Size // the base's bytes without the sibling's; Unpacked is 0 where those are not known
	Uses    []*Use        // packages of the base that something above it uses, and the sibling lacks: by name
	Back    analysis.Size // of the base's packages that come back with Uses, and with what was installed above the base
	With    []string      // the packages installed above the base that bring some of Back
	Kept    analysis.Size // of Back, what comes back even where all that need not be there is gone
	Gone    []string      // packages of the base that would be there no more then, by name
	Guessed bool          // the sibling's files are not known: what it holds is told by what a slim image of its family holds
	Unread  int           // ELF files above the base whose libraries could not be read
}

// A Use is a package of the base that is used above it.
type Use struct {
	Package *packages.Package
	Names   []string // libraries and commands, sorted
	By      *analysis.File
}

func compare(pass *analysis.Pass) (*comparison, error) {
	if !pass.HasFiles() || pass.Image.Sibling == nil || pass.Image.Base.How == "" {
		return nil, nil
	}
	im, sibling := pass.Image, pass.Image.Sibling
	var base analysis.Size
	for _, l := range im.Layers {
		if l.Base {
			base = base.Add(l.Size)
		}
	}
	s := &Swap{Ref: sibling.Ref, Guessed: sibling.Image == nil}
	if sibling.Size.Download > 0 && base.Download > 0 {
		s.Saved.Download = base.Download - sibling.Size.Download
	}
	if sibling.Size.Unpacked > 0 {
		s.Saved.Unpacked = base.Unpacked - sibling.Size.Unpacked
	}
	c := &comparison{image: im, set: packages.Fact.Of(pass), swap: s, uses: map[*packages.Package]*Use{}}
	c.held()
	c.libraries()
	c.commands()
	for _, u := range c.uses {
		slices.Sort(u.Names)
		s.Uses = append(s.Uses, u)
	}
	slices.SortFunc(s.Uses, func(a, b *Use) int { return strings.Compare(a.Package.Name, b.Package.Name) })
	return c, nil
}

func compute(pass *analysis.Pass) (*Swap, error) {
	c := used.Of(pass)
	if c == nil {
		return nil, nil
	}
	return c.back(causes.Fact.Of(pass)), nil
}

// A comparison is of an image with what it would be.
type comparison struct {
	image *analysis.Image
	set   *packages.Set
	swap  *Swap
	uses  map[*packages.Package]*Use

	names map[string]bool            // of files that the sibling has: the last part of each path
	have  map[*packages.Package]bool // packages that the sibling has
}

// always are packages that the slim images of Python's and Debian's families hold besides what the
// interpreter is linked with and what is required (github.com/docker-library/python, Dockerfile-linux.template).
var always = []string{"ca-certificates", "netbase", "tzdata"}

// held finds what the sibling has: by its files, or, where they are not known, by its family.
func (c *comparison) held() {
	c.names, c.have = map[string]bool{}, map[*packages.Package]bool{}
	if sibling := c.image.Sibling.Image; sibling != nil {
		names := map[string]bool{}
		for _, p := range packages.Read(sibling).List {
			names[p.Name] = p.Type.System()
		}
		for _, p := range c.set.List {
			c.have[p] = names[p.Name]
		}
		for p := range sibling.Files() {
			c.names[path.Base(p)] = true
		}
		return
	}
	var wanted []*packages.Package
	for _, p := range c.set.List {
		if p.Required || slices.Contains(always, p.Name) {
			wanted = append(wanted, p)
		}
	}
	libraries, _ := c.found(nil)
	// of the interpreter, which no package owns; of a layer that is Listed they are not known, and come back
	for _, f := range c.image.Inodes() {
		if !f.Layer.Base || c.set.Owner(f) != nil {
			continue
		}
		for _, name := range f.Needed.Names {
			if owner := c.set.Owner(libraries[name]); owner != nil {
				wanted = append(wanted, owner)
			}
		}
	}
	c.have = c.set.Closure(wanted, nil)
}

// found are the libraries that a container sees, by name: of the base the files that hold their bytes, and
// those that come from above it. Where needed is not nil, others are not looked at.
func (c *comparison) found(needed map[string]*analysis.File) (base map[string]*analysis.File, above map[string]bool) {
	base, above = map[string]*analysis.File{}, map[string]bool{}
	for p, f := range c.image.Files() {
		name := p[strings.LastIndexByte(p, '/')+1:]
		if !strings.Contains(name, ".so") || needed != nil && needed[name] == nil {
			continue
		}
		if !f.Layer.Base {
			above[name] = true
		} else if base[name] == nil {
			if inode := c.image.Inode(p); inode != nil {
				base[name] = inode
			}
		}
	}
	return base, above
}

// libraries finds what the ELF files above the base are linked with.
func (c *comparison) libraries() {
	needed := map[string]*analysis.File{} // by name, the first that needs it
	var names []string
	for p, f := range c.image.Inodes() {
		if f.Layer.Base || f.Kind != analysis.KindELF && !unread(p, f) {
			continue
		}
		if owner := c.set.Owner(f); owner != nil && owner.Type.System() {
			continue // its package says what it needs
		}
		if f.Needed.Unknown || f.Kind == analysis.KindUnknown {
			c.swap.Unread++
		}
		for _, name := range f.Needed.Names {
			if needed[name] == nil && !c.names[name] {
				needed[name] = f
				names = append(names, name)
			}
		}
	}
	base, above := c.found(needed)
	for _, name := range names {
		if !above[name] {
			c.use(c.set.Owner(base[name]), name, needed[name])
		}
	}
}

// unread reports whether a file is a program or a library by its looks, of a layer that only its table of contents
// told.
func unread(p string, f *analysis.File) bool {
	return f.Kind == analysis.KindUnknown && (f.Mode&0o111 != 0 || strings.Contains(path.Base(p), ".so"))
}

// use notes that a file uses a package of the base which the sibling lacks.
func (c *comparison) use(p *packages.Package, name string, by *analysis.File) {
	if p == nil || !p.Type.System() || p.Layer == nil || !p.Layer.Base || c.have[p] {
		return
	}
	u := c.uses[p]
	if u == nil {
		u = &Use{Package: p, By: by}
		c.uses[p] = u
	}
	if !slices.Contains(u.Names, name) {
		u.Names = append(u.Names, name)
	}
}

// back finds what comes back: what the uses need, and what packages installed above the base need of it.
// What was compared stays as it is: others may read it.
func (c *comparison) back(reported *causes.Causes) *Swap {
	out := *c.swap
	var used, installed []*packages.Package
	for p := range c.uses {
		used = append(used, p)
	}
	var gone []*packages.Package
	for _, g := range reported.Groups {
		if !g.Layer.Base {
			gone = append(append(gone, g.Packages...), g.Orphans...)
		}
	}
	for _, p := range c.set.List {
		if p.Type.System() && p.Layer != nil && !p.Layer.Base {
			installed = append(installed, p)
		}
	}
	out.Back = c.weigh(c.set.Closure(slices.Concat(used, installed), c.have))
	stay := slices.DeleteFunc(slices.Clone(installed), func(p *packages.Package) bool { return slices.Contains(gone, p) })
	kept := c.set.Closure(slices.Concat(used, stay), c.have)
	out.Kept = c.weigh(kept)
	for _, p := range c.set.List {
		if p.Type.System() && p.Layer != nil && p.Layer.Base && !c.have[p] && !kept[p] {
			out.Gone = append(out.Gone, p.Name)
		}
	}
	slices.Sort(out.Gone)
	for _, p := range installed {
		if !p.Auto && c.weigh(c.set.Closure([]*packages.Package{p}, c.have)).Unpacked > 1e6 {
			out.With = append(out.With, p.Name)
		}
	}
	return &out
}

// weigh is what the packages of the base that the sibling lacks weigh.
func (c *comparison) weigh(in map[*packages.Package]bool) (sum analysis.Size) {
	for p := range in {
		if c.have[p] || p.Layer == nil || !p.Layer.Base {
			continue
		}
		for _, f := range p.Files {
			if f.Layer.Base && !c.excluded(f.Path) {
				sum = sum.Add(analysis.Size{Unpacked: f.Size, Download: f.Packed})
			}
		}
	}
	return sum
}

// documents are the directories that dpkg leaves out of packages that are installed on Debian's slim images
// (github.com/debuerreotype/debuerreotype, ".slimify-excludes").
var documents = []string{
	"usr/share/doc/", "usr/share/info/", "usr/share/linda/", "usr/share/lintian/overrides/", "usr/share/locale/", "usr/share/man/",
	"usr/share/groff/",
}

// excluded reports whether a file does not come back with its package.
func (c *comparison) excluded(name string) bool {
	return strings.Contains(c.image.Sibling.Ref, "slim") && !strings.HasSuffix(name, "/copyright") &&
		slices.ContainsFunc(documents, func(dir string) bool { return strings.HasPrefix(name, dir) })
}

// Lasting is what the swap saves where what is used of the base is installed, and all that need not be
// there is gone.
func (s *Swap) Lasting() analysis.Size {
	return analysis.Size{
		Unpacked: max(0, s.Saved.Unpacked-s.Kept.Unpacked), Download: max(0, s.Saved.Download-s.Kept.Download),
	}
}
