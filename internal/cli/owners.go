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
	"github.com/tareweight/tare/internal/source"
)

// Names are what the image of a build may be called.
type names struct {
	repositories []string // of images that it is built as, or that are built of it
	words        []string // the last parts of those, and what else it is called
	dir          string   // the Dockerfile's directory, absolute; "" where that says nothing
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
