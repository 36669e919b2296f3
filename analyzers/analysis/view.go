package analysis

import (
	"iter"
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

// An entry is one path that a container sees.
type entry struct {
	path string
	*node
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
