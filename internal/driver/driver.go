// Package driver turns a target and analyzers into a result: it loads what the
// enabled rules need and no more, runs the analyzers and sorts what they find.
package driver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/packages"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/ignore"
	"github.com/tareweight/tare/internal/image"
	"github.com/tareweight/tare/internal/source"
)

// A Target is what the user asked to check: a Dockerfile, an image, the containers of pods that run it, files of
// requirements, or several of these that belong together.
type Target struct {
	Name       string // how the report calls it
	Place      Place  // where its paths are
	Path       string // of the Dockerfile, as the report calls it; "" if there is none
	Inline     bool   // the Dockerfile is no file, but a text in one
	Dockerfile []byte // nil if there is none
	Build      dockerfile.Options
	Context    fs.FS                                        // the build context; nil if there is none
	ContextDir string                                       // its directory as the report names it
	Named      []string                                     // requirement and lock files of Context that the user named
	OpenImage  func(context.Context) (*source.Image, error) // nil if there is none
	Pods       []Pod                                        // that run it
	PodsOnly   bool                                         // what they run is judged by itself, or not at all
	Config     Config                                       // in force for this target

	// OpenBaseline opens an older image of the same, for that platform, to compare with; nil if there is none.
	OpenBaseline func(ctx context.Context, platform string) (*source.Image, error)

	// Tags lists the tags of a repository, where its registry is own, which the user named, or one that is
	// trusted; nil if none can be.
	Tags func(ctx context.Context, repository, own string) ([]string, error)

	// OpenTrusted opens an image of a registry that the user named besides; nil if there is none.
	OpenTrusted func(ctx context.Context, ref, platform string) (*source.Image, error)

	Err error // why it cannot be read at all; nil if it can
}

// A Manifest is a file that describes pods.
type Manifest struct {
	Path     string // as the report calls it
	Text     []byte
	Comments func() []*ignore.Ignore // what comments of it ignore; nil if it has no text
}

// A Place says where the paths of a report are in their repository, so that they can be told
// apart whatever the working directory is.
type Place struct {
	Prefix string // of the working directory, below the repository's top: it stands before each path; "" is the top
	Top    string // of the repository, as the report names it, where the working directory is not in it; else ""
}

// A Config is what the configuration says of one target.
type Config struct {
	Files    []string       // that are in force, the outermost first, as the report names them
	Settings []Setting      // what they set: a report says it, as a file may be of who proposes the change that is judged
	Sections map[string]any // settings by analyzer, where they set some
	Ignores  []*ignore.Ignore
	FailOn   string // the lowest severity that fails, or "never"
	Strict   bool   // what could not be decided at a place fails too

	Bases []string // references that a base is looked for among; in a tag "*" is any characters

	// Off reports whether a rule of a check counts nowhere, and is not run. Nil turns none off.
	Off func(rule *analysis.Rule, check string) bool

	// Level is the severity of a rule of a check for what is found in the file at path, which is "" for the
	// target as a whole; "" is the rule's own, and off that it does not count there. Nil says nothing.
	Level func(rule *analysis.Rule, check, path string) (severity analysis.Severity, off bool)
}

// A Setting is one key that replaces a default.
type Setting struct {
	Path       string // of the file
	Key, Value string
	Line       int
}

// Options are the same for all targets of a run.
type Options struct {
	Analyzers []*analysis.Analyzer
	Enabled   func(*analysis.Rule) bool // nil enables all
	Named     bool                      // those that are enabled the user asked for by name
	Limits    source.Limits
	Cache     *cache.Cache // of layers; nil: none
	Now       time.Time    // the day of the run, UTC
	AddedOnly bool         // judge what stands above the base image alone

	// Manifests says that of a base's smaller sibling the manifest alone counts, whether its layers are
	// kept or not: what is found does not depend on the order in which images are judged then.
	Manifests bool

	// Remember notes which image the layers of a chain are all of; nil keeps it in the Cache.
	Remember func(chain, ref, digest string)

	// Expect is told how many bytes of an image's layers are going to be read of a registry; nil: nobody is.
	Expect func(bytes int64)

	// Reading is told of each layer as it begins to be read as a whole, by several goroutines at once, and what it returns is called
	// when that ends; nil: nobody is.
	Reading func(*image.Reading) (end func())

	// Hold is called before the layers of an image are indexed: it waits until there
	// is room for one more index, which the Result then holds. Nil never waits.
	Hold func(context.Context) error
}

// A Result is the outcome for one target: the input of every report.
type Result struct {
	Target     Target
	Dockerfile *analysis.Dockerfile // nil if there is none, or if it does not parse
	Image      *analysis.Image      // nil if there is none, if nobody needed it, or if it cannot be opened
	Packages   []*packages.Package  // what is installed in the image; nil unless its layers were read
	Findings   []analysis.Finding   // their severities set; by place, rule, message
	Ignored    []Ignored            // the findings that do not count, in the same order
	Used       []*ignore.Ignore     // entries that name some of a finding's packages, though not all of them may be named
	NotRun     []analysis.Undecided // rules that were not run, or not decided at a place, by rule
	Errors     []error              // what could not be judged
	Remarks    []string             // what was chosen without being asked for
	Passing    bool                 // an image beside the target's could not be had: at another time more may be found
}

// Check judges one target. The error is wrong usage: a stage that the
// Dockerfile does not have. What cannot be judged is part of the result, as is
// what could not be when ctx ended.
func Check(ctx context.Context, t Target, opt Options) (*Result, error) {
	c := &checker{
		opt:   opt,
		res:   &Result{Target: t},
		world: analysis.Target{Files: t.Context, FilesDir: t.ContextDir, Named: t.Named, Now: opt.Now, AddedOnly: opt.AddedOnly},
	}
	for _, p := range t.Pods {
		c.world.RunBy = append(c.world.RunBy, p.Container)
	}
	c.missing = map[analysis.Input]string{
		analysis.InputBaseline: "needs a baseline image",
		analysis.InputWorkload: "needs a manifest of Kubernetes",
	}
	if t.Err != nil {
		c.fail(t.Err)
		for _, a := range opt.Analyzers {
			c.notRun(a, c.enabled, "the target cannot be read")
		}
		return c.res, nil
	}
	var usage *dockerfile.UnknownTargetError
	if err := c.dockerfile(t); errors.As(err, &usage) {
		return nil, err
	}
	c.image(ctx, t)
	c.baseline(ctx, t)
	if c.opened != nil {
		defer c.opened.Close()
	}
	if t.Context == nil {
		c.missing[analysis.InputContext] = "needs the files of the build context"
	}
	if !t.PodsOnly {
		c.judge(ctx, &c.world, ofImage)
	}
	c.pods(ctx)
	if ctx.Err() != nil {
		c.late(ctx)
	} else {
		c.inventory()
	}
	c.finish(t)
	return c.res, nil
}

// judge runs the enabled rules of a kind on the target, or on a container that runs it.
func (c *checker) judge(ctx context.Context, world *analysis.Target, kind func(*analysis.Rule) bool) {
	var facts []analysis.AnyFact
	runnable := make([]map[*analysis.Rule]bool, len(c.opt.Analyzers))
	for i, a := range c.opt.Analyzers {
		if runnable[i] = c.runnable(a, kind); len(runnable[i]) > 0 && ctx.Err() == nil {
			facts = append(facts, a.Needs.Facts...)
		}
	}
	world.Derive(facts)
	for i, a := range c.opt.Analyzers {
		switch can := runnable[i]; {
		case len(can) == 0:
		case ctx.Err() != nil:
			c.notRun(a, func(r *analysis.Rule) bool { return can[r] }, "the time was over")
		default:
			c.run(world, a, can)
		}
	}
}

// A checker judges one target.
type checker struct {
	opt     Options
	res     *Result
	world   analysis.Target
	missing map[analysis.Input]string // inputs that are not there, and why
	opened  *source.Image             // closed at the end; nil if there is none
	checks  map[*analysis.Rule]string // the name of each rule's check; see check

	manifests map[string]bool // paths; see inManifest
}

// enabled reports whether the run has the rule, and the configuration does not turn it off for the whole target.
func (c *checker) enabled(r *analysis.Rule) bool {
	if c.opt.Enabled != nil && !c.opt.Enabled(r) {
		return false
	}
	// Who asks for an image asks for no pod, and who asks for a pod not for all that its image is.
	t := &c.res.Target
	if len(t.Pods) == 0 && !ofImage(r) || t.PodsOnly && !ofPods(r) && r.Needs|r.Any|r.Uses != 0 {
		return false
	}
	off := c.res.Target.Config.Off
	return off == nil || !off(r, c.check(r))
}

// check is the name of a rule's check.
func (c *checker) check(r *analysis.Rule) string {
	if c.checks == nil {
		c.checks = map[*analysis.Rule]string{}
		for _, a := range c.opt.Analyzers {
			for _, r := range a.Rules {
				c.checks[r] = a.Name
			}
		}
	}
	return c.checks[r]
}

// level is what the configuration says of a rule for what is found in the file at path.
func (c *checker) level(r *analysis.Rule, path string) (severity analysis.Severity, off bool) {
	if c.res.Target.Config.Level == nil {
		return "", false
	}
	return c.res.Target.Config.Level(r, c.check(r), path)
}

func (c *checker) fail(err error) { c.res.Errors = append(c.res.Errors, err) }

// notRun says why those rules of a are not run.
func (c *checker) notRun(a *analysis.Analyzer, which func(*analysis.Rule) bool, why string) {
	for _, r := range a.Rules {
		if which(r) {
			c.res.NotRun = append(c.res.NotRun, analysis.Undecided{Rule: r, Reason: why})
		}
	}
}

// late says that the time of the run was over before the target was judged, once.
func (c *checker) late(ctx context.Context) {
	why := context.Cause(ctx)
	if !slices.ContainsFunc(c.res.Errors, func(err error) bool { return errors.Is(err, why) }) {
		c.fail(why)
	}
}

func (c *checker) dockerfile(t Target) error {
	if t.Dockerfile == nil {
		c.missing[analysis.InputDockerfile] = "needs a Dockerfile"
		return nil
	}
	d, err := dockerfile.Parse(t.Path, t.Dockerfile, t.Build)
	if err != nil {
		c.missing[analysis.InputDockerfile] = "the Dockerfile does not parse"
	}
	if t.PodsOnly { // it is judged by itself
		c.world.Dockerfile = d
		return nil
	}
	if err != nil {
		c.fail(err)
		return err
	}
	c.res.Dockerfile, c.world.Dockerfile = d, d
	c.chosen(d, t.Build.Target)
	return nil
}

// chosen says which stage was judged where nobody chose one and others may ship.
func (c *checker) chosen(d *analysis.Dockerfile, asked string) {
	var others []string
	for _, s := range d.Leaves() {
		if s != d.Target && !dockerfile.Development(s.Name) {
			others = append(others, strconv.Quote(s.String()))
		}
	}
	switch {
	case asked != "" || len(d.Stages) == 1:
	case len(others) > 0:
		c.res.Remarks = append(
			c.res.Remarks,
			fmt.Sprintf("%s: judged stage %q because it is last; %s may ship too: --target names the one that does", d.Path,
				d.Target, analysis.And(others, 5)),
		)
	case d.Provisional:
		c.res.Remarks = append(c.res.Remarks,
			fmt.Sprintf("%s: judged stage %q because it is last; --target names the one that ships", d.Path, d.Target))
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

// runnable are the enabled rules of a kind of a that can be decided. Of the others it notes why not.
func (c *checker) runnable(a *analysis.Analyzer, kind func(*analysis.Rule) bool) map[*analysis.Rule]bool {
	runnable := map[*analysis.Rule]bool{}
	for _, r := range a.Rules {
		if !kind(r) || !c.enabled(r) {
			continue
		}
		why := c.lacking(r)
		if why != "" {
			c.res.NotRun = append(c.res.NotRun, analysis.Undecided{Rule: r, Reason: why})
			continue
		}
		runnable[r] = true
	}
	return runnable
}

// run runs one analyzer for its rules that can be decided.
func (c *checker) run(world *analysis.Target, a *analysis.Analyzer, runnable map[*analysis.Rule]bool) {
	config := c.res.Target.Config.Sections[a.Name]
	if config == nil {
		config = a.Config
	}
	var found []analysis.Finding
	var undecided []analysis.Undecided
	pass, err := world.NewPass(a, config,
		func(f analysis.Finding) { found = append(found, f) },
		func(u analysis.Undecided) { undecided = append(undecided, u) })
	if err == nil {
		err = a.Run(pass)
	}
	if err != nil {
		err = fmt.Errorf("check %s: %w", a.Name, err)
		c.fail(err)
		c.notRun(a, func(r *analysis.Rule) bool { return runnable[r] }, err.Error())
		return
	}
	found = slices.DeleteFunc(found, func(f analysis.Finding) bool { return !runnable[f.Rule] })
	if c.res.Findings == nil { // there may be very many: they are not copied
		c.res.Findings = found
	} else {
		c.res.Findings = append(c.res.Findings, found...)
	}
	for _, u := range undecided {
		if runnable[u.Rule] {
			c.res.NotRun = append(c.res.NotRun, u)
		}
	}
}

// lacking says why a rule cannot be decided for the target: an input that it needs
// is missing, or all of those of which it needs one. It is "" if it can.
func (c *checker) lacking(r *analysis.Rule) string {
	found := r.Any == 0
	t := &c.res.Target
	if r.Needs&analysis.InputBaseline != 0 && t.OpenImage != nil && t.OpenBaseline == nil { // the image is not opened for it
		return c.missing[analysis.InputBaseline]
	}
	for in := analysis.InputDockerfile; in <= analysis.InputWorkload; in <<= 1 {
		if r.Needs&in != 0 && c.missing[in] != "" {
			return c.missing[in]
		}
		found = found || r.Any&in != 0 && c.missing[in] == ""
	}
	if !found {
		return "needs " + r.Any.Or()
	}
	return ""
}
