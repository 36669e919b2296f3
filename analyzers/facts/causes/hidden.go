package causes

import (
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
)

// overlay holds what the layers of the image do to each other's files.
var overlay = &analysis.Fact[*overlays]{Name: "overlay", Compute: overlaid}

// overlays are files of layers above the base that hide others, or are hidden.
type overlays struct {
	rewritten []*analysis.File        // the same bytes as a layer below holds, under other metadata
	gone      []*analysis.File        // that no container sees, layer by layer
	kept      map[*analysis.File]bool // hidden, and its bytes are seen all the same, through a copy
	// bytes of files that may be those of the layer below: of one of the two the table of contents alone told
	apart int64
}

// overlaid finds what later layers hide: files of layers above the base that no
// container sees. A later copy with the same bytes is what need not be there;
// anything else was shipped for nothing.
func overlaid(pass *analysis.Pass) (*overlays, error) {
	o := &overlays{kept: map[*analysis.File]bool{}}
	if !pass.HasFiles() {
		return o, nil
	}
	im := pass.Image
	visible := analysis.NewTable[bool](im)
	for _, f := range im.Inodes() {
		if !f.Layer.Base {
			visible.Set(f, true)
		}
	}
	// the newest copy of each path below a layer, by path: what a later entry replaces. Nothing
	// replaces what no layer above the base has.
	older := map[string]*analysis.File{}
	for _, l := range im.Layers {
		for _, f := range l.Files {
			if !l.Base {
				older[f.Path] = nil
			}
		}
	}
	copied := map[*analysis.File]*analysis.File{} // to the next copy with the same bytes
	for _, l := range im.Layers {
		for _, f := range l.Files {
			if !f.Mode.IsRegular() || f.Deleted || f.Opaque || f.Hard {
				continue
			}
			old, above := older[f.Path]
			if !above {
				continue
			}
			if old != nil && old.Layer.Listed != l.Listed && old.Size == f.Size && f.Size > 0 { // they may be the same
				o.apart += f.Size
				o.kept[old] = true
			} else if old != nil && old.Layer != l && old.Size == f.Size && old.Hash == f.Hash && f.Size > 0 && !l.Base {
				o.rewritten = append(o.rewritten, f)
				copied[old] = f
			}
			older[f.Path] = f
		}
	}
	for f, last := range copied {
		for copied[last] != nil {
			last = copied[last]
		}
		o.kept[f] = visible.Of(last) // its bytes are seen, through the copy
	}
	for _, l := range im.Layers {
		if l.Base {
			continue
		}
		for _, f := range l.Files {
			if f.Mode.IsRegular() && !f.Deleted && !f.Opaque && !f.Hard && f.Size > 0 && !visible.Of(f) && !o.kept[f] {
				o.gone = append(o.gone, f)
			}
		}
	}
	return o, nil
}

// hidden gives the files that hide or are hidden their causes.
func (c *Causes) hidden(o *overlays) {
	c.Apart = o.apart >= smallestCopy
	for _, f := range o.rewritten {
		c.add(Rewritten, f.Layer, f)
	}
	for len(o.gone) > 0 {
		l := o.gone[0].Layer
		n := slices.IndexFunc(o.gone, func(f *analysis.File) bool { return f.Layer != l })
		if n < 0 {
			n = len(o.gone)
		}
		var gone []*analysis.File
		gone, o = o.gone[:n], &overlays{gone: o.gone[n:]}
		tools := buriedTools(l, gone)
		for _, f := range gone {
			if tools[f] {
				c.add(Buried, l, f)
			} else {
				c.add(Deleted, l, f)
			}
		}
	}
}

// buriedTools finds, among the hidden files of a layer, those of packages that
// held a compiler: by the lists that the layer brought and a later one deleted.
func buriedTools(l *analysis.Layer, gone []*analysis.File) map[*analysis.File]bool {
	byPath := map[string]*analysis.File{}
	for _, f := range gone {
		byPath[f.Path] = f
	}
	at := func(p string) *analysis.File {
		p = strings.TrimPrefix(p, "/")
		if f := byPath[p]; f != nil {
			return f
		}
		return byPath["usr/"+p] // a list may name what usr-merge has moved
	}
	out := map[*analysis.File]bool{}
	for _, f := range gone {
		if name, _ := tool(f.Path, f); name != "" && f.Kind != analysis.KindUnknown {
			out[f] = true
		}
		if path.Dir(f.Path) != "var/lib/dpkg/info" || !strings.HasSuffix(f.Path, ".list") {
			continue
		}
		paths := strings.Split(string(f.Contents), "\n")
		if !slices.ContainsFunc(paths, func(p string) bool {
			x := at(p)
			if x == nil {
				return false
			}
			name, _ := tool(x.Path, x)
			return name != ""
		}) {
			continue
		}
		for _, p := range paths {
			if x := at(p); x != nil {
				out[x] = true
			}
		}
	}
	return out
}

// add gives one file a cause, in the group of its layer's place.
func (c *Causes) add(cause Cause, l *analysis.Layer, f *analysis.File) {
	c.claim(c.group(cause, l), []*analysis.File{f})
}

// shares finds what a container sees and need not: headers, caches, copies,
// version control, bytecode and tests, in layers above the base.
func (c *Causes) shares(im *analysis.Image, set *packages.Set) {
	for _, p := range set.List {
		if !p.Type.System() || !development(p.Name) || p.Layer == nil || p.Layer.Base {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(p.Files), func(f *analysis.File) bool {
			return f.Size == 0 || f.Layer.Base || c.of.Of(f) != "" || set.Owner(f) != p
		})
		if len(own) > 0 {
			g := c.group(Headers, p.Layer)
			g.Packages = append(g.Packages, p)
			c.claim(g, own)
		}
	}
	first := map[content]*analysis.File{}
	dir, here := "", directory{}
	listed, read := false, false
	defer func() { c.Apart = c.Apart || listed && read }()
	for p, f := range im.Inodes() {
		if f.Size == 0 || c.of.Of(f) != "" {
			continue
		}
		if f.Size >= smallestCopy {
			listed, read = listed || f.Layer.Listed, read || !f.Layer.Listed
			key := content{f.Size, f.Hash}
			if old := first[key]; old == nil {
				first[key] = f
			} else if old != f && !f.Layer.Base && c.of.Of(old) == "" {
				c.add(Duplicate, f.Layer, f)
				continue
			}
		}
		if f.Layer.Base {
			continue
		}
		if d := p[:strings.LastIndexByte(p, '/')+1]; d != dir {
			dir, here = d, look("/"+d)
		}
		switch {
		case here.headers && header(p) && set.Owner(f) == nil && set.Unread == "":
			c.add(LooseHeaders, f.Layer, f)
		case here.cache, here.pkgs && (strings.HasSuffix(p, ".conda") || strings.HasSuffix(p, ".tar.bz2")):
			c.add(Cache, f.Layer, f)
		case here.vcs:
			c.add(VCS, f.Layer, f)
		case strings.HasSuffix(p, ".pyc"):
			c.add(Bytecode, f.Layer, f)
		case here.tests:
			c.add(Tests, f.Layer, f)
		}
	}
}

// content identifies bytes.
type content struct {
	size int64
	hash uint64
}

// smallestCopy is how large a file must be for a second copy of it to count.
const smallestCopy = 64 << 10

// development reports whether an OS package is one to build with, by the
// conventions of the distributions.
func development(name string) bool {
	return strings.HasSuffix(name, "-dev") || strings.HasSuffix(name, "-devel") || name == "linux-libc-dev" ||
		strings.HasSuffix(name, "-headers")
}

// A directory is what the files in it may be, by where it lies.
type directory struct {
	headers bool // an installer without packages puts headers there
	cache   bool // of an installer, for the next time
	pkgs    bool // of conda, where archives are kept
	vcs     bool
	tests   bool // of a library
}

// look reads a directory's path, which begins and ends with a slash.
func look(dir string) directory {
	begins := func(prefix string) bool { return strings.HasPrefix(dir, prefix) }
	holds := func(part string) bool { return strings.Contains(dir, part) }
	dotted := holds("/.") // most directories are not, and need not be looked at for each of the names
	return directory{
		// the interpreter's own headers are not meant
		headers: slices.ContainsFunc(headerDirs, begins) && !holds("/include/python") && !holds("/config-"),
		cache:   slices.ContainsFunc(systemCaches, begins) || dotted && slices.ContainsFunc(userCaches, holds),
		pkgs:    holds("/pkgs/"),
		vcs:     dotted && slices.ContainsFunc(vcsDirs, holds),
		tests:   holds("site-packages/") && (holds("/tests/") || holds("/test/")),
	}
}

var (
	headerDirs   = []string{"/usr/include/", "/usr/local/include/", "/opt/"}
	systemCaches = []string{
		"/var/lib/apt/lists/",
		"/var/cache/apt/",
		"/var/cache/apk/",
		"/var/cache/dnf/",
		"/var/cache/yum/",
		"/var/cache/zypp/",
	}
	userCaches = []string{
		"/.cache/pip/",
		"/.cache/uv/",
		"/.cache/pypoetry/",
		"/.cache/pipenv/",
		"/.cache/pdm/",
		"/.cache/conda/",
		"/.cache/pip-tools/",
	}
	vcsDirs = []string{"/.git/", "/.hg/", "/.svn/"}
)

// header reports whether p is a header or a static library.
func header(p string) bool {
	switch path.Ext(p) {
	case ".h", ".hpp", ".hh", ".hxx", ".a":
		return true
	}
	return false
}
