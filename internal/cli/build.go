package cli

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tareweight/tare/internal/buildcontext"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/dockerfile"
)

// A build is one image that is made of a Dockerfile, as a configuration, a compose file or
// bake says it, or nobody.
type build struct {
	name         string // "" is the Dockerfile's path
	context      string // "" is the one that is guessed
	stage        string
	args         map[string]string
	contexts     map[string]string
	platforms    []string
	image        string       // "" where there is none
	images       []string     // that a compose file or bake says are built
	baseline     string       // the image to compare with, as the configuration names it; "" if it names none
	baselineFrom *config.File // that names it
	from         *config.File // that names the image
	settings     *config.File // of this build alone; nil if there are none
	here         []config.Setting
	inline       string   // what the Dockerfile is called that is no file; "" where it is one
	files        []string // that say so besides the configuration
	where        string   // that says the stage: a file, a line
}

// file adds one Dockerfile. One that cannot be read is a target that cannot be judged:
// the others are.
func (fd *finder) file(root *checkout.Root, name string) error {
	src, err := root.ReadFile(name, dockerfile.MaxSize)
	if err != nil {
		fd.unreadable(name, err)
		return nil
	}
	return fd.dockerfile(root, display(name), src)
}

// unreadable adds a Dockerfile that cannot be read.
func (fd *finder) unreadable(name string, err error) {
	fd.broken(nil, display(name), fmt.Errorf("read %q: %w", display(name), reason(err)))
}

// dockerfile adds the builds of the Dockerfile at name: those that the configuration lists,
// else the one that it describes.
func (fd *finder) dockerfile(root *checkout.Root, name string, src []byte) error {
	chain, err := fd.chain(root, filepath.Dir(filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	described := fd.described(root, chain, name)
	builds := builds(chain, name, described)
	if len(builds) == 0 {
		builds = []build{described}
	}
	for _, b := range builds {
		if err := fd.add(root, chain, src, name, b); err != nil {
			return err
		}
	}
	return nil
}

// builds are the targets of the configuration that are made of a Dockerfile: each adds to
// what is said of it anyway.
func builds(chain []*config.File, name string, described build) (builds []build) {
	for _, f := range chain {
		for i := range f.Targets {
			t := &f.Targets[i]
			if t.Dockerfile != "" && f.Abs(t.Dockerfile) == absolute(filepath.FromSlash(name)) {
				b := described
				b.name, b.settings, b.here = t.Name, t.Settings.File, slices.Clone(described.here)
				b.list(t.Here())
				b.add(f, t.Build)
				if t.Stage != "" {
					b.where = fmt.Sprintf("%s:%d", display(f.Path), t.Line)
				}
				builds = append(builds, b)
			}
		}
	}
	return builds
}

// described is the build of a Dockerfile that the keys at the top of configurations say,
// each of the Dockerfile beside it or of the one that it names.
func (fd *finder) described(root *checkout.Root, chain []*config.File, name string) (b build) {
	for _, f := range chain {
		if !fd.describes(root, f, name) {
			continue
		}
		fd.applied[f] = true
		b.add(f, f.Build)
		b.list(f.Here())
		if f.Stage != "" {
			b.where = display(f.Path)
		}
	}
	return b
}

// list adds keys to those that say how it is built: of a key that is there already the new
// value counts.
func (b *build) list(settings []config.Setting) {
	for _, s := range settings {
		if i := slices.IndexFunc(b.here, func(x config.Setting) bool { return x.Key == s.Key }); i >= 0 {
			b.here[i] = s
		} else {
			b.here = append(b.here, s)
		}
	}
}

// add puts what a configuration says of a build over what is known.
func (b *build) add(f *config.File, x config.Build) {
	if x.Context != "" {
		b.context = relative(f.Abs(x.Context))
	}
	if x.Image != "" {
		b.image, b.from = x.Image, f
	}
	if x.Baseline != "" {
		b.baseline, b.baselineFrom = x.Baseline, f
	}
	b.stage = cmp.Or(x.Stage, b.stage)
	if len(x.Platforms) > 0 {
		b.platforms = x.Platforms
	}
	b.args, b.contexts = joined(b.args, x.BuildArgs), joined(b.contexts, x.Contexts)
}

// joined is what two maps hold, a new one: what near says counts.
func joined(far, near map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, far)
	maps.Copy(out, near)
	return out
}

// describes reports whether the build at the top of a configuration is that of a
// Dockerfile: the one that it names, else the one beside it that "docker build" takes, else
// any beside it. One that --config names describes any.
func (fd *finder) describes(root *checkout.Root, f *config.File, name string) bool {
	abs := absolute(filepath.FromSlash(name))
	switch {
	case f.Dockerfile != "":
		return f.Abs(f.Dockerfile) == abs
	case fd.flags.config != "":
		return true
	case filepath.Dir(abs) != f.Dir:
		return false
	}
	return slices.Contains(usual, filepath.Base(abs)) || !slices.ContainsFunc(usual, func(n string) bool {
		return root.IsRegular(f.Abs(n))
	})
}

// add adds the targets of a build: one for each platform where it has an image, which is
// the one that --image or the configuration names. What flags say counts before all else.
func (fd *finder) add(root *checkout.Root, chain []*config.File, src []byte, name string, b build) error {
	c := config.Merge(append(slices.Clone(chain), b.settings)...)
	t := fd.configured(c, b.here)
	t.Name, t.Path, t.Dockerfile = cmp.Or(b.name, name), name, src
	t.Build = dockerfile.Options{Target: cmp.Or(fd.flags.target, b.stage), BuildArgs: joined(b.args, fd.args), Contexts: b.contexts}
	dir := cmp.Or(fd.flags.context, b.context)
	if fd.flags.context != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return usage("--context %q: want a directory", dir)
		}
	}
	if dir == "" {
		dir = buildcontext.Dir(root, filepath.FromSlash(name), src)
	}
	file := filepath.FromSlash(name)
	if b.inline != "" {
		t.Path, t.Inline, file = b.inline, true, ""
	}
	if files, err := buildcontext.Open(root, dir, file); err != nil {
		t.Err = fmt.Errorf("open build context %q of %s: %w", display(dir), t.Name, err)
	} else {
		t.Context, t.ContextDir = files, display(dir)
	}
	for _, f := range b.files {
		t.files = append(t.files, absolute(f))
	}
	for _, what := range b.contexts {
		if !strings.Contains(what, ":") { // a directory: relative to the file that says so, or to the context
			t.files = append(t.files, filepath.Join(absolute(dir), filepath.FromSlash(what)))
		}
	}
	t.files = append(fd.parts(root, chain, name, dir, src, fd.flags.context == "" && b.context == ""), t.files...)
	if fd.flags.target == "" {
		t.stageOf = b.where
	}
	t.OpenBaseline = fd.baseline(b.baseline, b.baselineFrom)
	p := plan{target: t, root: root, platforms: fd.platforms(b.platforms), names: callable(b, append(b.images, fd.flags.image, b.image), name)}
	if p.names.dir == root.Dir() { // which is called otherwise in each checkout
		p.names.dir = fd.remote(root)
	}
	switch {
	case fd.flags.image != "":
		p.ref, p.open = fd.flags.image, fd.open(fd.flags.image, nil)
	case b.image != "":
		p.ref, p.open = b.from.ImageRef(b.image), fd.trusted("image", b.image, b.from)
	}
	fd.plan(p)
	return nil
}

// requirements adds a file of requirements, or a lock file.
func (fd *finder) requirements(root *checkout.Root, name string) error {
	dir := filepath.Dir(name)
	chain, err := fd.chain(root, dir)
	if err != nil {
		return err
	}
	t := fd.configured(config.Merge(chain...), nil)
	t.Name, t.Named = display(name), []string{filepath.Base(name)}
	if t.Context, err = buildcontext.Open(root, dir, ""); err != nil {
		return &statusError{Broken, fmt.Errorf("open build context %q: %w", dir, err)}
	}
	t.ContextDir = display(dir)
	t.files = []string{absolute(dir)} // what it includes lies beside it
	p := plan{target: t, root: root, platforms: fd.platforms(nil)}
	if fd.flags.image != "" {
		p.ref, p.open = fd.flags.image, fd.open(fd.flags.image, nil)
	}
	fd.plan(p)
	return nil
}

// named adds the targets of that name which the configuration of the current directory
// lists. It reports whether there is one.
func (fd *finder) named(name string) (bool, error) {
	root, err := fd.root(".")
	if err != nil {
		return false, nil
	}
	chain, err := fd.chain(root, ".")
	if err != nil {
		return false, err
	}
	for _, f := range slices.Backward(chain) {
		for i := range f.Targets {
			x := &f.Targets[i]
			switch {
			case x.Name != name:
			case x.Dockerfile == "":
				fd.listedImage(chain, x)
				return true, nil
			default:
				return true, fd.one(root, x)
			}
		}
	}
	return false, nil
}

// one adds one target that a configuration lists, and not the others of its Dockerfile.
func (fd *finder) one(root *checkout.Root, x *config.Target) error {
	path := relative(x.File.Abs(x.Dockerfile))
	src, err := root.ReadFile(path, dockerfile.MaxSize)
	if err != nil {
		fd.unreadable(path, err)
		return nil
	}
	chain, err := fd.chain(root, filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, b := range builds(chain, path, fd.described(root, chain, path)) {
		if b.name == x.Name {
			return fd.add(root, chain, src, display(path), b)
		}
	}
	fd.foreign(x.File, config.Named{Path: x.Dockerfile, Line: x.Line})
	return nil
}

// foreign adds a Dockerfile that a configuration names and that lies in another repository, such
// as a submodule, whose own configuration alone is in force.
func (fd *finder) foreign(f *config.File, named config.Named) {
	fd.broken(nil, display(f.Path), fmt.Errorf("%s:%d: %q is in another repository, whose own configuration alone is in force: name it there",
		display(f.Path), named.Line, named.Path))
}
