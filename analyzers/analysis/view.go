package analysis

import (
	"errors"
	"iter"
	"path"
	"slices"
	"strings"
)

// What is followed to resolve one path: as many symbolic links as the kernel
// follows, and not more bytes of their targets than a path may have.
const (
	maxLinks  = 40
	maxTarget = 4096
)

// maxFollowed is how many bytes of link targets are followed to find files in a
// merged view, all together: what is found beyond is not there. Real images come
// to some hundred thousand.
const maxFollowed = 64 << 20

// What a merged view may grow to that layers of few bytes describe.
var (
	ErrDirectories = errors.New("too many directories that no entry names")
	ErrPaths       = errors.New("too many bytes of paths, after links among their directories are followed")
)

// Merge makes the merged view of the layers' files: layers are applied in
// order, as a container runtime does it (OCI image-spec, layer.md "Applying
// Changesets"). A deletion touches older layers alone; directories among an
// entry's parents that are symbolic links are followed (usr-merge). The image
// is Indexed then. Where it would hold more directories that no entry names than
// directories, or where more than bytes of links' targets were to be followed or
// of paths that no entry has to be kept, it is not, and the error is
// ErrDirectories or ErrPaths.
func (im *Image) Merge(directories int, bytes int64) error {
	im.root = &node{dir: new(dir)}
	im.number()
	for _, l := range im.Layers {
		v := view{root: im.root, left: directories, follow: func(n int) bool {
			bytes -= int64(n)
			return bytes >= 0
		}}
		for _, f := range l.Files {
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
		if directories = v.left; directories < 0 {
			im.root = nil
			return ErrDirectories
		}
		if bytes < 0 {
			im.root = nil
			return ErrPaths
		}
	}
	im.list = make([]entry, 0, im.Entries())
	if im.flatten(im.root, "", &bytes); bytes < 0 {
		im.root, im.list = nil, nil
		return ErrPaths
	}
	im.Indexed = true
	return nil
}

// number gives each entry its place among all.
func (im *Image) number() {
	n := int32(0)
	for _, l := range im.Layers {
		for _, f := range l.Files {
			f.ordinal = n
			n++
		}
	}
}

// An entry is one path that a container sees.
type entry struct {
	path string
	*node
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

// walk returns the node at p, its last part not followed if it is a link.
func (v *view) walk(p string) *node {
	i := strings.LastIndexByte(p, '/')
	base := p[i+1:]
	if base == "" || base == "." || base == ".." { // no name: what it stands for has none but its own
		return resolve(v.root, p, nil, v.follow)
	}
	parent := resolve(v.root, p[:i+1], nil, v.follow)
	if parent == nil || !parent.isDir() {
		return nil
	}
	return parent.get(base)
}

// resolve follows p from root, through every symbolic link, as a process does
// whose root directory is the image's. It returns nil for what is not there,
// and for a loop. Where left is not nil, what is missing is made, as long as
// that is more than 0.
func resolve(root *node, p string, left *int, follow func(bytes int) bool) *node {
	var few [16]*node
	stack := few[:0] // the directories above n
	n, links, target := root, 0, 0
	rest := p
	for rest != "" {
		part, tail, _ := strings.Cut(rest, "/")
		rest = tail
		switch part {
		case "", ".":
			continue
		case "..":
			if len(stack) > 0 {
				n, stack = stack[len(stack)-1], stack[:len(stack)-1]
			}
			continue
		}
		if !n.isDir() {
			return nil
		}
		child := n.get(part)
		if child != nil && child.inode != nil && child.inode.Link != "" && !child.inode.Hard {
			link := child.inode.Link // its own, or what a hard link is one more name of
			links, target = links+1, target+len(link)
			if links > maxLinks || target > maxTarget || !follow(len(link)) {
				return nil
			}
			if strings.HasPrefix(link, "/") {
				n, stack = root, stack[:0]
			}
			rest = link + "/" + rest
			continue
		}
		if left != nil && (child == nil || !child.isDir()) {
			if *left--; *left < 0 {
				return nil
			}
			child = &node{name: part, dir: new(dir)}
			n.put(n.find(part), child)
		}
		if child == nil {
			return nil
		}
		stack = append(stack, n)
		n = child
	}
	return n
}

// follow reports whether n more bytes of links' targets may be followed.
func (im *Image) follow(n int) bool { return im.followed.Add(int64(n)) <= maxFollowed }

// Exhausted reports whether so many links were followed that files were not
// found which are there.
func (im *Image) Exhausted() bool { return im.followed.Load() > maxFollowed }

// Files returns the files that a container of the image sees, each with its
// path after links among its directories are followed; a directory before what
// it holds, names in order. It yields nothing unless the image is indexed.
func (im *Image) Files() iter.Seq2[string, *File] {
	return func(yield func(string, *File) bool) {
		for _, e := range im.list {
			if e.file != nil && !yield(e.path, e.file) {
				return
			}
		}
	}
}

// Inodes returns the regular files that a container sees, as Files does, with
// the entry that holds the bytes of each: several hard links have one.
func (im *Image) Inodes() iter.Seq2[string, *File] {
	return func(yield func(string, *File) bool) {
		for _, e := range im.list {
			if f := e.regular(); f != nil && !yield(e.path, f) {
				return
			}
		}
	}
}

// Lookup returns the file at p, which may be rooted, as a process of the image
// finds it: every symbolic link is followed. It returns nil for what is not
// there.
func (im *Image) Lookup(p string) *File {
	if im.root == nil {
		return nil
	}
	if n := resolve(im.root, p, nil, im.follow); n != nil {
		return n.file
	}
	return nil
}

// Inode returns the entry that holds the bytes of what a container sees at p:
// several hard links have one. It returns nil for what is not there.
func (im *Image) Inode(p string) *File {
	if im.root == nil {
		return nil
	}
	if n := resolve(im.root, p, nil, im.follow); n != nil {
		return n.inode
	}
	return nil
}

// Regular returns the entry that holds the bytes of the regular file at p,
// which may be rooted: links among its directories are followed, p itself is
// not if it is one. It returns nil for anything else.
func (im *Image) Regular(p string) *File { return im.NewFinder().Regular(p) }

// A Finder looks for many files of an image, one after another: who does that looks for
// neighbours, so it remembers the last directory. It is for one goroutine.
type Finder struct {
	image *Image
	path  string // of the last directory, with its last slash
	dir   *node  // what is there; nil if nothing is
}

// NewFinder returns a finder of im's files, whose view does not change any more.
func (im *Image) NewFinder() *Finder { return &Finder{image: im, dir: im.root} }

// Regular is as that of the image.
func (f *Finder) Regular(p string) *File {
	if f.image.root == nil {
		return nil
	}
	if n := f.walk(p); n != nil {
		return n.regular()
	}
	return nil
}

// walk returns the node at p, its last part not followed if it is a link.
func (f *Finder) walk(p string) *node {
	i := strings.LastIndexByte(p, '/')
	base := p[i+1:]
	if base == "" || base == "." || base == ".." {
		v := view{root: f.image.root, follow: f.image.follow}
		return v.walk(p)
	}
	if f.path != p[:i+1] {
		f.path, f.dir = p[:i+1], resolve(f.image.root, p[:i+1], nil, f.image.follow)
	}
	if f.dir == nil || !f.dir.isDir() {
		return nil
	}
	return f.dir.get(base)
}

// regular returns the entry that holds the node's bytes; nil unless it is a
// regular file.
func (n *node) regular() *File {
	if n.inode == nil || !n.inode.Mode.IsRegular() || n.inode.Hard {
		return nil
	}
	return n.inode
}
