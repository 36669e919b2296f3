package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/bases"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/scan"
	"github.com/tareweight/tare/internal/source"
	"github.com/tareweight/tare/internal/trace"
)

// scanFlags are the flags of scan besides those that check has too.
type scanFlags struct {
	checkFlags
	from    []string
	newest  int
	shard   string
	state   string
	onlyNew bool
	lines   string // a file
	sarif   string // a directory
	attach  bool
	metrics string // a file
	listen  string
	log     string
}

func scanCommand(std Streams, analyzers []*analysis.Analyzer) *cobra.Command {
	f := scanFlags{}
	f.limits = source.DefaultLimits
	cmd := &cobra.Command{
		Use:   "scan [REGISTRY[/REPOSITORY[:TAG]]]...",
		Short: "check the images of a registry, each layer once",
		Long: `Check the images of a registry: each digest once, each layer once, and only what is
new since the last run.

REPOSITORY and TAG may hold "*" and "?". Without a tag all tags are meant, without a
repository all that the registry lists; --from reads references from files instead, or
the images that manifests and compose files run.
A run that is stopped goes on where it was with the next one. The configuration is
that of the current directory.

Exit status: as for check; 3 where an image could not be judged: each is listed.`,
		Example: `  tare scan registry.example.com/team/* --newest 3 --jsonl images.jsonl -f markdown=summary.md
  tare scan --from images.txt --shard 2/8
  tare scan --from k8s/`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			f.strictGiven = cmd.Flags().Changed("strict")
			if err := oneConfig(cmd, &f.checkFlags); err != nil {
				return err
			}
			return runScan(cmd.Context(), std, analyzers, &f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(
		&f.from,
		"from",
		nil,
		`a file with a reference on each line, a manifest, a compose file, or a directory of them; "-" is standard input`,
	)
	fl.IntVar(&f.newest, "newest", 0, "so many tags of each repository, those of the highest versions (0: all)")
	fl.StringVar(&f.shard, "shard", "", "the part of the repositories that this machine takes, I/N, or N with JOB_COMPLETION_INDEX")
	fl.StringVar(&f.state, "state", "", "where results are kept for the next run (default: beside the cache)")
	fl.BoolVar(&f.onlyNew, "only-new", false, "report what was not judged by an earlier run alone")
	fl.StringVar(&f.lines, "jsonl", "", "write each image's result to a file as it is finished, a line of JSON each")
	fl.StringVar(&f.sarif, "sarif-dir", "", "write each image's findings as SARIF to a directory, named by its digest")
	fl.BoolVar(&f.attach, "attach", false, "push each image's findings as SARIF to its repository, as an artifact that refers to it")
	fl.StringVar(&f.metrics, "metrics", "", "write metrics for Prometheus to a file")
	fl.StringVar(&f.listen, "listen", "", "serve /metrics, /healthz and /readyz at this address while the scan runs")
	fl.StringVar(&f.log, "log", "none", "what is logged to standard error: none, text or json")
	fl.StringArrayVarP(&f.formats, "format", "f", nil, analysis.Or(scanNames())+"; FORMAT=FILE writes a file, several can be given")
	fl.StringVarP(&f.output, "output", "o", "", "write the summary to a file")
	fl.StringVar(&f.platform, "platform", "", "the platform to judge, OS/ARCH[/VARIANT] (default: this machine's)")
	fl.StringSliceVar(&f.only, "only", nil, "run these rules or checks alone")
	fl.StringSliceVar(&f.skip, "skip", nil, "leave these rules or checks out")
	fl.StringVar(&f.failOn, "fail-on", "", "the lowest severity that fails: error, warning, note or never (default: warning)")
	fl.BoolVar(&f.strict, "strict", false, "what could not be decided at a place fails too")
	fl.StringVar(&f.config, "config", "", "the configuration (default: .tare.yaml or [tool.tare], of the current directory and above)")
	fl.StringVar(&f.configRef, "config-ref", "", "read the configuration as it is in this commit or branch, not as it lies here")
	fl.BoolVar(&f.noConfig, "no-config", false, "read no configuration")
	fl.StringVar(&f.cacheDir, "cache-dir", "", "where manifests and indexes of layers are kept (default: the user's cache directory)")
	fl.StringVar(&f.shared, "shared-cache", "",
		"a repository that machines share indexes of layers through, HOST/PATH: who may write there decides what is believed")
	fl.StringSliceVar(&f.insecure, "insecure", nil,
		"registries, HOST[:PORT], that may speak plain HTTP, or have a certificate that nobody signed")
	fl.DurationVar(&f.timeout, "timeout", 0, "limit: how long the run may take; the next one goes on (0: no limit)")
	return cmd
}

func scanNames() (names []string) {
	for _, f := range scan.Formats {
		names = append(names, f.Name)
	}
	return names
}

// scanMemory is how many bytes of memory a scan uses before garbage is collected at the cost of speed.
const scanMemory = 220 << 20

func runScan(ctx context.Context, std Streams, analyzers []*analysis.Analyzer, f *scanFlags, args []string) error {
	outs, err := destinations(f.formats, f.output, scanNames())
	if err != nil {
		return err
	}
	selection, err := f.selection(std.In, args)
	if err != nil {
		return err
	}
	log, err := f.logger(std.Err)
	if err != nil {
		return err
	}
	kept, err := cache.Open(f.cacheDir, cache.DefaultLimit)
	if err != nil {
		return &statusError{Broken, err}
	}
	defer kept.Trim()
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" { // a long run: memory matters more than the last percent
		debug.SetMemoryLimit(scanMemory)
		debug.SetGCPercent(100)
	}
	fd := newFinder(ctx, std, analyzers, kept, &f.checkFlags)
	shared, err := fd.share()
	if err != nil {
		return err
	}
	opt, err := f.options(fd, analyzers)
	if err != nil {
		return err
	}
	opt.Log, opt.Metrics = log, scan.NewMetrics(&fd.session.Counts)
	tracer, err := trace.New(os.Getenv, "tare", programVersion())
	if err != nil {
		return usage("%v", err)
	}
	opt.Trace = tracer.Start("scan")
	if f.attach {
		opt.Attach = func(ctx context.Context, ref string, r *scan.Result) error {
			data, err := sarifOf(r, opt)
			if err != nil {
				return err
			}
			return source.Attach(ctx, ref, sarifType, data, opt.Source)
		}
	}
	if f.listen != "" {
		stop, err := serve(f.listen, opt.Metrics)
		if err != nil {
			return usage("--listen %q: %v", f.listen, err)
		}
		defer stop()
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(
			ctx,
			f.timeout,
			fmt.Errorf("the scan takes longer than the limit of %v (--timeout)", f.timeout),
		)
		defer cancel()
	}
	sum, failing, ended := f.scan(ctx, std, selection, opt)
	if err := endTrace(tracer, opt.Trace, ended); err != nil {
		opt.Log.Error("traces were not sent", "error", err)
		sum.Remarks = append(sum.Remarks, fmt.Sprintf("traces were not sent: %v", err))
	}
	if said := sharing(f.shared, shared); said != "" {
		sum.Remarks = append(sum.Remarks, said)
	}
	if ended == nil {
		opt.Metrics.End()
	}
	if f.metrics != "" {
		var b bytes.Buffer
		if err := errors.Join(opt.Metrics.Write(&b), replaceFile(f.metrics, b.Bytes())); err != nil {
			return &statusError{Broken, fmt.Errorf("write metrics %q: %w", f.metrics, err)}
		}
	}
	for _, o := range outs {
		i := slices.IndexFunc(scan.Formats, func(x scan.Format) bool { return x.Name == o.name })
		var b bytes.Buffer
		err := scan.Formats[i].Write(&b, sum, o.file == "" && colored(std.Out))
		if err == nil {
			err = o.deliver(std, b.Bytes())
		}
		if err != nil {
			return &statusError{Broken, fmt.Errorf("write %s: %w", o.name, err)}
		}
	}
	switch {
	case ended != nil:
		return &statusError{Broken, ended}
	case len(sum.Failed) > 0:
		return &statusError{status: Broken}
	case failing:
		return &statusError{status: Findings}
	}
	return nil
}

// scan finds, resolves and judges the images. It returns what was found of them, whether some of it fails,
// and why the run ended before all were judged.
func (f *scanFlags) scan(
	ctx context.Context,
	std Streams,
	selection *scan.Selection,
	opt scan.Options,
) (sum *scan.Rollup, failing bool, ended error) {
	sum = scan.NewRollup(report.Tool{Name: "tare", Version: programVersion()})
	start := time.Now()
	step := opt.Trace.Start("list")
	refs, failed := selection.Find(ctx, opt.Source)
	step.Set("tare.references", len(refs))
	step.End("")
	opt.Log.Info("listed", "references", len(refs), "seconds", time.Since(start).Seconds())
	if len(refs)+len(failed) == 0 {
		if s := selection.Shard; s.Of > 1 {
			sum.Remarks = append(sum.Remarks, fmt.Sprintf("no repository falls to shard %d of %d", s.Index, s.Of))
			return sum, false, nil
		}
		return sum, false, errors.New("nothing was judged: what is named has no image")
	}
	step = opt.Trace.Start("resolve")
	images, unresolved, err := scan.Resolve(ctx, refs, opt.Source)
	step.Set("tare.images", len(images))
	step.End("")
	sum.Failed = append(sum.Failed, slices.Concat(failed, unresolved)...)
	for _, x := range sum.Failed {
		opt.Log.Error("could not be judged", "image", x.Ref, "error", x.Why)
	}
	opt.Metrics.Failed(len(sum.Failed))
	opt.Metrics.Ready()
	opt.Log.Info("resolved", "images", len(images), "seconds", time.Since(start).Seconds())
	if err != nil {
		sum.Interrupt = true
		sum.Finish()
		return sum, false, err
	}
	var lines *os.File
	if f.lines != "" {
		if lines, err = os.Create(f.lines); err != nil {
			return sum, false, fmt.Errorf("write %q: %w", f.lines, err)
		}
		defer lines.Close()
	}
	var wrote error
	progress := newProgress(std.Err, "images", len(images), opt.Source.Session.Counts.Bytes)
	opt.Driver.Expect = progress.expect
	err = scan.Run(ctx, images, opt, func(r *scan.Result) {
		sum.Add(r)
		progress.step(r.Refs[0])
		doc := &report.Document{Targets: []report.Target{r.Target}}
		failing = failing || statusOf(doc) == Findings
		if lines != nil && wrote == nil {
			var line []byte
			if line, wrote = r.Line(); wrote == nil {
				_, wrote = lines.Write(line)
			}
		}
		if f.sarif != "" && wrote == nil {
			wrote = f.writeSARIF(r, opt)
		}
	})
	progress.end()
	sum.Interrupt = err != nil
	sum.Finish()
	if err == nil {
		err = wrote
	}
	return sum, failing, err
}

// sarifOf is the findings of one image.
func sarifOf(r *scan.Result, opt scan.Options) ([]byte, error) {
	doc := report.New(
		report.Tool{Name: "tare", Version: programVersion()},
		opt.Driver.Now.Format(time.DateOnly),
		opt.Driver.Analyzers,
		opt.Driver.Enabled,
	)
	doc.Targets = append(doc.Targets, r.Target)
	var b bytes.Buffer
	err := report.SARIF(&b, doc, report.Options{})
	return b.Bytes(), err
}

// sarifType is the media type of SARIF (OASIS SARIF 2.1.0, appendix "MIME types and file name extensions").
const sarifType = "application/sarif+json"

// writeSARIF writes the findings of one image.
func (f *scanFlags) writeSARIF(r *scan.Result, opt scan.Options) error {
	data, err := sarifOf(r, opt)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.sarif, 0o755); err != nil {
		return err
	}
	return replaceFile(filepath.Join(f.sarif, strings.TrimPrefix(r.Digest, "sha256:")+".sarif"), data)
}

// selection is what the arguments and --from name.
func (f *scanFlags) selection(in io.Reader, args []string) (*scan.Selection, error) {
	s := &scan.Selection{Newest: f.newest}
	for _, arg := range args {
		p, err := scan.ParsePattern(arg)
		if err != nil {
			return nil, usage("%v", err)
		}
		s.Patterns = append(s.Patterns, p)
	}
	for _, name := range f.from {
		refs, unread, err := references(in, name)
		if err != nil {
			return nil, &statusError{Broken, fmt.Errorf("read --from %q: %w", name, reason(err))}
		}
		s.Refs, s.Unread = append(s.Refs, refs...), append(s.Unread, unread...)
	}
	if len(s.Patterns)+len(s.Refs)+len(s.Unread) == 0 {
		return nil, usage("nothing is named to scan: want REGISTRY[/REPOSITORY[:TAG]], or a list of references (--from FILE)")
	}
	if f.newest < 0 {
		return nil, usage("--newest %d: want a number of tags", f.newest)
	}
	if f.shard != "" {
		var err error
		if s.Shard, err = scan.ParseShard(f.shard, os.Getenv("JOB_COMPLETION_INDEX")); err != nil {
			return nil, usage("%v", err)
		}
	}
	return s, nil
}

// options are how the images are judged: as the configuration of the current directory says.
func (f *scanFlags) options(fd *finder, analyzers []*analysis.Analyzer) (opt scan.Options, err error) {
	root, err := fd.root(".")
	if err != nil {
		return opt, &statusError{Broken, fmt.Errorf("open the current directory: %w", err)}
	}
	chain, err := fd.chain(root, ".")
	if err != nil {
		return opt, err
	}
	enabled, err := selection(analyzers, f.only, f.skip)
	if err != nil {
		return opt, err
	}
	t := fd.configured(config.Merge(chain...), nil)
	opt = scan.Options{
		Driver: driver.Options{
			Analyzers: analyzers, Enabled: enabled, Named: len(f.only) > 0, Limits: f.limits, Cache: fd.cache,
			Now: time.Now().UTC().Truncate(24 * time.Hour),
		},
		Target: t.Target, OnlyNew: f.onlyNew,
	}
	opt.Source = fd.options()
	opt.Source.Local, opt.Source.Platform, opt.Source.Stdin = false, f.platform, nil
	var rules []string
	for _, a := range analyzers {
		for _, r := range a.Rules {
			if enabled(r) {
				rules = append(rules, r.ID)
			}
		}
	}
	dir := f.state
	if dir == "" {
		base := f.cacheDir
		if base == "" {
			if base, err = os.UserCacheDir(); err != nil {
				return opt, &statusError{Broken, fmt.Errorf("find the cache directory: %w: name one with --state", err)}
			}
			base = filepath.Join(base, "tare")
		}
		dir = filepath.Join(base, "scan")
	}
	var ignores []any
	for _, x := range t.Config.Ignores {
		ignores = append(ignores, fmt.Sprintf("%+v %v", *x, x.Over(opt.Driver.Now)))
	}
	opt.State, err = scan.OpenState(
		dir,
		versionLine(),
		rules,
		t.Config.Sections,
		t.Config.Settings,
		ignores,
		t.Config.FailOn,
		t.Config.Strict,
		t.Config.Bases,
		f.platform,
		bases.Ended(opt.Driver.Now),
	)
	if err != nil {
		return opt, &statusError{Broken, fmt.Errorf("open the state %q: %w", dir, err)}
	}
	return opt, nil
}
