package driver

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/attribution"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
)

// image opens and indexes the image as far as the enabled rules need it.
func (c *checker) image(ctx context.Context, t Target) {
	absent := func(why string, in ...analysis.Input) {
		for _, x := range in {
			c.missing[x] = why
		}
	}
	if t.OpenImage == nil {
		absent("needs an image", analysis.InputManifest, analysis.InputFiles)
		return
	}
	need, wants := c.needs(t)
	if need&(analysis.InputManifest|analysis.InputFiles) == 0 {
		absent("the image was not opened: no enabled rule needs it", analysis.InputManifest, analysis.InputFiles)
		return
	}
	src, err := t.OpenImage(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		c.fail(err)
		absent("the image cannot be opened", analysis.InputManifest, analysis.InputFiles)
		return
	}
	c.opened = src
	var notes noted
	indexing := image.Options{
		Wants: wants, Limits: c.opt.Limits, Cache: c.opt.Cache, Whole: c.whole(), Note: notes.add,
		Expect: c.opt.Expect, Reading: c.opt.Reading,
	}
	if indexing.Streamed, err = complete(ctx, src, indexing); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		c.fail(err)
		absent("the image cannot be read", analysis.InputManifest, analysis.InputFiles)
		return
	}
	provenance := c.provenance(ctx, t, src)
	im := image.New(src)
	c.res.Remarks = append(c.res.Remarks, src.Remarks...)
	c.res.Image, c.world.Image = im, im
	if need&analysis.InputFiles == 0 {
		absent("the image's layers were not read: no enabled rule needs them", analysis.InputFiles)
		c.align(im, provenance)
		c.remember(im)
		return
	}
	indexed := make(chan error, 1)
	if err := c.hold(ctx); err != nil {
		absent("the time was over", analysis.InputFiles)
		indexed <- nil
	} else {
		go func() { indexed <- image.Index(ctx, im, src, indexing) }()
	}
	// What stands below the image is asked for while its layers are read: neither knows of the other.
	c.align(im, provenance)
	if im.Base.How == "" {
		c.base(ctx, t, src, im)
	}
	smaller := c.sibling(ctx, t, src, im)
	err = <-indexed
	c.res.Remarks = append(c.res.Remarks, notes.sorted()...)
	if err != nil {
		c.fail(err)
		absent("the image's layers cannot be read", analysis.InputFiles)
	}
	if im.Indexed {
		im.Sibling = smaller
	}
	c.remember(im)
}

// whole reports whether the user asked for a rule that tables of contents do not decide.
func (c *checker) whole() bool {
	return c.opt.Named && slices.ContainsFunc(c.opt.Analyzers, func(a *analysis.Analyzer) bool {
		return slices.ContainsFunc(a.Rules, func(r *analysis.Rule) bool { return r.Bytes && c.enabled(r) })
	})
}

// noted is what is worth to know of an image, said by several goroutines.
type noted struct {
	mu   sync.Mutex
	list []string
}

func (n *noted) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, text)
}

func (n *noted) sorted() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(slices.Values(n.list))
}

// align joins the image with the Dockerfile, if there is one.
func (c *checker) align(im *analysis.Image, provenance *attribution.Provenance) {
	if c.res.Dockerfile != nil {
		attribution.Align(c.res.Dockerfile, im, provenance)
	}
}

// complete reads a source that comes in one piece and tells its configuration last; it does nothing
// with any other.
func complete(ctx context.Context, src *source.Image, opt image.Options) (*image.Streamed, error) {
	if src.Config != nil {
		return nil, nil
	}
	return image.Stream(ctx, src, opt)
}

// needs is what the enabled rules need of the image, and the contents that they and the report want.
func (c *checker) needs(t Target) (need analysis.Input, wants []analysis.Want) {
	for _, a := range c.opt.Analyzers {
		for _, r := range a.Rules {
			if c.enabled(r) && (r.Needs&analysis.InputDockerfile == 0 || c.res.Dockerfile != nil || t.Dockerfile == nil) &&
				(r.Needs&analysis.InputBaseline == 0 || t.OpenBaseline != nil) {
				need |= r.Needs | r.Uses | r.Any
			}
		}
		if slices.ContainsFunc(a.Rules, c.enabled) {
			for n := range a.Needs.All() {
				wants = append(wants, n.Contents...)
			}
		}
	}
	wants = append(wants, packages.Fact.Needs.Contents...) // the report lists what is installed
	slices.SortFunc(wants,
		func(a, b analysis.Want) int { return cmp.Or(cmp.Compare(a.Glob, b.Glob), cmp.Compare(a.Max, b.Max)) })
	return need, slices.Compact(wants)
}

// remember keeps which image these layers are all of: it may be the base of another.
func (c *checker) remember(im *analysis.Image) {
	note := c.opt.Remember
	if note == nil {
		note = c.opt.Cache.PutImage
	}
	if im.Source == "registry" {
		note(cache.Chain(diffIDs(im)), redact.Credentials(im.Name), im.Digest)
	}
}

func diffIDs(im *analysis.Image) (ids []string) {
	for _, l := range im.Layers {
		ids = append(ids, l.DiffID)
	}
	return ids
}

// hold waits until there is room for one more index.
func (c *checker) hold(ctx context.Context) error {
	if c.opt.Hold == nil {
		return nil
	}
	return c.opt.Hold(ctx)
}

// provenance reads what the builder recorded, where an enabled rule reads a
// Dockerfile. Without one at hand, the one that was recorded is judged.
func (c *checker) provenance(ctx context.Context, t Target, src *source.Image) *attribution.Provenance {
	wanted := slices.ContainsFunc(c.opt.Analyzers, func(a *analysis.Analyzer) bool {
		return slices.ContainsFunc(a.Rules,
			func(r *analysis.Rule) bool { return c.enabled(r) && r.Needs&analysis.InputDockerfile != 0 })
	})
	if src.Provenance == nil || !wanted {
		return nil
	}
	raw, err := src.Provenance(ctx)
	if err == nil && raw == nil {
		return nil
	}
	var p *attribution.Provenance
	if err == nil {
		p, err = attribution.ParseProvenance(raw)
	}
	if err != nil {
		c.res.Remarks = append(c.res.Remarks, fmt.Sprintf("the image's provenance is not used: %v", err))
		return nil
	}
	if t.Dockerfile == nil && p.Dockerfile != nil {
		build := t.Build
		build.BuildArgs, build.Target, build.Platform = p.Args, p.Target, src.Platform
		d, err := dockerfile.Parse(p.Path, p.Dockerfile, build)
		if err != nil {
			c.res.Remarks = append(c.res.Remarks, fmt.Sprintf("the Dockerfile of the image's provenance is not used: %v", err))
			return p
		}
		c.res.Dockerfile, c.world.Dockerfile = d, d
		delete(c.missing, analysis.InputDockerfile)
		c.res.Remarks = append(c.res.Remarks,
			fmt.Sprintf("the Dockerfile is the one that the image's provenance holds (%s)", p.Path))
	}
	return p
}
