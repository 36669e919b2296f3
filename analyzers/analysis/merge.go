package analysis

import (
	"errors"
	"path"
	"slices"
	"strings"
)

// What a merged view may grow to that layers of few bytes describe.
var (
	ErrDirectories = errors.New("too many directories that no entry names")
	ErrPaths       = errors.New("too many bytes of paths, after links among their directories are followed")
)

// A Merger makes the merged view of an image, of its layers one after another, oldest first, as a
// container runtime applies them (OCI image-spec, layer.md "Applying Changesets"). A deletion touches
// older layers alone; directories among an entry's parents that are symbolic links are followed
// (usr-merge).
type Merger struct {
	image   *Image
	root    *node
	number  int32 // of entries so far
	entries int   // that may still come, and directories that no entry names
	bytes   int64 // of links' targets that may still be followed, and of paths that no entry has
}

// NewMerger returns a Merger of im, which is not Indexed before it has finished. Entries is how many
// entries the layers may have, with the directories that no entry names; bytes is how many of links'
// targets are followed, and of paths made that no entry has.
func (im *Image) NewMerger(entries int, bytes int64) *Merger {
	return &Merger{image: im, root: &node{dir: new(dir)}, entries: entries, bytes: bytes}
}

// Apply applies the next layer, whose files are there. The error is ErrDirectories or ErrPaths; there is no
// view then.
func (m *Merger) Apply(l *Layer) error {
	m.entries -= len(l.Files)
	v := view{root: m.root, left: m.entries, follow: func(n int) bool {
		m.bytes -= int64(n)
		return m.bytes >= 0
	}}
	for _, f := range l.Files {
		f.ordinal = m.number // its place among all
		m.number++
		switch {
		case f.Deleted:
			if dir := v.parent(f.Path, false); dir != nil {
				dir.remove(path.Base(f.Path))
			}
		case f.Opaque:
			// the mark is an entry of the directory, so that links to it are followed
			if n := resolve(v.root, f.Path, nil, v.follow); n != nil && n.isDir() {
				n.clear()
			}
		}
	}
	v.lastDir = nil
	for _, f := range l.Files {
		if !f.Deleted && !f.Opaque {
			v.add(f)
		}
	}
	switch m.entries = v.left; {
	case m.entries < 0:
		return ErrDirectories
	case m.bytes < 0:
		return ErrPaths
	}
	return nil
}

// Merge is a Merger's whole work, for an image whose layers' files are all there.
func (im *Image) Merge(entries int, bytes int64) error {
	m := im.NewMerger(entries, bytes)
	for _, l := range im.Layers {
		if err := m.Apply(l); err != nil {
			return err
		}
	}
	return m.Finish(0)
}

// Finish makes the image Indexed, after all of its layers were applied. Less is how many of the bytes were
// used otherwise meanwhile. The error is ErrPaths.
func (m *Merger) Finish(less int64) error {
	im := m.image
	m.bytes -= less
	im.list = make([]entry, 0, m.number)
	if im.flatten(m.root, "", &m.bytes); m.bytes < 0 {
		im.list = nil
		return ErrPaths
	}
	im.root, im.Indexed = m.root, true
	return nil
}

// flatten lists what is below n, names in order, a directory before what it
// holds, until left bytes of paths are made.
func (im *Image) flatten(n *node, prefix string, left *int64) {
	first := len(im.list)
	n.each(func(child *node) { im.list = append(im.list, entry{child.name, child}) })
	here := slices.Clone(im.list[first:])
	im.list = im.list[:first]
	byName := func(a, b entry) int { return strings.Compare(a.path, b.path) }
	if !slices.IsSortedFunc(here, byName) {
		slices.SortFunc(here, byName)
	}
	for _, e := range here {
		if e.file != nil && len(e.file.Path) == len(prefix)+len(e.path) && strings.HasPrefix(e.file.Path, prefix) &&
			strings.HasSuffix(e.file.Path, e.path) {
			e.path = e.file.Path // shared
		} else {
			e.path = prefix + e.path
			if *left -= int64(len(e.path)); *left < 0 {
				return
			}
		}
		im.list = append(im.list, e)
		if e.isDir() {
			im.flatten(e.node, e.path+"/", left)
		}
	}
}

// A view applies the entries of one layer. Neighbours of a layer share their
// directory, which is remembered.
type view struct {
	root    *node
	left    int                  // directories that may still be made; less than 0: one more was needed
	follow  func(bytes int) bool // whether so many more bytes of a link's target may be followed
	last    string
	lastDir *node
	nodes   []node // to be used
}

func (v *view) add(f *File) {
	parent := v.parent(f.Path, true)
	if parent == nil {
		return // below a loop of links: no container can see it
	}
	name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	if len(v.nodes) == 0 {
		v.nodes = make([]node, 256)
	}
	n := &v.nodes[0]
	v.nodes = v.nodes[1:]
	n.name, n.file, n.inode = name, f, f
	if f.Hard {
		if target := v.walk(f.Link); target != nil && target.inode != nil {
			n.inode = target.inode
		}
	}
	i, old := parent.find(name), (*node)(nil)
	if i >= 0 {
		old = parent.list[i]
	}
	switch {
	case f.Mode.IsDir() && old != nil && old.isDir():
		old.file, old.inode = f, f
		return
	case f.Mode.IsDir():
		n.dir = new(dir)
	}
	if old != nil && (old.isDir() || old.file != nil && old.file.Link != "") {
		v.lastDir = nil // what was remembered may be gone
	}
	parent.put(i, n)
}

// parent returns the directory that holds p. Where create is set, what is
// missing is made, and what is no directory gives way to one.
func (v *view) parent(p string, create bool) *node {
	dir := p[:max(0, strings.LastIndexByte(p, '/'))] // p is clean
	if v.lastDir != nil && dir == v.last {
		return v.lastDir
	}
	var left *int
	if create {
		left = &v.left
	}
	n := resolve(v.root, dir, left, v.follow)
	if n == nil || !n.isDir() {
		return nil
	}
	v.last, v.lastDir = dir, n
	return n
}
