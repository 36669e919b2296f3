package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/source"
)

// checkFlags are the flags of check.
type checkFlags struct {
	image, target, platform   string
	buildArgs, only, skip     []string
	failOn, config, stdinName string
	now                       string
	formats                   []string
	output                    string
	noConfig, quiet           bool
	addedOnly                 bool
	limits                    source.Limits
	cacheDir                  string
	noCache                   bool
}

func check(std Streams, analyzers []*analysis.Analyzer) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check [PATH|REF]...",
		Short: "check Dockerfiles, requirement files and images",
		Long: `Check Dockerfiles, requirement files and images.

PATH is a directory with a Dockerfile, a Dockerfile ("-" is standard input), or a
requirements file. REF is an image: a reference in a registry, or
docker://REF, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE.
With --image, the Dockerfile and the image built from it are checked together.`,
		Example: `  tare check
  tare check . --image registry.example.com/app:1.4.0
  tare check oci:./image
  tare check -f sarif=tare.sarif -f text .`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("image") && f.image == "" {
				return usage("--image is empty: name the image, or leave the flag out")
			}
			for flag, limit := range map[string]int64{
				"max-manifest": f.limits.Manifest, "max-layers": int64(f.limits.Layers), "max-entries": int64(f.limits.Entries), "max-path": int64(f.limits.Path),
				"max-layer-bytes": f.limits.Inflate, "max-keep": f.limits.Keep, "max-ratio": f.limits.Ratio,
			} {
				if limit < 1 {
					return usage("--%s %d: want at least 1", flag, limit)
				}
			}
			if _, err := v1.ParsePlatform(f.platform); f.platform != "" && (err != nil || !strings.Contains(f.platform, "/")) {
				return usage("--platform %q: want os/architecture[/variant]", f.platform)
			}
			return runCheck(cmd.Context(), std, analyzers, &f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.image, "image", "", "the image that was built from the Dockerfile")
	fl.StringVar(&f.target, "target", "", "the stage that ships (default: the last)")
	fl.StringArrayVar(&f.buildArgs, "build-arg", nil, "a build argument, KEY=VALUE")
	fl.StringVar(&f.platform, "platform", "", "the platform to judge, OS/ARCH[/VARIANT] (default: this machine's)")
	fl.StringSliceVar(&f.only, "only", nil, "run these rules or checks alone")
	fl.StringSliceVar(&f.skip, "skip", nil, "leave these rules or checks out")
	fl.StringVar(&f.failOn, "fail-on", "warning", "the lowest severity that fails: error, warning, note or never")
	fl.StringArrayVarP(&f.formats, "format", "f", nil, "text, json or sarif; FORMAT=FILE writes a file, several can be given")
	fl.StringVarP(&f.output, "output", "o", "", "write the report to a file")
	fl.StringVar(&f.config, "config", "", "the configuration (default: .tare.yaml, found upwards)")
	fl.BoolVar(&f.noConfig, "no-config", false, "read no configuration")
	fl.StringVar(&f.stdinName, "stdin-filename", "Dockerfile", `the name of what "-" reads`)
	fl.StringVar(&f.cacheDir, "cache-dir", "", "where manifests and indexes of layers are kept (default: the user's cache directory)")
	fl.BoolVar(&f.noCache, "no-cache", false, "keep nothing, and use nothing that was kept")
	fl.BoolVar(&f.addedOnly, "added-only", false, "judge what stands above the base image alone")
	f.limits = source.DefaultLimits
	fl.Int64Var(&f.limits.Manifest, "max-manifest", f.limits.Manifest, "limit: bytes of a manifest, an index or a configuration")
	fl.IntVar(&f.limits.Layers, "max-layers", f.limits.Layers, "limit: layers of an image")
	fl.IntVar(&f.limits.Entries, "max-entries", f.limits.Entries, "limit: entries of an image, over all layers")
	fl.IntVar(&f.limits.Path, "max-path", f.limits.Path, "limit: bytes of a path in a layer")
	fl.Int64Var(&f.limits.Inflate, "max-layer-bytes", f.limits.Inflate, "limit: uncompressed bytes of a layer")
	fl.Int64Var(&f.limits.Keep, "max-keep", f.limits.Keep, "limit: bytes of paths, databases and metadata that are kept of an image")
	fl.Int64Var(&f.limits.Ratio, "max-ratio", f.limits.Ratio, "limit: compression ratio of a layer, and of an image, over 1 GiB")
	fl.StringVar(&f.now, "now", "", "the day that ends of life are compared with, YYYY-MM-DD (default: today, UTC)")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing on standard error but errors")
	return cmd
}

func runCheck(ctx context.Context, std Streams, analyzers []*analysis.Analyzer, f *checkFlags, args []string) error {
	least := slices.Index(analysis.Severities, analysis.Severity(f.failOn)) // -1: none fails
	if least < 0 && f.failOn != "never" {
		return usage("--fail-on %q: want error, warning, note or never", f.failOn)
	}
	now := time.Now().UTC().Truncate(24 * time.Hour)
	if f.now != "" {
		var err error
		if now, err = time.Parse(time.DateOnly, f.now); err != nil {
			return usage("--now %q: want a day, YYYY-MM-DD", f.now)
		}
	}
	outs, err := outputs(f)
	if err != nil {
		return err
	}
	enabled, err := selection(analyzers, f.only, f.skip)
	if err != nil {
		return err
	}
	var kept *cache.Cache
	if !f.noCache {
		if kept, err = cache.Open(f.cacheDir, cache.DefaultLimit); err != nil && !f.quiet {
			fmt.Fprintln(std.Err, "tare: note:", report.Printable(err.Error()))
		}
		defer kept.Trim()
	}
	targets, err := findTargets(std, analyzers, kept, f, args)
	if err != nil {
		return err
	}
	told := slices.ContainsFunc(outs, func(o output) bool { return o.name == "text" && o.file == "" }) // the report says it
	var results []*driver.Result
	for _, t := range targets {
		res, err := driver.Check(ctx, t.Target, driver.Options{Analyzers: analyzers, Enabled: enabled, Config: t.config, Limits: f.limits, Cache: kept, Now: now, AddedOnly: f.addedOnly})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return &statusError{Usage, err}
		}
		results = append(results, res)
		for _, r := range res.Remarks {
			if !f.quiet {
				fmt.Fprintln(std.Err, "tare: note:", report.Printable(r))
			}
		}
		for _, err := range res.Errors {
			if !told {
				fmt.Fprintln(std.Err, "tare:", report.Printable(err.Error()))
			}
		}
	}
	doc := report.New(report.Tool{Name: "tare", Version: programVersion()}, now.Format(time.DateOnly), analyzers, enabled, results, lineReader(targets))
	if err := write(std, doc, outs); err != nil {
		return &statusError{Broken, err}
	}
	status := Clean
	for _, t := range doc.Targets {
		for _, found := range t.Findings {
			if slices.Index(analysis.Severities, found.Severity) <= least && status == Clean {
				status = Findings
			}
		}
		if len(t.Errors) > 0 {
			status = Broken
		}
	}
	if status != Clean {
		return &statusError{status: status}
	}
	return nil
}

// selection is the rules that --only and --skip leave.
func selection(analyzers []*analysis.Analyzer, only, skip []string) (func(*analysis.Rule) bool, error) {
	var names []string
	of := map[*analysis.Rule]string{}
	for _, a := range analyzers {
		names = append(names, a.Name)
		for _, r := range a.Rules {
			names = append(names, r.ID)
			of[r] = a.Name
		}
	}
	for _, list := range [][]string{only, skip} {
		for _, n := range list {
			if !slices.Contains(names, n) {
				return nil, usage("no rule or check %q%s: tare list shows them", n, suggest(n, names))
			}
		}
	}
	in := func(list []string, r *analysis.Rule) bool {
		return slices.Contains(list, r.ID) || slices.Contains(list, of[r])
	}
	enabled := func(r *analysis.Rule) bool { return (len(only) == 0 || in(only, r)) && !in(skip, r) }
	for r := range of {
		if enabled(r) {
			return enabled, nil
		}
	}
	return nil, usage("--only and --skip leave no rule to run")
}

// An output is one format and where it goes; a file of "" is standard output.
type output struct {
	format report.Func
	name   string
	file   string
}

func outputs(f *checkFlags) (outs []output, err error) {
	formats := f.formats
	if len(formats) == 0 {
		formats = []string{"text"}
	}
	stdout := 0
	for _, s := range formats {
		name, file, _ := strings.Cut(s, "=")
		write, ok := report.Formats[name]
		if !ok {
			return nil, usage("unknown format %q: want one of %s", name, strings.Join(report.Names(), ", "))
		}
		if file == "" && f.output != "" {
			file = f.output
		}
		if file == "" || file == "-" {
			file = ""
			stdout++
		}
		outs = append(outs, output{write, name, file})
	}
	if stdout > 1 {
		return nil, usage("%d formats would go to standard output: give all but one a file, as in -f sarif=out.sarif", stdout)
	}
	return outs, nil
}

// write writes each report whole or not at all.
func write(std Streams, doc *report.Document, outs []output) error {
	for _, o := range outs {
		var b bytes.Buffer
		if err := o.format(&b, doc, report.Options{Color: o.file == "" && colored(std.Out)}); err != nil {
			return fmt.Errorf("write %s report: %w", o.name, err)
		}
		if o.file == "" {
			if _, err := std.Out.Write(b.Bytes()); err != nil {
				return fmt.Errorf("write %s report: %w", o.name, err)
			}
			continue
		}
		if err := replaceFile(o.file, b.Bytes()); err != nil {
			return fmt.Errorf("write %s report: %w", o.name, err)
		}
	}
	return nil
}

// replaceFile writes a file by way of another beside it. What is no regular
// file, such as /dev/stderr, is written in place.
func replaceFile(name string, data []byte) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(name, data, 0o644)
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".tare-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(data); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// colored reports whether w is a terminal that wants colours (no-color.org,
// force-color.org).
func colored(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	if v := os.Getenv("FORCE_COLOR"); v != "" && v != "0" {
		return true
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// lineReader gives the lines of the files that findings stand on.
func lineReader(targets []target) func(string) []string {
	cache := map[string][]string{}
	return func(name string) []string {
		if lines, ok := cache[name]; ok {
			return lines
		}
		var text []byte
		for _, t := range targets {
			if t.Path == name {
				text = t.Dockerfile
			}
		}
		if text == nil {
			for _, t := range targets {
				if rel, err := filepath.Rel(filepath.FromSlash(t.ContextDir), filepath.FromSlash(name)); err == nil && t.Context != nil && filepath.IsLocal(rel) {
					if b, err := readFS(t.Context, filepath.ToSlash(rel)); err == nil {
						text = b
						break
					}
				}
			}
		}
		lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
		cache[name] = lines
		return lines
	}
}
