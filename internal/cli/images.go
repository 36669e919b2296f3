package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/source"
)

// image adds an image alone: the current directory's configuration is in force.
func (fd *finder) image(ref string) error {
	root, err := fd.root(".")
	if err != nil {
		return &statusError{Broken, fmt.Errorf("open the current directory: %w", err)}
	}
	chain, err := fd.chain(root, ".")
	if err != nil {
		return err
	}
	t := fd.configured(config.Merge(chain...), nil)
	t.Name = ref
	t.Build = dockerfile.Options{Target: fd.flags.target, BuildArgs: fd.args}
	t.OpenBaseline = fd.baseline("", nil)
	fd.plan(plan{
		target: t, root: root, open: fd.open(ref, nil), ref: ref, platforms: fd.platforms(nil), names: callable(build{}, []string{ref}, ""),
	})
	return nil
}

// images adds the targets without a Dockerfile of the configurations in a directory.
func (fd *finder) images(root *checkout.Root, dir string, found found) error {
	configs, err := fd.below(root, dir, found)
	if err != nil {
		return err
	}
	for _, f := range configs {
		if !within(f.Dir, absolute(dir)) {
			continue
		}
		chain, err := fd.chain(root, f.Dir)
		if err != nil {
			return err
		}
		for i := range f.Targets {
			if t := &f.Targets[i]; t.Dockerfile == "" && fd.flags.image == "" {
				fd.listedImage(chain, t)
			}
		}
	}
	return nil
}

// listedImage adds a target without a Dockerfile.
func (fd *finder) listedImage(chain []*config.File, x *config.Target) {
	t := fd.configured(config.Merge(append(slices.Clone(chain), x.Settings.File)...), x.Here())
	t.Name = x.Name
	t.Build = dockerfile.Options{Target: cmp.Or(fd.flags.target, x.Stage), BuildArgs: x.BuildArgs}
	t.OpenBaseline = fd.baseline(x.Baseline, x.File)
	fd.plan(plan{
		target: t, open: fd.trusted("image", x.Image, x.File), ref: x.File.ImageRef(x.Image), platforms: fd.platforms(x.Platforms),
		names: callable(build{name: x.Name}, []string{x.Image}, ""),
	})
}

// allPlatforms stands for all platforms that an image has.
const allPlatforms = "all"

// platforms are those of which an image is judged, "" being this machine's: what the flag says, else
// all that are listed.
func (fd *finder) platforms(listed []string) []string {
	if fd.flags.platform != "" || len(listed) == 0 {
		return []string{fd.flags.platform}
	}
	return listed
}

// An opener opens an image for a platform.
type opener func(ctx context.Context, platform string) (*source.Image, error)

// each adds a target of a plan for each platform of its image, or, where it has none, one.
func (fd *finder) each(p *plan) {
	t, open, platforms := p.target, p.open, p.platforms
	if open == nil {
		if len(platforms) > 0 && platforms[0] != allPlatforms {
			t.Build.Platform = platforms[0]
		}
		fd.push(p.root, t)
		return
	}
	t.OpenTrusted = func(ctx context.Context, ref, platform string) (*source.Image, error) {
		if host := source.Registry(ref); host == "" || !slices.Contains(fd.flags.trusted, host) {
			return nil, fmt.Errorf("%q is of a registry that nobody named", ref)
		}
		return fd.open(ref, nil)(ctx, platform)
	}
	t.Tags = func(ctx context.Context, repository, own string) ([]string, error) {
		if host := source.Registry(repository); host == "" || host != own && !slices.Contains(fd.flags.trusted, host) {
			return nil, fmt.Errorf("%q is of a registry that nobody named", repository)
		}
		return source.Tags(ctx, repository, fd.options())
	}
	if slices.Contains(platforms, allPlatforms) {
		var list *source.PlatformsError
		im, err := open(fd.ctx, allPlatforms)
		switch {
		case errors.As(err, &list):
			platforms = list.Platforms
		case err == nil:
			im.Close()
			platforms = []string{im.Platform}
		default: // the target says it
			platforms = []string{""}
		}
	}
	for _, platform := range platforms {
		t := t
		if t.Build.Platform = platform; len(platforms) > 1 {
			t.Name += " (" + platform + ")"
		}
		t.OpenImage = func(ctx context.Context) (*source.Image, error) { return open(ctx, platform) }
		fd.push(p.root, t)
	}
}

// baseline opens the image that --baseline-image names, or else the configuration; nil where none does.
func (fd *finder) baseline(named string, f *config.File) func(context.Context, string) (*source.Image, error) {
	switch {
	case fd.flags.baselineImage != "":
		return fd.open(fd.flags.baselineImage, nil)
	case named != "":
		return fd.trusted("baseline", named, f)
	}
	return nil
}

// open opens an image; a path is below root, or, where that is nil, wherever the
// user says.
func (fd *finder) open(ref string, root *checkout.Root) opener {
	return func(ctx context.Context, platform string) (*source.Image, error) {
		opt := fd.options()
		opt.Platform, opt.Root = platform, root
		return source.Open(ctx, ref, opt)
	}
}

// options are how an image is reached.
func (fd *finder) options() source.Options {
	return source.Options{
		Cache: fd.cache, Limits: fd.flags.limits, Session: &fd.session, Offline: fd.flags.offline, Insecure: fd.flags.insecure,
		Stdin: fd.std.In, Local: true,
	}
}

// trusted opens the image that a key of a configuration names. The file may be a
// stranger's, who proposes a change: its paths stay in the checkout, and Tare
// speaks to no registry for it that the user did not name.
func (fd *finder) trusted(key, image string, f *config.File) opener {
	fails := func(err error) opener {
		return func(context.Context, string) (*source.Image, error) { return nil, err }
	}
	if image == "" {
		return fails(errors.New("no image is named"))
	}
	ref := f.ImageRef(image)
	host := source.Registry(ref)
	root, err := fd.root(f.Path)
	switch {
	case err != nil:
		return fails(err)
	case host == "" || slices.Contains(fd.flags.trusted, host):
		return fd.open(ref, root)
	}
	return fails(fmt.Errorf(
		"%s: %s: %q is of registry %q, which only a configuration names: --trust-registry %s lets it, or --%s names the image",
		display(f.Path), key, image, host, host, map[string]string{"image": "image", "baseline": "baseline-image"}[key]))
}

// share makes the cache one that machines share, where --shared-cache names a repository; nil where it
// does not.
func (fd *finder) share() (*source.Shared, error) {
	if fd.flags.shared == "" {
		return nil, nil
	}
	if fd.cache == nil {
		return nil, usage("--shared-cache needs a cache: leave --no-cache out")
	}
	s, err := source.OpenShared(fd.ctx, fd.flags.shared, fd.options())
	if err != nil {
		return nil, usage("--shared-cache: %v", err)
	}
	fd.cache.Far = cache.Far{Get: s.Get, Put: s.Put}
	return s, nil
}

// sharing says what was taken from a shared cache; "" where there is none.
func sharing(name string, s *source.Shared) string {
	if s == nil {
		return ""
	}
	taken, given := int(s.Taken.Load()), int(s.Given.Load())
	text := fmt.Sprintf("%d %s of layers taken from the shared cache %s, and %d put there", taken,
		number(taken, "index was", "indexes were"), name, given)
	if s.Lost() {
		text += "; it cannot be written to: docker login, or rights to push"
	}
	return text
}
