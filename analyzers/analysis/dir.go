package analysis

import "slices"

// A node is one path of the merged view.
type node struct {
	name  string // its last part
	file  *File  // nil for a directory that no entry names
	inode *File  // the entry that holds the bytes: file, or what a hard link is a name of
	*dir         // nil unless it is a directory
}

// isDir reports whether n is a directory.
func (n *node) isDir() bool { return n.dir != nil }

// A dir is what a directory holds. An image may have as many directories as
// files, most with a few entries or one: a map for each would be most of what a
// view takes.
type dir struct {
	list []*node          // in the order of the layers, which mostly is that of the names; nil where one was removed
	at   map[string]int32 // the places of list by name; nil where there are few
}

const fewest = 8

// find returns the place in list of the entry of that name, or -1.
func (d *dir) find(name string) int {
	if d.at != nil {
		if i, ok := d.at[name]; ok {
			return int(i)
		}
		return -1
	}
	for i, n := range d.list {
		if n != nil && n.name == name {
			return i
		}
	}
	return -1
}

// get returns the entry of that name, or nil.
func (d *dir) get(name string) *node {
	if i := d.find(name); i >= 0 {
		return d.list[i]
	}
	return nil
}

// put adds n, in the place of an entry of its name: i is what find says of it.
func (d *dir) put(i int, n *node) {
	if i >= 0 {
		d.list[i] = n
		return
	}
	if d.at == nil && len(d.list) == fewest {
		d.list = slices.DeleteFunc(d.list, func(n *node) bool { return n == nil })
	}
	d.list = append(d.list, n)
	switch {
	case d.at != nil:
		d.at[n.name] = int32(len(d.list) - 1)
	case len(d.list) > fewest:
		d.at = make(map[string]int32, 2*fewest)
		for i, n := range d.list {
			d.at[n.name] = int32(i)
		}
	}
}

// remove drops the entry of that name, if there is one.
func (d *dir) remove(name string) {
	if i := d.find(name); i >= 0 {
		d.list[i] = nil
		delete(d.at, name)
	}
}

// clear drops all entries.
func (d *dir) clear() { d.list, d.at = nil, nil }

// each calls f for all entries, in the order of the layers.
func (d *dir) each(f func(*node)) {
	for _, n := range d.list {
		if n != nil {
			f(n)
		}
	}
}
