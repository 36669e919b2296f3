package cli

import (
	_ "embed"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/source"
)

// A plan is what becomes a target for each platform of its image, once all that was asked for is known.
type plan struct {
	target
	root      *checkout.Root
	open      opener // of the image; nil if there is none
	ref       string // that open opens; "" if there is none
	platforms []string
	names     names           // what a manifest may call the image of a build
	chain     []*config.File  // in force, of a container
	changed   bool            // the container's manifest is changed before it is run
	has       map[string]bool // files, see include
	pulled    bool            // open opens what a manifest names, which may be of another build
}

// Names are what the image of a build may be called.
type names struct {
	repositories []string // of images that it is built as, or that are built of it
	words        []string // the last parts of those, and what else it is called
	dir          string   // the Dockerfile's directory, absolute; "" where that says nothing
}

// join puts together what of the plans belongs together: the containers of manifests and the build, or the image of a
// configuration, that they run. The image that is known of one is known of the other then.
func (fd *finder) join() {
	builds := fd.builds()
	var containers []*analysis.Container
	for _, p := range fd.planned {
		if p.PodsOnly {
			containers = append(containers, p.Pods[0].Container)
		}
	}
	owners := newOwners(builds, containers)
	var apart []string // containers of which no build is known to make what they run
	fd.planned = slices.DeleteFunc(fd.planned, func(p *plan) bool {
		if !p.PodsOnly {
			return false
		}
		c := p.Pods[0].Container
		own := owners.of(c)
		if own == nil {
			if p.open == nil {
				fd.configuredImage(p)
			}
			if p.open == nil && c.Image.S != "" {
				apart = append(apart, fmt.Sprintf("%s (%s)", c.Name, p.Pods[0].Manifest.Path))
			}
			return false
		}
		switch {
		case p.ref != "" && own.ref != "" && p.ref != own.ref: // the user says that it runs another
			return false
		case p.changed && p.ref == "" && own.ref == "": // what it runs in the end is not known, and what the Dockerfile says may not be either
			return false
		}
		switch {
		case p.pulled:
		case p.open != nil && own.open == nil:
			own.open, own.ref = p.open, p.ref
		case p.open == nil:
			p.open, p.ref = own.open, own.ref
		}
		if p.pulled || !slices.Equal(p.Config.Files, own.Config.Files) { // other rules are in force for the manifest
			p.Path, p.Inline, p.Dockerfile, p.Build = own.Path, own.Inline, own.Dockerfile, own.Build
			p.include(own.files)
			return false
		}
		own.Pods = append(own.Pods, p.Pods...)
		if len(own.files) > 0 { // else it is an image, which may have changed whatever is in the commit
			own.include(p.files)
			own.include(p.shared)
		}
		return true
	})
	fd.together()
	if fd.flags.image != "" && len(builds) == 1 && len(builds[0].Pods) == 0 && len(apart) > 0 {
		fd.remarks = append(fd.remarks, fmt.Sprintf("what these run is not known to be %s: %s: --image NAME=%[1]s says that it is",
			fd.flags.image, analysis.And(apart, 5)))
	}
	fd.remarks = append(fd.remarks, owners.remarks()...)
}

// include adds files that a target is made of, each once.
func (p *plan) include(files []string) {
	if p.has == nil {
		p.has = map[string]bool{}
		for _, f := range p.files {
			p.has[f] = true
		}
	}
	for _, f := range files {
		if !p.has[f] {
			p.has[f] = true
			p.files = append(p.files, f)
		}
	}
}

// together makes one of the containers that run the same image under the same configuration: it is read once for all of them.
func (fd *finder) together() {
	first := map[string]*plan{}
	fd.planned = slices.DeleteFunc(fd.planned, func(p *plan) bool {
		if !p.PodsOnly || p.ref == "" {
			return false
		}
		key := fmt.Sprintf("%q", []any{p.ref, p.Config.Files, p.Path, p.Build.Target}) + fmt.Sprintf(" %p", p.root)
		one := first[key]
		if one == nil {
			first[key] = p
			return false
		}
		one.Pods = append(one.Pods, p.Pods...)
		one.include(p.files)
		return true
	})
	for _, p := range first {
		if n := len(p.Pods) - 1; n > 0 {
			p.Name += fmt.Sprintf(" and %d more", n)
		}
	}
}

// builds are the plans that make an image, or have one: of several of the same file, stage and image the first.
func (fd *finder) builds() (builds []*plan) {
	seen := map[string]*plan{}
	for _, p := range fd.planned {
		if p.PodsOnly || len(p.names.words) == 0 && p.names.dir == "" {
			continue
		}
		key := absolute(p.Path) + "\x00" + p.Build.Target + "\x00" + p.ref
		if first := seen[key]; first != nil && p.Path != "" && !p.Inline {
			first.names.repositories = append(first.names.repositories, p.names.repositories...)
			first.names.words = append(first.names.words, p.names.words...)
			continue
		}
		seen[key] = p
		builds = append(builds, p)
	}
	return builds
}

// Owners are builds by what their images may be called.
type owners struct {
	repositories map[string][]*plan
	dirs         map[string][]*plan // by the last two parts of their directories
	words        map[string][]*plan
	whole        map[*plan]bool             // a container has the repository of its image: others of its name are of somebody else
	several      map[string]map[string]bool // repositories of the containers, by their last part
	open         map[string][]string        // of containers, by the builds that may make what they run
}

func newOwners(builds []*plan, containers []*analysis.Container) *owners {
	o := &owners{
		map[string][]*plan{}, map[string][]*plan{}, map[string][]*plan{}, map[*plan]bool{}, map[string]map[string]bool{}, map[string][]string{},
	}
	add := func(to map[string][]*plan, name string, p *plan) {
		if name != "" && !slices.Contains(to[name], p) {
			to[name] = append(to[name], p)
		}
	}
	for _, p := range builds {
		for _, r := range p.names.repositories {
			add(o.repositories, r, p)
		}
		for _, w := range p.names.words {
			add(o.words, w, p)
		}
		if dir := strings.ToLower(filepath.ToSlash(p.names.dir)); dir != "" && !general[path.Base(dir)] {
			add(o.words, path.Base(dir), p)
			add(o.dirs, path.Join(path.Base(path.Dir(dir)), path.Base(dir)), p)
		}
	}
	for _, c := range containers {
		ref := bases.ParseRef(c.Image.S)
		for _, p := range o.repositories[ref.Repository()] {
			o.whole[p] = true
		}
		word := strings.ToLower(path.Base(ref.Path))
		if o.several[word] == nil {
			o.several[word] = map[string]bool{}
		}
		if strings.Contains(ref.Repository(), "/") { // a name alone is one that something else completes
			o.several[word][ref.Repository()] = true
		}
	}
	return o
}

// of is the build that makes the image of a container: the one that is called like its repository, or else like the last parts of
// that; nil where none is, or several are, which is noted.
func (o *owners) of(c *analysis.Container) *plan {
	ref := bases.ParseRef(c.Image.S)
	if ref.Path == "" {
		return nil
	}
	found := o.repositories[ref.Repository()]
	word := strings.ToLower(path.Base(ref.Path))
	if len(found) == 0 && !official[word] {
		if found = o.dirs[strings.ToLower(path.Join(path.Base(path.Dir(ref.Path)), word))]; len(found) != 1 && len(o.several[word]) < 2 {
			found = o.words[word]
		}
		found = slices.DeleteFunc(slices.Clone(found), func(p *plan) bool { return o.whole[p] })
	}
	if len(found) == 1 {
		return found[0]
	}
	if len(found) > 1 {
		var files []string
		for _, p := range found {
			files = append(files, p.Name)
		}
		key := analysis.Or(files[:min(len(files), 4)])
		o.open[key] = append(o.open[key], c.Name)
	}
	return nil
}

// remarks say which containers may be of several builds.
func (o *owners) remarks() (list []string) {
	for builds, names := range o.open {
		slices.Sort(names)
		names = slices.Compact(names)
		list = append(list, fmt.Sprintf("which builds the image of %s is not known, %s: --image NAME=REF says what a container runs",
			analysis.And(names, 5), builds))
	}
	slices.Sort(list)
	return list
}

// configuredImage gives a container the image that a configuration above its manifest names, where both are of one repository.
func (fd *finder) configuredImage(p *plan) {
	written := bases.ParseRef(p.Pods[0].Container.Image.S)
	for _, f := range slices.Backward(p.chain) {
		if x := f.Build.Image; x != "" && written.Path != "" && bases.ParseRef(x).Repository() == written.Repository() {
			fd.applied[f] = true
			p.open, p.ref = fd.trusted("image", x, f), f.ImageRef(x)
			return
		}
	}
}

//go:embed official.tsv
var officialTable string

// official are the last parts of the repositories of the hub's official images: of those there are mirrors, and others publish their own
// under the same names.
var official = analysis.Words(officialTable)

//go:embed general.tsv
var generalTable string

// general are names that say nothing of an image.
var general = analysis.Words(generalTable)

// callable are the names that a manifest may know the image of a build by: those of images, its own, that of the Dockerfile's directory,
// and what stands before or behind "Dockerfile" in its name.
func callable(b build, images []string, name string) (n names) {
	word := func(s string) {
		if s = strings.ToLower(s); s != "" && !slices.Contains(n.words, s) {
			n.words = append(n.words, s)
		}
	}
	for _, ref := range images {
		if ref == "" || source.HasTransport(ref) {
			continue
		}
		if r := bases.ParseRef(ref); r.Path != "" {
			n.repositories = append(n.repositories, r.Repository())
			word(path.Base(r.Path))
		}
	}
	word(b.name)
	if b.inline != "" || name == "" {
		return n
	}
	own := dockerfileName(path.Base(filepath.ToSlash(name)))
	if general[own] {
		own = ""
	}
	if word(own); own == "" {
		n.dir = absolute(filepath.Dir(filepath.FromSlash(name)))
	}
	return n
}

// dockerfileName is what stands beside "Dockerfile" in the name of one; "" if nothing does.
func dockerfileName(base string) string {
	lower := strings.ToLower(base)
	for _, usual := range usual {
		usual := strings.ToLower(usual)
		if rest, ok := strings.CutPrefix(lower, usual); ok {
			return strings.TrimLeft(rest, ".-_")
		}
		if rest, ok := strings.CutSuffix(lower, "."+usual); ok {
			return rest
		}
	}
	return lower
}
