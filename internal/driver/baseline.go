package driver

import (
	"context"
	"fmt"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/image"
)

// baseline opens and indexes the image to compare with, where an enabled rule compares.
func (c *checker) baseline(ctx context.Context, t Target) {
	if t.OpenBaseline == nil {
		return
	}
	need, wants := c.needs(t)
	switch {
	case need&analysis.InputBaseline == 0:
		return
	case c.world.Image == nil || !c.world.Image.Indexed:
		c.missing[analysis.InputBaseline] = "the image is not read: there is nothing to compare with the baseline"
		return
	}
	src, err := t.OpenBaseline(ctx, c.world.Image.Platform)
	if err == nil {
		defer src.Close()
		opt := image.Options{Wants: wants, Limits: c.opt.Limits, Cache: c.opt.Cache}
		if opt.Streamed, err = complete(ctx, src, opt); err != nil {
			c.fail(fmt.Errorf("baseline image: %w", err))
			c.missing[analysis.InputBaseline] = "the baseline image cannot be read"
			return
		}
		old := image.New(src)
		if err = image.Index(ctx, old, src, opt); err == nil {
			c.world.Baseline = old
			delete(c.missing, analysis.InputBaseline)
			return
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	c.fail(fmt.Errorf("baseline image: %w", err))
	c.missing[analysis.InputBaseline] = "the baseline image cannot be read"
}
