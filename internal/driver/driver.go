// Package driver turns a target and analyzers into a result: it loads what the
// enabled rules need and no more, runs the analyzers and sorts what they find.
package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/origin"
	"github.com/tareweight/tare/internal/source"
)

// A Target is what the user asked to check: a Dockerfile, an image, files of
// requirements, or several of these that belong together.
type Target struct {
	Name       string // how the report calls it
	Path       string // of the Dockerfile, as the report calls it; "" if there is none
	Dockerfile []byte
	Build      dockerfile.Options
	Context    fs.FS                                        // the build context; nil if there is none
	ContextDir string                                       // its directory as the report names it
	Named      []string                                     // requirement and lock files of Context that the user named
	OpenImage  func(context.Context) (*source.Image, error) // nil if there is none
}

// Options are the same for all targets of a run.
type Options struct {
	Analyzers []*analysis.Analyzer
	Enabled   func(*analysis.Rule) bool // nil enables all
	Config    map[string]any            // settings by analyzer; an analyzer without has its defaults
	Limits    image.Limits
	Cache     *cache.Cache // of layers; nil: none
	Now       time.Time    // the day of the run, UTC
	AddedOnly bool         // judge what stands above the base image alone
}

// A Result is the outcome for one target: the input of every report.
type Result struct {
	Target     Target
	Dockerfile *analysis.Dockerfile // nil if there is none, or if it does not parse
	Image      *analysis.Image      // nil if there is none, if nobody needed it, or if it cannot be opened
	Packages   []*packages.Package  // what is installed in the image; nil unless its layers were read
	Findings   []analysis.Finding   // their severities set; by place, rule, message
	NotRun     []analysis.Undecided // rules that were not run, or not decided at a place, by rule
	Errors     []error              // what could not be judged
	Remarks    []string             // what was chosen without being asked for
}

// Check judges one target. The error is wrong usage: a stage that the
// Dockerfile does not have. What cannot be judged is part of the result.
func Check(ctx context.Context, t Target, opt Options) (*Result, error) {
	c := &checker{opt: opt, res: &Result{Target: t}, world: analysis.Target{Files: t.Context, FilesDir: t.ContextDir, Named: t.Named, Now: opt.Now, AddedOnly: opt.AddedOnly}}
	c.missing = map[analysis.Input]string{analysis.InputBaseline: "needs a baseline image"}
	var usage *dockerfile.UnknownTargetError
	if err := c.dockerfile(t); errors.As(err, &usage) {
		return nil, err
	}
	c.image(ctx, t)
	if t.Context == nil {
		c.missing[analysis.InputContext] = "needs the files of the build context"
	}
	for _, a := range opt.Analyzers {
		if ctx.Err() != nil {
			return c.res, ctx.Err()
		}
		c.run(a)
	}
	c.inventory()
	c.finish()
	return c.res, ctx.Err()
}

// A checker judges one target.
type checker struct {
	opt     Options
	res     *Result
	world   analysis.Target
	missing map[analysis.Input]string // inputs that are not there, and why
}

func (c *checker) enabled(r *analysis.Rule) bool { return c.opt.Enabled == nil || c.opt.Enabled(r) }

func (c *checker) fail(err error) { c.res.Errors = append(c.res.Errors, err) }

func (c *checker) dockerfile(t Target) error {
	if t.Dockerfile == nil {
		c.missing[analysis.InputDockerfile] = "needs a Dockerfile"
		return nil
	}
	d, err := dockerfile.Parse(t.Path, t.Dockerfile, t.Build)
	if err != nil {
		c.fail(err)
		c.missing[analysis.InputDockerfile] = "the Dockerfile does not parse"
		return err
	}
	c.res.Dockerfile, c.world.Dockerfile = d, d
	if d.Provisional {
		c.res.Remarks = append(c.res.Remarks, fmt.Sprintf("%s: judged stage %q because it is last; --target names the one that ships", d.Path, d.Target))
	}
	return nil
}

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
	var need analysis.Input
	var wants []analysis.Want
	for _, a := range c.opt.Analyzers {
		for _, r := range a.Rules {
			if c.enabled(r) && (r.Needs&analysis.InputDockerfile == 0 || c.res.Dockerfile != nil || t.Dockerfile == nil) {
				need |= r.Needs | r.Uses
			}
		}
		if slices.ContainsFunc(a.Rules, c.enabled) {
			for n := range a.Needs.All() {
				wants = append(wants, n.Contents...)
			}
		}
	}
	wants = append(wants, packages.Fact.Needs.Contents...) // the report lists what is installed
	if need&(analysis.InputManifest|analysis.InputFiles) == 0 {
		absent("the image was not opened: no enabled rule needs it", analysis.InputManifest, analysis.InputFiles)
		return
	}
	src, err := t.OpenImage(ctx)
	if err != nil {
		c.fail(err)
		absent("the image cannot be opened", analysis.InputManifest, analysis.InputFiles)
		return
	}
	provenance := c.provenance(ctx, t, src)
	im := image.New(src)
	c.res.Remarks = append(c.res.Remarks, src.Remarks...)
	if need&analysis.InputFiles == 0 {
		absent("the image's layers were not read: no enabled rule needs them", analysis.InputFiles)
	} else if err := image.Index(ctx, im, src, image.Options{Wants: wants, Limits: c.opt.Limits, Cache: c.opt.Cache}); err != nil {
		c.fail(err)
		absent("the image's layers cannot be read", analysis.InputFiles)
	}
	c.res.Image, c.world.Image = im, im
	if c.res.Dockerfile != nil {
		origin.Align(c.res.Dockerfile, im, provenance)
	}
	if im.Base.How == "" && need&analysis.InputFiles != 0 {
		c.base(ctx, src, im)
	}
	c.world.Open = func(f *analysis.File) (io.ReadCloser, error) { return image.Open(ctx, src, f) }
}

// provenance reads what the builder recorded, where an enabled rule reads a
// Dockerfile. Without one at hand, the one that was recorded is judged.
func (c *checker) provenance(ctx context.Context, t Target, src *source.Image) *origin.Provenance {
	wanted := slices.ContainsFunc(c.opt.Analyzers, func(a *analysis.Analyzer) bool {
		return slices.ContainsFunc(a.Rules, func(r *analysis.Rule) bool { return c.enabled(r) && r.Needs&analysis.InputDockerfile != 0 })
	})
	if src.Provenance == nil || !wanted {
		return nil
	}
	raw, err := src.Provenance(ctx)
	if err == nil && raw == nil {
		return nil
	}
	var p *origin.Provenance
	if err == nil {
		p, err = origin.ParseProvenance(raw)
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
		c.res.Remarks = append(c.res.Remarks, fmt.Sprintf("the Dockerfile is the one that the image's provenance holds (%s)", p.Path))
	}
	return p
}

// base looks for the image that im stands on where its history does not tell:
// what its annotations name, then what FROM names, in the same registry.
func (c *checker) base(ctx context.Context, src *source.Image, im *analysis.Image) {
	if src.Neighbour == nil {
		return
	}
	var root *analysis.Stage
	var tries []analysis.Base
	if src.BaseName != "" && src.BaseDigest != "" {
		name, _, _ := strings.Cut(src.BaseName, "@")
		tries = append(tries, analysis.Base{Ref: name, Digest: src.BaseDigest, How: "annotations"})
	}
	if c.res.Dockerfile != nil {
		root = c.res.Dockerfile.Chain()[0]
		name, digest, pinned := strings.Cut(root.Root, "@")
		switch {
		case pinned:
			tries = append(tries, analysis.Base{Ref: name, Digest: digest, How: "digest"})
		case name != "" && name != "scratch":
			tries = append(tries, analysis.Base{Ref: name, How: "tag"})
		}
	}
	for _, b := range tries {
		ref := b.Ref
		if b.Digest != "" {
			ref = b.Ref + "@" + b.Digest
		}
		below, err := src.Neighbour(ctx, ref)
		if err != nil {
			continue // it is of elsewhere, or gone: the base stays unknown
		}
		if b.Digest == "" {
			b.Digest = below.Digest
		}
		if origin.Stands(im, below.Config, b, root) {
			return
		}
	}
}

// inventory lists the packages for the report, where they were read.
func (c *checker) inventory() {
	if c.world.Image == nil || !c.world.Image.Indexed {
		return
	}
	a := &analysis.Analyzer{Name: "report", Needs: analysis.Needs{Facts: []analysis.AnyFact{packages.Fact}}}
	if pass, err := c.world.NewPass(a, nil, nil, nil); err == nil {
		c.res.Packages = packages.Fact.Of(pass).List
	}
}

// run runs one analyzer, if one of its enabled rules can be decided.
func (c *checker) run(a *analysis.Analyzer) {
	runnable := map[*analysis.Rule]bool{}
	for _, r := range a.Rules {
		if !c.enabled(r) {
			continue
		}
		why := ""
		for in := analysis.InputDockerfile; in <= analysis.InputBaseline; in <<= 1 {
			if r.Needs&in != 0 && c.missing[in] != "" {
				why = c.missing[in]
				break
			}
		}
		if why != "" {
			c.res.NotRun = append(c.res.NotRun, analysis.Undecided{Rule: r, Reason: why})
			continue
		}
		runnable[r] = true
	}
	if len(runnable) == 0 {
		return
	}
	config := c.opt.Config[a.Name]
	if config == nil {
		config = a.Config
	}
	var found []analysis.Finding
	var undecided []analysis.Undecided
	pass, err := c.world.NewPass(a, config,
		func(f analysis.Finding) { found = append(found, f) },
		func(u analysis.Undecided) { undecided = append(undecided, u) })
	if err == nil {
		err = a.Run(pass)
	}
	if err != nil {
		err = fmt.Errorf("check %s: %w", a.Name, err)
		c.fail(err)
		for _, r := range a.Rules {
			if runnable[r] {
				c.res.NotRun = append(c.res.NotRun, analysis.Undecided{Rule: r, Reason: err.Error()})
			}
		}
		return
	}
	for _, f := range found {
		if runnable[f.Rule] {
			c.res.Findings = append(c.res.Findings, f)
		}
	}
	for _, u := range undecided {
		if runnable[u.Rule] {
			c.res.NotRun = append(c.res.NotRun, u)
		}
	}
}

// finish sets severities and sorts.
func (c *checker) finish() {
	provisional := c.res.Dockerfile != nil && c.res.Dockerfile.Provisional
	if c.opt.AddedOnly {
		c.addedOnly()
	}
	for i := range c.res.Findings {
		f := &c.res.Findings[i]
		f.Severity = cmp.Or(f.Severity, f.Rule.Severity)
		if provisional && f.Rule.Runtime {
			f.Severity = analysis.Note
		}
	}
	slices.SortStableFunc(c.res.Findings, func(a, b analysis.Finding) int {
		return cmp.Or(compareLocations(a.Location, b.Location), strings.Compare(a.Rule.ID, b.Rule.ID), strings.Compare(a.Message, b.Message))
	})
	slices.SortStableFunc(c.res.NotRun, func(a, b analysis.Undecided) int {
		return cmp.Or(strings.Compare(a.Rule.ID, b.Rule.ID), compareLocations(a.Location, b.Location), strings.Compare(a.Reason, b.Reason))
	})
}

// addedOnly drops what is found of the base: on its FROM, or on its layers.
func (c *checker) addedOnly() {
	if c.res.Image != nil && c.res.Image.Base.How == "" {
		c.res.Remarks = append(c.res.Remarks, "where the base image ends is not known: its layers are judged with the others")
	}
	var from analysis.Location
	if c.res.Dockerfile != nil {
		from = c.res.Dockerfile.Chain()[0].Location()
	}
	c.res.Findings = slices.DeleteFunc(c.res.Findings, func(f analysis.Finding) bool {
		return f.Location.Layer != nil && f.Location.Layer.Base || from.Line > 0 && f.Location == from
	})
}

// compareLocations orders lines of files first, then layers, then the image.
func compareLocations(a, b analysis.Location) int {
	class := func(l analysis.Location) int {
		switch {
		case l.Layer != nil:
			return 1
		case l.Path == "":
			return 2
		}
		return 0
	}
	index := func(l analysis.Location) int {
		if l.Layer == nil {
			return 0
		}
		return l.Layer.Index
	}
	return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(index(a), index(b)), strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
}
