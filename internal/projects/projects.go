// Package projects reads what else says which images a project builds: compose files
// (compose-spec, "build"), and the JSON that "docker buildx bake --print" prints.
package projects

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/checkout"
)

// MaxSize is how many bytes the files of a project may have together.
const MaxSize = 1 << 20

// Limits of a project: each build is compared with each.
const (
	maxBuilds = 500  // images that are built
	maxPairs  = 1000 // arguments, or contexts, of one
)

// A Project is what a file says.
type Project struct {
	Builds  []Build  // in the order of the file
	Remarks []string // what of it is not judged, and why
	Files   []string // that it was read from

	same map[string]string // the name of a build, by all else that it is
}

// A Build is one image that is built.
type Build struct {
	Name       string // of the service or the target
	Context    string // a directory, relative to the current directory where the file is
	Dockerfile string // the path of it; "" where Inline is it
	Inline     []byte // the Dockerfile itself
	Stage      string
	Args       map[string]string // those whose value is known
	Platforms  []string
	Images     []string          // that it is built as, of all that are built the same
	Contexts   map[string]string // named contexts: what stands for a stage or an image
}

var reCompose = regexp.MustCompile(`^(docker-)?compose([.-].*)?\.ya?ml$`)

// Reader returns what reads the file at name, which is below root, or nil if it is
// neither a compose file nor bake's.
func Reader(root *checkout.Root, name string) func() (*Project, error) {
	base := strings.ToLower(filepath.Base(name))
	switch {
	case reCompose.MatchString(base):
		return func() (*Project, error) { return readCompose(root, name) }
	case strings.HasSuffix(base, ".json"):
		text, err := root.ReadFile(name, MaxSize)
		if err == nil && IsBake(text) {
			return func() (*Project, error) { return ParseBake(filepath.ToSlash(name), filepath.Dir(name), text) }
		}
	case strings.HasSuffix(base, ".yaml"), strings.HasSuffix(base, ".yml"):
		text, err := root.ReadFile(name, MaxSize)
		if err == nil && reServices.Match(text) {
			return func() (*Project, error) { return readCompose(root, name) }
		}
	}
	return nil
}

// IsCompose reports whether text looks like a compose file.
func IsCompose(text []byte) bool { return reServices.Match(text) }

var reServices = regexp.MustCompile(`(?m)^services:`)

var rePlatform = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$`)

// add adds a build, unless it is the same as another under a second name.
func (p *Project) add(b Build, same map[string][]string) error {
	for _, platform := range b.Platforms {
		if !rePlatform.MatchString(platform) {
			return fmt.Errorf("%q: platform %q: want os/architecture[/variant], as in linux/arm64", b.Name, platform)
		}
	}
	if len(b.Args) > maxPairs || len(b.Contexts) > maxPairs {
		return fmt.Errorf("%q: more than the limit of %d arguments or contexts", b.Name, maxPairs)
	}
	name := b.Name
	b.Name = ""
	if len(b.Images) > maxPairs {
		return fmt.Errorf("%q: more than the limit of %d images that it is built as", name, maxPairs)
	}
	key := fmt.Sprintf("%q", []any{ // of maps the keys are in order
		b.Context, b.Dockerfile, string(b.Inline), b.Inline == nil, b.Stage, b.Args, b.Platforms, b.Contexts,
	})
	if first, ok := p.same[key]; ok {
		same[first] = append(same[first], name)
		i := slices.IndexFunc(p.Builds, func(x Build) bool { return x.Name == first })
		if of := &p.Builds[i]; len(of.Images) < maxPairs {
			of.Images = append(of.Images, b.Images...)
		}
		return nil
	}
	if len(p.Builds) == maxBuilds {
		return fmt.Errorf("more than the limit of %d images that are built", maxBuilds)
	}
	if p.same == nil {
		p.same = map[string]string{}
	}
	b.Name = name
	p.same[key] = name
	p.Builds = append(p.Builds, b)
	return nil
}

// remote reports whether a context is of elsewhere: a repository of git, an archive
// (docs.docker.com/build/concepts/context).
func remote(context string) bool {
	for _, prefix := range []string{
		"http://", "https://", "git://", "git@", "ssh://", "github.com/", "docker-image://", "oci-layout://", "oci://",
	} {
		if strings.HasPrefix(context, prefix) {
			return true
		}
	}
	return context == "-"
}

// place completes the paths of a build that is described in a file of the directory dir.
func place(b *Build, dir, context, dockerfile string) {
	if context == "" {
		context = "."
	}
	join := func(dir, name string) string {
		if name = filepath.FromSlash(name); filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	b.Context = join(dir, context)
	if b.Inline == nil {
		if dockerfile == "" {
			dockerfile = "Dockerfile"
		}
		b.Dockerfile = join(b.Context, dockerfile)
	}
}

// alike says which builds are the same as others.
func (p *Project) alike(same map[string][]string) {
	for _, b := range p.Builds {
		if names := same[b.Name]; len(names) > 0 {
			is := "are"
			if len(names) == 1 {
				is = "is"
			}
			p.Remarks = append(p.Remarks, fmt.Sprintf("%s %s built as %s is: judged once", analysis.And(names, 5), is, b.Name))
		}
	}
}

// left says what is not judged.
func (p *Project) left(names []string, why string) {
	if len(names) > 0 {
		slices.Sort(names)
		p.Remarks = append(p.Remarks, fmt.Sprintf("%s: not judged, as %s", analysis.And(names, 5), why))
	}
}
