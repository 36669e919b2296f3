package cli

import (
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/source"
)

// checkFlags are the flags of check.
type checkFlags struct {
	image, target, platform   string
	images                    map[string]string // references, by the name of a container or its image
	pull                      []string          // registries that manifests may name, or "all"
	baselineImage             string
	offline                   bool
	insecure                  []string // registries
	buildArgs, only, skip     []string
	failOn, config, stdinName string
	configRef, now            string
	baseline, writeBaseline   string
	since                     string
	trusted                   []string // registries that a configuration may name
	timeout                   time.Duration
	formats                   []string
	output                    string
	noConfig, quiet, verbose  bool
	notes, strict             bool
	strictGiven               bool // --strict or its variable was given, true or false
	context                   string
	addedOnly                 bool
	limits                    source.Limits
	cacheDir                  string
	noCache                   bool
	shared                    string // a repository
}

func check(std Streams, analyzers []*analysis.Analyzer) *cobra.Command {
	var f checkFlags
	var images []string
	cmd := &cobra.Command{
		Use:   "check [PATH|NAME|REF]...",
		Short: "check Dockerfiles, requirement files and images",
		Long: `Check Dockerfiles, requirement files and images.

PATH is a directory with Dockerfiles and manifests of Kubernetes, one of them ("-" is
standard input), a requirements file, a compose file, or what "docker buildx bake
--print" prints.
NAME is a target of the configuration. REF is an image: a name means what "docker
run" would take, the image of an engine of this machine or else that of its registry;
docker-daemon:NAME, podman:NAME, containerd:NAME, docker://REF say which. Also
oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, of which - is standard input.
With --image, the Dockerfile and the image built from it are checked together.
Every flag can be given as a variable, as in TARE_FAIL_ON=error.`,
		Example: `  tare check
  tare check . --image registry.example.com/app:1.4.0
  tare check oci:./image
  tare check -f sarif=tare.sarif -f text .`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			f.strictGiven = cmd.Flags().Changed("strict")
			if cmd.Flags().Changed("image") && len(images) == 0 {
				images = []string{""}
			}
			if err := f.setImages(images); err != nil {
				return err
			}
			if cmd.Flags().Changed("baseline-image") && f.baselineImage == "" {
				return usage("--baseline-image is empty: name the image, or leave the flag out")
			}
			if err := source.CheckReference(f.baselineImage); err != nil {
				return usage("--baseline-image %q: %v", f.baselineImage, err)
			}
			for flag, limit := range map[string]int64{
				"max-manifest": f.limits.Manifest, "max-layers": int64(f.limits.Layers), "max-entries": int64(f.limits.Entries),
				"max-path":        int64(f.limits.Path),
				"max-layer-bytes": f.limits.Inflate, "max-keep": f.limits.Keep, "max-ratio": f.limits.Ratio,
			} {
				if limit < 1 {
					return usage("--%s %d: want at least 1", flag, limit)
				}
			}
			if f.timeout < 0 {
				return usage("--timeout %v: want a time, such as 10m; 0 is no limit", f.timeout)
			}
			if err := oneConfig(cmd, &f); err != nil {
				return err
			}
			if f.since != "" && f.writeBaseline != "" {
				return usage("--write-baseline writes what is known of all targets, and --since leaves some out: give one of them")
			}
			if _, err := v1.ParsePlatform(f.platform); f.platform != "" && f.platform != allPlatforms &&
				(err != nil || !strings.Contains(f.platform, "/")) {
				return usage("--platform %q: want os/architecture[/variant], as in linux/arm64, or %s", f.platform, allPlatforms)
			}
			return runCheck(cmd.Context(), std, analyzers, &f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&images, "image", nil,
		"the image that was built from the Dockerfile; NAME=REF is that of a manifest's container, several can be given")
	fl.StringSliceVar(&f.pull, "pull-images", nil, "pull the images that manifests name, of these registries, HOST[:PORT], or of all")
	fl.Lookup("pull-images").NoOptDefVal = "all"
	fl.StringVar(&f.target, "target", "", "the stage that ships (default: the last)")
	fl.StringArrayVar(&f.buildArgs, "build-arg", nil, "a build argument, KEY=VALUE")
	fl.StringVar(&f.platform, "platform", "", "the platform to judge, OS/ARCH[/VARIANT], or all (default: this machine's)")
	fl.StringVar(&f.baselineImage, "baseline-image", "", "an older image of the same: what grew since then is reported")
	fl.StringSliceVar(&f.insecure, "insecure", nil,
		"registries, HOST[:PORT], that may speak plain HTTP, or have a certificate that nobody signed")
	fl.BoolVar(&f.offline, "offline", false, "open nothing but files and sockets of this machine")
	fl.StringSliceVar(&f.only, "only", nil, "run these rules or checks alone")
	fl.StringSliceVar(&f.skip, "skip", nil, "leave these rules or checks out")
	fl.StringVar(&f.failOn, "fail-on", "", "the lowest severity that fails: error, warning, note or never (default: warning)")
	fl.BoolVar(&f.strict, "strict", false, "what could not be decided at a place fails too")
	fl.BoolVar(&f.notes, "notes", false, "show notes in the text report, and not only how many there are")
	fl.StringVar(&f.context, "context", "",
		"the build context, a directory (default: that of the Dockerfile, or the one above it that holds all that it copies)")
	fl.StringArrayVarP(&f.formats, "format", "f", nil,
		analysis.Or(report.Names())+"; FORMAT=FILE writes a file, several can be given")
	fl.StringVarP(&f.output, "output", "o", "", "write the report to a file")
	fl.StringVar(&f.config, "config", "", "the configuration (default: .tare.yaml or [tool.tare], beside the Dockerfile and above)")
	fl.StringVar(&f.configRef, "config-ref", "",
		"read the configuration as it is in this commit or branch, not as it lies here")
	fl.BoolVar(&f.noConfig, "no-config", false, "read no configuration")
	fl.StringSliceVar(&f.trusted, "trust-registry", nil,
		"registries that a configuration's images may be pulled from, HOST[:PORT]")
	fl.StringVar(&f.stdinName, "stdin-filename", "Dockerfile", `the name of what "-" reads`)
	fl.StringVar(&f.cacheDir, "cache-dir", "",
		"where manifests and indexes of layers are kept (default: the user's cache directory)")
	fl.BoolVar(&f.noCache, "no-cache", false, "keep nothing, and use nothing that was kept")
	fl.StringVar(&f.shared, "shared-cache", "",
		"a repository that machines share indexes of layers through, HOST/PATH: who may write there decides what is believed")
	fl.BoolVar(&f.addedOnly, "added-only", false, "judge what stands above the base image alone")
	fl.DurationVar(&f.timeout, "timeout", 30*time.Minute,
		"limit: how long the run may take; what was judged by then is reported (0: no limit)")
	f.limits = source.DefaultLimits
	fl.Int64Var(&f.limits.Manifest, "max-manifest", f.limits.Manifest,
		"limit: bytes of a manifest, an index or a configuration")
	fl.IntVar(&f.limits.Layers, "max-layers", f.limits.Layers, "limit: layers of an image")
	fl.IntVar(&f.limits.Entries, "max-entries", f.limits.Entries, "limit: entries of an image, over all layers")
	fl.IntVar(&f.limits.Path, "max-path", f.limits.Path, "limit: bytes of a path in a layer")
	fl.Int64Var(&f.limits.Inflate, "max-layer-bytes", f.limits.Inflate, "limit: uncompressed bytes of a layer")
	fl.Int64Var(&f.limits.Keep, "max-keep", f.limits.Keep,
		"limit: bytes of paths, databases and metadata that are kept of an image")
	fl.Int64Var(&f.limits.Ratio, "max-ratio", f.limits.Ratio,
		"limit: compression ratio of a layer, and of an image, over 1 GiB")
	fl.StringVar(&f.baseline, "baseline", "", "report what is not in this JSON report of before")
	fl.StringVar(&f.writeBaseline, "write-baseline", "", "write what is found as a baseline, and fail on nothing of it")
	fl.StringVar(&f.since, "since", "",
		"judge what has changed since this commit or branch: targets with a changed file that they are built of")
	fl.StringVar(&f.now, "now", "", "the day that ends of life are compared with, YYYY-MM-DD (default: today, UTC)")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing but findings and errors")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "name all files that a finding names in the text report, and not only three")
	complete(cmd, analyzers)
	return cmd
}

// oneConfig checks that one configuration at most is named: what an empty
// variable of a CI job leaves empty must not fall back to another.
func oneConfig(cmd *cobra.Command, f *checkFlags) error {
	n := 0
	for flag, value := range map[string]string{"config": f.config, "config-ref": f.configRef} {
		if cmd.Flags().Changed(flag) {
			n++
			if value == "" {
				return usage("--%s is empty: name one, or leave the flag out", flag)
			}
		}
	}
	if f.noConfig {
		n++
	}
	if n > 1 {
		return usage("--config, --config-ref and --no-config exclude each other: give one of them")
	}
	return nil
}
