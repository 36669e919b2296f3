package analysis

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
	few  []*node
	many map[string]*node // in the place of few where there are more than fewest
}

const fewest = 8

// get returns the entry of that name, or nil.
func (d *dir) get(name string) *node {
	if d.many != nil {
		return d.many[name]
	}
	for _, n := range d.few {
		if n.name == name {
			return n
		}
	}
	return nil
}

// put adds n, in the place of an entry of its name.
func (d *dir) put(n *node) {
	if d.many != nil {
		d.many[n.name] = n
		return
	}
	for i, old := range d.few {
		if old.name == n.name {
			d.few[i] = n
			return
		}
	}
	if len(d.few) < fewest {
		d.few = append(d.few, n)
		return
	}
	d.many = make(map[string]*node, 2*fewest)
	for _, old := range d.few {
		d.many[old.name] = old
	}
	d.many[n.name] = n
	d.few = nil
}

// remove drops the entry of that name, if there is one.
func (d *dir) remove(name string) {
	delete(d.many, name)
	for i, n := range d.few {
		if n.name == name {
			d.few[i] = d.few[len(d.few)-1]
			d.few = d.few[:len(d.few)-1]
			return
		}
	}
}

// clear drops all entries.
func (d *dir) clear() { d.few, d.many = nil, nil }

// each calls f for all entries, in no order.
func (d *dir) each(f func(*node)) {
	for _, n := range d.few {
		f(n)
	}
	for _, n := range d.many {
		f(n)
	}
}
