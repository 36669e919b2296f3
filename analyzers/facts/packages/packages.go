// Package packages reads what is installed in an image: the databases of dpkg,
// apk and rpm, Python distributions, conda packages. It says which layer brought
// each package and which files are its own.
package packages

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Fact holds the packages of the image.
var Fact = &analysis.Fact[*Set]{
	Name: "packages",
	Needs: analysis.Needs{Contents: append(rpmWants(), []analysis.Want{
		{Glob: "var/lib/dpkg/status", Max: 32 << 20},
		{Glob: "var/lib/dpkg/status.d/*", Max: 1 << 20},
		{Glob: "var/lib/dpkg/info/*.list", Max: 8 << 20},
		{Glob: "var/lib/apt/extended_states", Max: 8 << 20},
		{Glob: "etc/apk/world", Max: 1 << 20},
		{Glob: "lib/apk/db/installed", Max: 32 << 20},
		{Glob: "usr/lib/apk/db/installed", Max: 32 << 20},
		{Glob: "**/*.dist-info/METADATA", Max: 1 << 20},
		{Glob: "**/*.dist-info/RECORD", Max: 8 << 20},
		{Glob: "**/*.egg-info/PKG-INFO", Max: 1 << 20},
		{Glob: "**/*.egg-info", Max: 1 << 20},
		{Glob: "**/conda-meta/*.json", Max: 8 << 20},
	}...)},
	Compute: compute,
}

// A Type is a kind of package, as package URLs (purl) name it.
type Type string

const (
	Deb   Type = "deb"
	APK   Type = "apk"
	RPM   Type = "rpm"
	PyPI  Type = "pypi"
	Conda Type = "conda"
)

// System reports whether packages of this type belong to the distribution.
func (t Type) System() bool { return t == Deb || t == APK || t == RPM }

// A Package is one installed package.
type Package struct {
	Type     Type
	Name     string // as its database writes it
	Version  string
	Arch     string
	Source   string // the source package, where the database names one
	Layer    *analysis.Layer
	Requires []string         // of a Python distribution: the names that it requires, markers left out
	Dir      string           // of a Python distribution: its dist-info or egg-info
	Files    []*analysis.File // its regular files that a container sees, hard links once
	Auto     bool             // of dpkg and apk: it was installed for others alone
	Required bool             // of dpkg: every installation has it

	depends  [][]string // names, of dpkg and apk: what it needs or recommends, each with its alternatives
	provides []string   // names besides its own
}

// Bytes is the size of the package's files.
func (p *Package) Bytes() (n int64) {
	for _, f := range p.Files {
		n += f.Size
	}
	return n
}

// Limits of what databases that strangers write may list. The largest images
// hold some thousands of packages.
const (
	maxPackages = 50_000
	maxFiles    = 1_000_000 // lines of all lists of files: an image has 500,000 entries at most
	maxRequires = 1_000
)

// A Set is the packages of an image.
type Set struct {
	List   []*Package // by type, name and version
	Unread string     // a database that is there and not read, or ""
	owner  analysis.Table[*Package]
	others analysis.Table[*Package] // the last package that listed a file which another owns
}

// Owner returns the package whose file f is, or nil; nil of no file. A system's package wins
// over the others.
func (s *Set) Owner(f *analysis.File) *Package {
	if f == nil {
		return nil
	}
	return s.owner.Of(f)
}

// Distributions returns the Python distributions.
func (s *Set) Distributions() []*Package {
	return slices.DeleteFunc(slices.Clone(s.List), func(p *Package) bool { return p.Type != PyPI })
}

func compute(pass *analysis.Pass) (*Set, error) { return Read(pass.Image), nil }

// Read reads what is installed in im, which has to have its databases among its contents. It is
// empty where im is nil, or its layers were not read.
func Read(im *analysis.Image) *Set {
	s := new(Set)
	if im == nil || !im.Indexed {
		return s
	}
	// They read the same view and nothing of each other's: side by side.
	system, first, second := newReader(im), newReader(im), newReader(im)
	var wg sync.WaitGroup
	wg.Go(func() {
		list := found(im)
		n := half(list)
		wg.Go(func() { second.places(list[n:]) })
		first.places(list[:n])
	})
	system.dpkg()
	system.distroless()
	system.apk()
	system.rpm()
	wg.Wait()
	s.owner, s.others = analysis.NewTable[*Package](im), analysis.NewTable[*Package](im)
	s.adopt(system)
	s.adopt(first)
	s.adopt(second)
	if im.Exhausted() {
		s.Unread = "links lead so far that the files of its packages are not all found"
	}
	slices.SortStableFunc(s.List, func(a, b *Package) int {
		return strings.Compare(string(a.Type)+"\x00"+a.Name+"\x00"+a.Version, string(b.Type)+"\x00"+b.Name+"\x00"+b.Version)
	})
	return s
}

// adopt takes over the packages of r, and says whose each file is: the first package's that lists
// it, a system's before the others.
func (s *Set) adopt(r *reader) {
	s.List = append(s.List, r.list...)
	s.Unread = cmp.Or(r.unread, s.Unread)
	for _, p := range r.list {
		once := p.Files[:0]
		for _, f := range p.Files {
			switch old := s.owner.Of(f); {
			case old == nil:
				s.owner.Set(f, p)
			case old == p || s.others.Of(f) == p:
				continue
			default:
				s.others.Set(f, p)
			}
			once = append(once, f)
		}
		p.Files = once
	}
}

// A reader reads databases of one image.
type reader struct {
	image  *analysis.Image
	finder *analysis.Finder
	list   []*Package
	unread string // a database that is there and not read, or ""
	files  int    // how many were listed
}

func newReader(im *analysis.Image) *reader { return &reader{image: im, finder: im.NewFinder()} }

// add adds p, as long as there are not too many.
func (r *reader) add(p *Package) *Package {
	if len(r.list) >= maxPackages {
		r.unread = fmt.Sprintf("its databases list more than %d packages, of which the others are not read", maxPackages)
	} else {
		r.list = append(r.list, p)
	}
	return p
}

// own makes the file at name one of p's. It returns false once there are too
// many.
func (r *reader) own(p *Package, name string) bool {
	if r.files++; r.files > maxFiles {
		r.unread = fmt.Sprintf("its databases list more than %d files, of which the others are not read", maxFiles)
		return false
	}
	if f := r.finder.Regular(name); f != nil {
		p.Files = append(p.Files, f)
	}
	return true
}

// text reports whether the bytes of the file at name were kept, and says it where
// they were not: what is skipped is not what is not there.
func (r *reader) text(name string, f *analysis.File) bool {
	switch name = analysis.Clip(name, 200); {
	case f.Contents != nil:
		return true
	case f.Size < 1<<20: // less than any of the wants
		r.unread = fmt.Sprintf("%q is not read: it is one more name of a file that is called otherwise", name)
	default:
		r.unread = fmt.Sprintf("%q is too large to be read: %s", name, analysis.Bytes(f.Size))
	}
	return false
}

// first finds the layer in which an entry of a database first appears: a
// database that a later layer writes again moves nothing.
type first map[string]*analysis.Layer

// databases reads the database at one of the paths, layer by layer, and returns
// the entries of the last, with their layers. Of those before it the key alone counts.
func (r *reader) databases(split func(text string, last bool) []entry, paths ...string) (last []entry, layers first) {
	layers = first{}
	var files []*analysis.File
	for _, l := range r.image.Layers {
		for _, f := range l.Files {
			if f.Contents != nil && slices.Contains(paths, f.Path) {
				files = append(files, f)
			}
		}
	}
	for i, f := range files {
		last = split(string(f.Contents), i == len(files)-1)
		now := first{}
		for _, e := range last {
			key := e.key()
			if now[key] = layers[key]; now[key] == nil {
				now[key] = f.Layer
			}
		}
		layers = now
	}
	for _, p := range paths {
		if f := r.image.Regular(p); f != nil {
			r.text(p, f)
			return last, layers
		}
	}
	return nil, nil // the last layer deleted it
}

// An entry is one paragraph of a database.
type entry map[string]string

func (e entry) key() string { return e["Package"] + "\x00" + e["Architecture"] + "\x00" + e["Version"] }

// of is the package of that type that the entry describes, installed by a layer.
func (e entry) of(t Type, l *analysis.Layer) *Package {
	return &Package{
		Type: t, Name: e["Package"], Version: e["Version"], Arch: e["Architecture"], Source: e["Source"], Layer: l,
	}
}

// paragraphs splits a database of "Key: value" paragraphs, as long as there are
// not too many. Continuation lines are left out, they hold nothing that is wanted.
func (r *reader) paragraphs(text string, wanted ...string) (out []entry) {
	e := entry{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			if len(e) > 0 {
				out = append(out, e)
				e = entry{}
			}
			if len(out) == maxPackages {
				r.unread = fmt.Sprintf("a database has more than %d paragraphs, of which the others are not read", maxPackages)
				return out
			}
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if ok && line[0] != ' ' && line[0] != '\t' && slices.Contains(wanted, key) {
			e[key] = strings.TrimSpace(value)
		}
	}
	if len(e) > 0 {
		out = append(out, e)
	}
	return out
}

// once is the first entry of each key: a database has no more, and each would
// cost all of its files again.
func once(entries []entry) []entry {
	seen := map[string]bool{}
	return slices.DeleteFunc(entries, func(e entry) bool {
		again := seen[e.key()]
		seen[e.key()] = true
		return again
	})
}

// dpkg reads Debian's database (dpkg(1), "FILES").
func (r *reader) dpkg() {
	split := func(text string, last bool) []entry {
		wanted := []string{"Package", "Status", "Version", "Architecture"}
		if last {
			wanted = append(wanted, "Source", "Depends", "Pre-Depends", "Recommends", "Provides", "Priority", "Essential")
		}
		return slices.DeleteFunc(
			r.paragraphs(text, wanted...),
			func(e entry) bool {
				return !strings.HasSuffix(e["Status"], " installed")
			},
		)
	}
	entries, layers := r.databases(split, "var/lib/dpkg/status")
	auto := r.auto()
	for _, e := range once(entries) {
		p := r.add(e.of(Deb, layers[e.key()]))
		p.Auto = auto[p.Name+":"+p.Arch]
		p.Required = e["Priority"] == "required" || e["Essential"] == "yes"
		p.depends = relations(e["Pre-Depends"], e["Depends"], e["Recommends"])
		p.provides = slices.Concat(relations(e["Provides"])...)
		list := r.image.Regular("var/lib/dpkg/info/" + p.Name + ":" + p.Arch + ".list")
		if list == nil {
			list = r.image.Regular("var/lib/dpkg/info/" + p.Name + ".list")
		}
		if list != nil && r.text("var/lib/dpkg/info/"+p.Name+".list", list) {
			for line := range strings.Lines(string(list.Contents)) {
				if !r.own(p, strings.TrimSuffix(line, "\n")) {
					break
				}
			}
		}
	}
}

// distroless reads one file for each package, as Bazel's rules write them,
// with its files in a .md5sums beside it.
func (r *reader) distroless() {
	for name, f := range r.image.Inodes() {
		dir, base := path.Split(name)
		if dir != "var/lib/dpkg/status.d/" || strings.HasSuffix(base, ".md5sums") || !r.text(name, f) {
			continue
		}
		for i, e := range r.paragraphs(string(f.Contents), "Package", "Version", "Architecture", "Source") {
			p := r.add(e.of(Deb, f.Layer))
			sums := r.image.Regular(name + ".md5sums")
			if sums == nil || i > 0 || !r.text(name+".md5sums", sums) { // they are the first entry's, which should be the only one
				continue
			}
			for line := range strings.Lines(string(sums.Contents)) {
				if _, file, ok := strings.Cut(strings.TrimRight(line, "\n"), " "); ok && !r.own(p, strings.TrimLeft(file, " *")) {
					break
				}
			}
		}
	}
}

// apk reads Alpine's database (apk-tools, "apk v2 installed db"): P name, V
// version, A architecture, o source, F directory, R file.
func (r *reader) apk() {
	paths := []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"}
	var text string
	split := func(t string, _ bool) []entry {
		text = t
		out := r.paragraphs(t, "P", "V", "A", "o", "D", "p")
		for i, e := range out {
			out[i] = entry{"Package": e["P"], "Version": e["V"], "Architecture": e["A"], "Source": e["o"], "D": e["D"], "p": e["p"]}
		}
		return out
	}
	entries, layers := r.databases(split, paths...)
	byKey := map[string]*Package{}
	world := r.world()
	for _, e := range once(entries) {
		p := r.add(e.of(APK, layers[e.key()]))
		p.Auto = world != nil && !world[p.Name]
		p.provides = constraints(e["p"])
		for _, name := range constraints(e["D"]) {
			p.depends = append(p.depends, []string{name})
		}
		byKey[e.key()] = p
	}
	done := map[string]bool{} // packages whose files were read: of a second stanza they are not
	e, dir := entry{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "":
			done[e.key()] = true
			e, dir = entry{}, ""
		case "P":
			e["Package"] = value
		case "V":
			e["Version"] = value
		case "A":
			e["Architecture"] = value
		case "F":
			dir = value
		case "R":
			if p := byKey[e.key()]; p != nil && !done[e.key()] && !r.own(p, path.Join(dir, value)) {
				return
			}
		}
	}
}
