package causes

import (
	"path"
	"regexp"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
)

// toolchain finds compilers: drivers and back ends by their whole names, and
// what belongs to them by the package that owns them.
type toolchain struct {
	*Causes
	image *analysis.Image
	set   *packages.Set
}

var (
	// A name may carry the target before it and the version behind it.
	reTool = regexp.MustCompile(
		`^(?:[a-z0-9_]+-(?:[a-z0-9]+-)*(?:gnu|musl|gnueabihf|gnueabi|elf|mingw32|android)[a-z0-9]*-)?(.+?)(?:-?\d+(?:\.\d+)*)?$`,
	)
	reParts = regexp.MustCompile(
		`^(make|cmake|cmake-data|cmake-.*|ninja-build|meson|autoconf|automake|autotools-dev|libtool|m4|bison|flex|` +
			`pkg-config|pkgconf(-bin)?|dpkg-dev|patch|build-essential|build-base|binutils(-.*)?|libbinutils|libctf.*|` +
			`libgprofng.*|fortify-headers|libc-dev-bin|lto-disabled-list)$`,
	)
	binutils = regexp.MustCompile(`^(binutils(-.*)?|libbinutils|libctf.*|libgprofng.*)$`)
)

// compilers are the names of drivers and back ends. Those marked elf are
// words that scripts of other purposes are called by.
var compilers = map[string]struct{ elf, system bool }{
	"gcc": {}, "g++": {}, "c++": {}, "cc1": {elf: true}, "cc1plus": {elf: true}, "cc1obj": {elf: true},
	"cc1objplus": {elf: true}, "lto1": {elf: true},
	"clang": {}, "clang++": {}, "gfortran": {}, "f951": {elf: true}, "flang": {elf: true}, "flang-new": {elf: true},
	"rustc": {}, "cargo": {}, "go": {elf: true}, "gccgo": {}, "go1": {elf: true}, "javac": {elf: true}, "ghc": {},
	"tcc": {elf: true}, "zig": {elf: true},
	"nvcc": {system: true}, "cicc": {system: true}, "gnat1": {elf: true}, "d21": {elf: true}, "gdc": {},
}

// tool is the compiler's name that a path has, or "". A file whose kind is not known may be one.
func tool(p string, f *analysis.File) (name string, system bool) {
	if f.Mode&0o111 == 0 || f.Kind != analysis.KindELF && f.Kind != analysis.KindScript && f.Kind != analysis.KindUnknown {
		return "", false
	}
	base := path.Base(p)
	c, ok := compilers[base]
	if !ok {
		m := reTool.FindStringSubmatch(base)
		if m == nil {
			return "", false
		}
		if c, ok = compilers[m[1]]; !ok {
			return "", false
		}
		base = m[1]
	}
	if c.elf && f.Kind == analysis.KindScript {
		return "", false
	}
	return base, c.system
}

func (t *toolchain) find() {
	owners := map[*packages.Package]bool{}
	roots := map[string]*Group{}
	seen := map[*analysis.File]bool{}
	for p, inode := range t.image.Inodes() {
		if seen[inode] {
			continue
		}
		name, system := tool(p, inode)
		if name == "" {
			continue
		}
		owner := t.set.Owner(inode)
		if owner != nil && !owner.Type.System() || system && owner == nil {
			continue // a distribution's RECORD or conda's own owns it
		}
		seen[inode] = true
		if owner == nil && inode.Kind == analysis.KindUnknown {
			t.Unknown = append(t.Unknown, p) // no package says it either
			continue
		}
		if owner == nil {
			g := t.group(Compiler, inode.Layer)
			g.Tools = append(g.Tools, Tool{name, p, inode})
			t.claim(g, []*analysis.File{inode})
			if dir := root(p, name); dir != "" && roots[dir] == nil {
				roots[dir] = g
			}
			continue
		}
		g := t.group(Compiler, owner.Layer)
		g.Tools = append(g.Tools, Tool{name, p, inode})
		if !owners[owner] {
			owners[owner] = true
			g.Packages = append(g.Packages, owner)
			t.claim(g, owner.Files)
		}
	}
	t.below(roots)
	for _, p := range t.set.List { // parts belong to the finding of their place, or are one of their own
		if !p.Type.System() || !reParts.MatchString(p.Name) || owners[p] {
			continue
		}
		g := t.beside(p.Layer)
		if g == nil {
			if binutils.MatchString(p.Name) {
				continue // ctypes.util.find_library needs it
			}
			g = t.group(Parts, p.Layer)
		}
		g.Packages = append(g.Packages, p)
		t.claim(g, p.Files)
	}
}

// beside is the group of compilers at a layer's place, or nil.
func (c *Causes) beside(l *analysis.Layer) *Group {
	key := place{Compiler, l.Location(), l.Base}
	if l.Base {
		key.at.Layer = nil
	}
	return c.groups[key]
}

// root is the directory that an installer without packages unpacked a compiler
// into; "" if nothing else belongs to it.
func root(p, name string) string {
	dir := path.Dir(p)
	switch home := path.Dir(dir); {
	case strings.HasSuffix(p, "/go/bin/go"):
		return home
	case strings.HasSuffix(p, "/bin/javac") && home != "usr" && home != "usr/local":
		return home
	case name == "rustc" || name == "cargo":
		if i := strings.Index(p, "/toolchains/"); i > 0 {
			return p[:i]
		}
	case name == "zig" && !strings.HasSuffix(dir, "bin") && dir != ".":
		return dir
	}
	return ""
}

// below gives each group what lies below its roots and no package owns. Of
// roots within each other the outer one has it.
func (t *toolchain) below(roots map[string]*Group) {
	if len(roots) == 0 {
		return
	}
	known := map[string]*Group{".": nil}
	var group func(dir string) *Group
	group = func(dir string) *Group {
		g, ok := known[dir]
		if !ok {
			if g = group(path.Dir(dir)); g == nil {
				g = roots[dir]
			}
			known[dir] = g
		}
		return g
	}
	for p, f := range t.image.Inodes() {
		if g := group(path.Dir(p)); g != nil && t.set.Owner(f) == nil {
			t.claim(g, []*analysis.File{f})
		}
	}
}
