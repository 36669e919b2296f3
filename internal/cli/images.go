package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

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
	t.Name, t.OpenImage = ref, fd.open(ref, fd.flags.platform, nil)
	t.Build = dockerfile.Options{Target: fd.flags.target, BuildArgs: fd.args}
	fd.push(root, t)
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
	platforms := fd.platforms(x.Platforms)
	for _, p := range platforms {
		t := t
		if len(platforms) > 1 {
			t.Name += " (" + p + ")"
		}
		t.OpenImage = fd.trusted(x.Image, p, x.File)
		fd.push(nil, t)
	}
}

// open opens an image; a path is below root, or, where that is nil, wherever the
// user says.
func (fd *finder) open(ref, platform string, root *checkout.Root) func(context.Context) (*source.Image, error) {
	return func(ctx context.Context) (*source.Image, error) {
		return source.Open(ctx, ref,
			source.Options{Platform: platform, Cache: fd.cache, Limits: fd.flags.limits, Session: &fd.session, Root: root})
	}
}

// trusted opens the image that a configuration names. The file may be a
// stranger's, who proposes a change: its paths stay in the checkout, and Tare
// speaks to no registry for it that the user did not name.
func (fd *finder) trusted(image, platform string, f *config.File) func(context.Context) (*source.Image, error) {
	fails := func(err error) func(context.Context) (*source.Image, error) {
		return func(context.Context) (*source.Image, error) { return nil, err }
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
		return fd.open(ref, platform, root)
	}
	return fails(fmt.Errorf(
		"%s: image: %q is of registry %q, which only a configuration names: --trust-registry %s lets it, or --image names the image",
		display(f.Path), image, host, host))
}
