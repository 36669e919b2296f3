package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/diff"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/source"
)

func diffCommand(std Streams, analyzers []*analysis.Analyzer) *cobra.Command {
	f := checkFlags{limits: source.DefaultLimits}
	var dockerfile string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "compare two images: sizes, layers, packages, files and findings",
		Long: `Compare two images: what each weighs, by the instruction that made it, by package and
by file, and which findings came and went.

OLD and NEW are references or archives, as check takes them, or JSON reports that
"tare check -f json=FILE" wrote, which cost no request. The exit status is 0 whatever
is different, and 3 where an image cannot be judged.`,
		Example: `  tare diff registry.example.com/app:main registry.example.com/app:pr-7
  tare diff main.json oci:./image -f markdown=comment.md`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("diff compares two images, and %d %s named: tare diff OLD NEW", len(args), number(len(args), "is", "are"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			return runDiff(cmd.Context(), std, analyzers, &f, dockerfile, args)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&dockerfile, "dockerfile", "", "the Dockerfile that NEW was built from: layers and findings stand on its lines")
	fl.StringVar(&f.platform, "platform", "", "the platform to compare, OS/ARCH[/VARIANT] (default: this machine's)")
	fl.StringArrayVarP(&f.formats, "format", "f", nil, analysis.Or(diff.Names())+"; FORMAT=FILE writes a file, several can be given")
	fl.StringVarP(&f.output, "output", "o", "", "write the report to a file")
	fl.StringVar(&f.cacheDir, "cache-dir", "", "where manifests and indexes of layers are kept (default: the user's cache directory)")
	fl.StringSliceVar(&f.insecure, "insecure", nil,
		"registries, HOST[:PORT], that may speak plain HTTP, or have a certificate that nobody signed")
	fl.BoolVar(&f.noCache, "no-cache", false, "keep nothing, and use nothing that was kept")
	fl.BoolVar(&f.offline, "offline", false, "ask nothing of the network")
	return cmd
}

func runDiff(
	ctx context.Context, std Streams, analyzers []*analysis.Analyzer, f *checkFlags, dockerfile string, args []string,
) error {
	outs, err := destinations(f.formats, f.output, diff.Names())
	if err != nil {
		return err
	}
	f.noConfig = true
	var kept *cache.Cache
	if !f.noCache {
		if kept, err = cache.Open(f.cacheDir, cache.DefaultLimit); err != nil {
			fmt.Fprintln(std.Err, "tare: note:", redact.Printable(err.Error()))
		}
		defer kept.Trim()
	}
	var sides [2]*report.Target
	for i, arg := range args {
		if stored(arg) {
			d, err := report.Read(arg)
			if err == nil {
				sides[i], err = onlyImage(d, arg)
			}
			if err != nil {
				return &statusError{Broken, err}
			}
			continue
		}
		fd := newFinder(ctx, std, analyzers, kept, f)
		if i == 1 && dockerfile != "" {
			f.image = arg
			err = fd.argument(dockerfile)
		} else {
			err = fd.argument(arg)
		}
		if err != nil {
			return err
		}
		fd.settle()
		if len(fd.targets) != 1 || fd.targets[0].OpenImage == nil {
			return usage("%q is no image: name a reference, an archive, a layout, or a JSON report", arg)
		}
		if sides[i], err = judgedImage(ctx, fd, arg); err != nil {
			return err
		}
	}
	d := diff.Compare(sides[0], sides[1])
	d.Tool = report.Tool{Name: "tare", Version: programVersion()}
	for _, o := range outs {
		i := slices.IndexFunc(diff.Formats, func(x diff.Format) bool { return x.Name == o.name })
		var b bytes.Buffer
		if err := diff.Formats[i].Write(&b, d, o.file == "" && colored(std.Out)); err != nil {
			return &statusError{Broken, fmt.Errorf("write %s: %w", o.name, err)}
		}
		if err := o.deliver(std, b.Bytes()); err != nil {
			return &statusError{Broken, fmt.Errorf("write %s: %w", o.name, err)}
		}
	}
	if len(d.Remarks) > 0 && (len(sides[0].Errors) > 0 || len(sides[1].Errors) > 0) {
		return &statusError{status: Broken}
	}
	return nil
}

// stored reports whether an argument is a file of JSON.
func stored(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && info.Mode().IsRegular() && strings.EqualFold(filepath.Ext(arg), ".json")
}

// onlyImage is the one target of a stored report that has an image.
func onlyImage(d *report.Document, name string) (*report.Target, error) {
	var found *report.Target
	for i := range d.Targets {
		if t := &d.Targets[i]; t.Image != nil {
			if found != nil {
				return nil, fmt.Errorf("report %q has several images, %q and %q among them: compare reports of one each",
					name, found.Image.Name, t.Image.Name)
			}
			found = t
		}
	}
	if found == nil {
		return nil, fmt.Errorf("report %q has no image", name)
	}
	return found, nil
}

// judgedImage judges the only target of a finder.
func judgedImage(ctx context.Context, fd *finder, name string) (out *report.Target, err error) {
	opt := driver.Options{
		Analyzers: fd.analyzers, Limits: fd.flags.limits, Cache: fd.cache, Now: time.Now().UTC().Truncate(24 * time.Hour),
	}
	err = judge(ctx, fd.targets, opt, 0, func(j judged) { out = &j.report }, func(string) {})
	if err != nil {
		return nil, err
	}
	if out.Image == nil {
		why := "it cannot be read"
		if len(out.Errors) > 0 {
			why = out.Errors[0]
		}
		return nil, &statusError{Broken, fmt.Errorf("compare %q: %w", name, errors.New(why))}
	}
	return out, nil
}
