package driver

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/attribution"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/source"
)

// base looks for the image that im stands on where its history does not tell: what its
// annotations name, then what FROM names, in the same registry; then one whose layers are the
// first of im's: of those that were judged before, of those that the configuration lists, or, in a
// registry of one's own, the official image of Python.
func (c *checker) base(ctx context.Context, t Target, src *source.Image, im *analysis.Image) {
	var root *analysis.Stage
	if c.res.Dockerfile != nil {
		root = c.res.Dockerfile.Chain()[0]
	}
	switch {
	case src.Neighbour != nil && c.neighbour(ctx, src, im, root, named(src, root)):
	case c.judged(im, root):
	case c.listed(ctx, t, src, im, root):
	case src.Neighbour != nil:
		c.neighbour(ctx, src, im, root, official(im))
	}
}

// judged looks for the base among the images that were judged before: the one with most layers
// of another repository.
func (c *checker) judged(im *analysis.Image, root *analysis.Stage) bool {
	ids := diffIDs(im)
	own := bases.ParseRef(strings.TrimPrefix(im.Name, "docker://")).Repository()
	for n := len(ids) - 1; n > 0; n-- {
		ref, digest := c.opt.Cache.Image(cache.Chain(ids[:n]))
		if ref = strings.TrimPrefix(ref, "docker://"); ref != "" && bases.ParseRef(ref).Repository() != own {
			attribution.Begins(im, analysis.Base{Ref: ref, Digest: digest, Layers: n, How: "layers"}, root)
			return true
		}
	}
	return false
}

var reMinor = regexp.MustCompile(`^PYTHON_VERSION=(\d+\.\d+)\.`)

// official are the references that the official image of Python may have in the image's own
// registry, by the version that the image's environment tells. Docker Hub is not asked: there the
// tags have moved, and requests are counted.
func official(im *analysis.Image) (tries []analysis.Base) {
	registry := bases.ParseRef(strings.TrimPrefix(im.Name, "docker://")).Registry
	if registry == "" || strings.HasSuffix(registry, "docker.io") {
		return nil
	}
	for _, env := range im.Config.Config.Env {
		if m := reMinor.FindStringSubmatch(env); m != nil {
			for _, repository := range []string{"library/python", "python"} {
				for _, variant := range []string{"-slim", ""} {
					tries = append(tries, analysis.Base{Ref: registry + "/" + repository + ":" + m[1] + variant, How: "layers"})
				}
			}
		}
	}
	return tries
}

// named are the bases that annotations and FROM name.
func named(src *source.Image, root *analysis.Stage) (tries []analysis.Base) {
	if src.BaseName != "" && src.BaseDigest != "" {
		name, _, _ := strings.Cut(src.BaseName, "@")
		tries = append(tries, analysis.Base{Ref: name, Digest: src.BaseDigest, How: "annotations"})
	}
	if root != nil {
		name, digest, pinned := strings.Cut(root.Root, "@")
		switch {
		case pinned:
			tries = append(tries, analysis.Base{Ref: name, Digest: digest, How: "digest"})
		case name != "" && name != "scratch":
			tries = append(tries, analysis.Base{Ref: name, How: "tag"})
		}
	}
	return tries
}

// neighbour looks for the base among images of the same registry, and reports whether it is one.
func (c *checker) neighbour(ctx context.Context, src *source.Image, im *analysis.Image, root *analysis.Stage, tries []analysis.Base) bool {
	for _, b := range tries {
		ref := b.Ref
		if b.Digest != "" {
			ref = b.Ref + "@" + b.Digest
		}
		below, err := src.Neighbour(ctx, ref)
		if err != nil { // it is of elsewhere, or gone: the base stays unknown
			c.passing(ref, err)
			continue
		}
		if b.Digest == "" {
			b.Digest = below.Digest
		}
		if attribution.Stands(im, below.Config, b, root) {
			return true
		}
	}
	return false
}

// maxBases is how many images of a pattern of the configuration are asked for.
const maxBases = 100

// listed looks for the base among the images that the configuration lists.
func (c *checker) listed(ctx context.Context, t Target, src *source.Image, im *analysis.Image, root *analysis.Stage) bool {
	own := ""
	if src.Neighbour != nil {
		own = bases.ParseRef(strings.TrimPrefix(im.Name, "docker://")).Registry
	}
	for _, ref := range t.Config.Bases {
		refs := []string{ref}
		if r := bases.ParseRef(ref); strings.Contains(r.Tag, "*") {
			refs = nil
			if t.Tags == nil {
				continue
			}
			tags, err := t.Tags(ctx, r.Repository(), own)
			if err != nil {
				c.res.Remarks = append(c.res.Remarks, fmt.Sprintf("bases: %v", err))
				continue
			}
			for _, tag := range slices.Backward(tags) { // later releases mostly sort last
				if ok, _ := path.Match(r.Tag, tag); ok && len(refs) < maxBases {
					refs = append(refs, r.With(tag))
				}
			}
		}
		for _, ref := range refs {
			below := c.open(ctx, t, src, ref, im.Platform)
			if below == nil {
				continue
			}
			below.Close()
			if attribution.Stands(im, below.Config, analysis.Base{Ref: ref, Digest: below.Digest, How: "layers"}, root) {
				return true
			}
		}
	}
	return false
}
