package driver

import (
	"context"
	"fmt"
	"slices"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
)

// sibling asks for the manifest of the smaller image that the base's repository has beside it, where a
// rule that is enabled says what it would save, and the user named the registry; nil if there is none. It costs one or two
// small requests, which are kept; its layers' indexes are used where they are kept already.
func (c *checker) sibling(ctx context.Context, t Target, src *source.Image, im *analysis.Image) *analysis.Sibling {
	if !slices.ContainsFunc(c.opt.Analyzers, func(a *analysis.Analyzer) bool {
		return slices.ContainsFunc(a.Rules, func(r *analysis.Rule) bool { return r.Siblings && c.enabled(r) })
	}) {
		return nil
	}
	ref := im.Base.Ref
	if c.res.Dockerfile != nil {
		ref = c.res.Dockerfile.Chain()[0].Root
	}
	b := bases.Lookup(ref)
	if !b.Full || im.Base.How == "" {
		return nil
	}
	other := c.open(ctx, t, src, b.Sibling, im.Platform)
	if other == nil {
		return nil
	}
	defer other.Close()
	s := &analysis.Sibling{Ref: b.Sibling}
	for _, l := range other.Layers {
		s.Size.Download += max(0, l.Size)
	}
	_, wants := c.needs(t)
	opt := image.Options{Wants: wants, Limits: c.opt.Limits, Cache: c.opt.Cache}
	if below := image.New(other); !c.opt.Manifests && image.Kept(ctx, below, other, opt) {
		s.Image, s.Size.Unpacked = below, below.Size().Unpacked
	}
	return s
}

// open opens another image where the user named its registry: it is that of the image, or one that is
// trusted. Nil is any other, or one that is not there.
func (c *checker) open(ctx context.Context, t Target, src *source.Image, ref, platform string) *source.Image {
	if src.Neighbour != nil {
		im, err := src.Neighbour(ctx, ref)
		if err == nil {
			return im
		}
		c.passing(ref, err)
	}
	if t.OpenTrusted != nil {
		im, err := t.OpenTrusted(ctx, ref, platform)
		if err == nil {
			return im
		}
		c.passing(ref, err)
	}
	return nil
}

// passing notes that an image beside the target's could not be had, where it may be at another time.
func (c *checker) passing(ref string, err error) {
	if source.IsPassing(err) && !c.res.Passing {
		c.res.Passing = true
		c.res.Remarks = append(c.res.Remarks, fmt.Sprintf("%q was looked for, and what stands on it is not known: %v", ref, err))
	}
}
