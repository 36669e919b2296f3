package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/source"
)

// air is how much larger than what it is now a printed budget lets something be.
const air = 1.05

func budgetCommand(std Streams, analyzers []*analysis.Analyzer) *cobra.Command {
	f := checkFlags{limits: source.DefaultLimits}
	cmd := &cobra.Command{
		Use:   "budget [PATH|NAME|REF]...",
		Short: "print what images weigh now as a budget for the configuration",
		Long: `Print what images weigh now, and 5 % more, as the section "sizebudget" of a .tare.yaml.

What is named is as for check, and so is --image. Of several images, and of all
platforms of one (--platform all), the largest counts.`,
		Example: `  tare budget registry.example.com/app:1.4.0 >> .tare.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			return runBudget(cmd.Context(), std, analyzers, &f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.image, "image", "", "the image that was built from the Dockerfile")
	fl.StringVar(&f.platform, "platform", "", "the platform, OS/ARCH[/VARIANT], or all (default: this machine's)")
	fl.StringSliceVar(&f.trusted, "trust-registry", nil, "registries that a configuration's images may be pulled from, HOST[:PORT]")
	fl.StringVar(&f.cacheDir, "cache-dir", "", "where manifests and indexes of layers are kept (default: the user's cache directory)")
	fl.StringSliceVar(&f.insecure, "insecure", nil,
		"registries, HOST[:PORT], that may speak plain HTTP, or have a certificate that nobody signed")
	fl.BoolVar(&f.noCache, "no-cache", false, "keep nothing, and use nothing that was kept")
	fl.BoolVar(&f.offline, "offline", false, "ask nothing of the network")
	return cmd
}

func runBudget(ctx context.Context, std Streams, analyzers []*analysis.Analyzer, f *checkFlags, args []string) error {
	var kept *cache.Cache
	if !f.noCache {
		var err error
		if kept, err = cache.Open(f.cacheDir, cache.DefaultLimit); err != nil {
			fmt.Fprintln(std.Err, "tare: note:", redact.Printable(err.Error()))
		}
		defer kept.Trim()
	}
	fd := newFinder(ctx, std, analyzers, kept, f)
	if err := fd.find(args); err != nil {
		return err
	}
	only, err := selection(analyzers, []string{"sizebudget"}, nil)
	if err != nil {
		return err
	}
	opt := driver.Options{Analyzers: analyzers, Enabled: only, Limits: f.limits, Cache: kept, Now: time.Now().UTC().Truncate(24 * time.Hour)}
	var b budget
	var failed error
	err = judge(ctx, fd.targets, opt, 0, func(j judged) {
		if t := j.report; len(t.Errors) > 0 {
			failed = errors.New(t.Errors[0])
		} else if t.Image != nil {
			b.add(t.Image)
		}
	}, func(string) {})
	switch {
	case err != nil:
		return err
	case failed != nil:
		return &statusError{Broken, failed}
	case b.unpacked == 0:
		return usage("no image is named: tare budget REF, or a Dockerfile with --image")
	}
	return b.write(std.Out)
}

// A budget is what the largest of some images weighs, in bytes.
type budget struct {
	unpacked, download, layer, app int64
	packages                       map[string]int64
}

// heavyPackage is how many bytes a package has at least that is given a budget of its own.
const heavyPackage = 10e6

func (b *budget) add(im *report.Image) {
	if b.packages == nil {
		b.packages = map[string]int64{}
	}
	if im.UnpackedBytes != nil {
		b.unpacked = max(b.unpacked, *im.UnpackedBytes)
	}
	if im.CompressedBytes != nil {
		b.download = max(b.download, *im.CompressedBytes)
	}
	base := map[string]bool{}
	app := int64(0)
	for _, l := range im.Layers {
		if l.Base || im.Base.How == "" {
			base[l.DiffID] = true
			continue
		}
		if n := cmp.Or(l.CompressedBytes, l.UnpackedBytes); n != nil {
			b.layer = max(b.layer, *n)
		}
		if l.UnpackedBytes != nil {
			app += *l.UnpackedBytes
		}
	}
	b.app = max(b.app, app)
	for _, p := range im.Packages {
		if p.Bytes >= heavyPackage && !base[p.Layer] {
			b.packages[p.Name] = max(b.packages[p.Name], p.Bytes)
		}
	}
}

func (b *budget) write(w io.Writer) error {
	var out strings.Builder
	out.WriteString("sizebudget:\n")
	for _, x := range []struct {
		key   string
		bytes int64
		what  string
	}{
		{"download", b.download, "compressed, all layers"}, {"unpacked", b.unpacked, "files of all layers"},
		{"app", b.app, "what is added to the base, unpacked"}, {"layer", b.layer, "the largest above the base"},
	} {
		if x.bytes > 0 {
			fmt.Fprintf(&out, "  %s: %s # %s: %s now\n", x.key, roomy(x.bytes), x.what, analysis.Bytes(x.bytes))
		}
	}
	var names []string
	for name := range b.packages {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(cmp.Compare(b.packages[y], b.packages[x]), strings.Compare(x, y))
	})
	if len(names) > 0 {
		out.WriteString("  package:\n")
	}
	for _, name := range names {
		fmt.Fprintf(&out, "    %s: %s\n", strconv.Quote(redact.Printable(name)), roomy(b.packages[name]))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// roomy is bytes with some air, of three digits, rounded up: "569 MB".
func roomy(bytes int64) string {
	v, unit := float64(bytes)*air, ""
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 && unit != "" {
			break
		}
		v, unit = v/1000, u
	}
	digits := 2
	if v >= 100 {
		digits = 0
	} else if v >= 10 {
		digits = 1
	}
	scale := math.Pow10(digits)
	return strconv.FormatFloat(math.Ceil(v*scale)/scale, 'f', -1, 64) + " " + unit
}
