package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/source"
)

// configCommand shows and checks configurations.
func configCommand(std Streams, analyzers []*analysis.Analyzer) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "config",
		Short: "show or verify the configuration",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	show := &cobra.Command{
		Use:   "show [PATH|NAME|REF]...",
		Short: "print the settings in force for what check would judge, and where each comes from",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			if err := oneConfig(cmd, &f); err != nil {
				return err
			}
			f.offline = true // nothing is judged
			fd := newFinder(cmd.Context(), std, analyzers, nil, &f)
			if err := fd.find(args); err != nil {
				return err
			}
			for _, r := range fd.remarks {
				fmt.Fprintln(std.Err, "tare: note:", redact.Printable(r))
			}
			return fd.show(std.Out)
		},
	}
	verify := &cobra.Command{
		Use:   "verify [DIR]...",
		Short: "check every configuration in a directory, and that what it names is there",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := environment(cmd); err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			status := Clean
			for _, dir := range args {
				ok, err := newFinder(cmd.Context(), std, analyzers, nil, &f).verify(dir)
				if err != nil {
					return err
				}
				if !ok {
					status = Usage
				}
			}
			if status != Clean {
				return &statusError{status: status}
			}
			return nil
		},
	}
	for _, c := range []*cobra.Command{show, verify} {
		c.Flags().StringVar(&f.config, "config", "", "the configuration (default: .tare.yaml or [tool.tare], beside the Dockerfile and above)")
	}
	show.Flags().StringVar(&f.configRef, "config-ref", "", "read the configuration as it is in this commit or branch")
	show.Flags().BoolVar(&f.noConfig, "no-config", false, "read no configuration")
	f.stdinName = "Dockerfile"
	cmd.AddCommand(show, verify)
	return cmd
}

// show prints every setting of each target: its key, its value, and where that is from.
func (fd *finder) show(w io.Writer) error {
	for i := range fd.targets {
		t := &fd.targets[i]
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, redact.Printable(redact.Credentials(t.Name)))
		table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		line := func(key, value, from string) {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", redact.Printable(key), redact.Printable(redact.Credentials(value)), redact.Printable(from))
		}
		set := map[string]bool{}
		for _, s := range t.Config.Settings {
			set[s.Key] = true
			line(s.Key, s.Value, fmt.Sprintf("%s:%d", s.Path, s.Line))
		}
		for _, x := range t.Config.Ignores {
			line("ignore", strings.Join(x.Names, ", ")+": "+x.Reason, fmt.Sprintf("%s:%d", x.Path, x.Line))
		}
		if t.ContextDir != "" && !set["context"] {
			line("context", t.ContextDir, "found")
		}
		for _, s := range defaults(fd.analyzers) {
			if !set[s.Key] && !set[above(s.Key)] {
				line(s.Key, s.Value, "default")
			}
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	return fd.variables(w)
}

// above is a key's section, such as "rules" of a check that has a level for all of its rules.
func above(key string) string {
	rule, ok := strings.CutPrefix(key, "rules.")
	if check, _, found := strings.Cut(rule, "-"); ok && found {
		return "rules." + check
	}
	return ""
}

// defaults are the settings of a run without a configuration.
func defaults(analyzers []*analysis.Analyzer) (list []config.Setting) {
	list = append(list, config.Setting{Key: "fail-on", Value: "warning"}, config.Setting{Key: "strict", Value: "false"})
	for _, a := range analyzers {
		list = append(list, config.Defaults(a)...)
	}
	for _, a := range analyzers {
		for _, r := range a.Rules {
			value := string(r.Severity)
			if r.Unset != "" {
				value = fmt.Sprintf("%s, %s where its setting is set", r.Unset, value)
			}
			list = append(list, config.Setting{Key: "rules." + r.ID, Value: value})
		}
	}
	return list
}

// variables names the variables of the environment that stand for flags of check.
func (fd *finder) variables(w io.Writer) error {
	var lines []string
	check(fd.std, fd.analyzers).Flags().VisitAll(func(f *pflag.Flag) {
		if text := os.Getenv(variable(f.Name)); text != "" {
			if f.Name == "build-arg" { // which may be a secret
				text = "..."
			}
			lines = append(lines, fmt.Sprintf("  --%s %s  %s", f.Name, redact.Printable(redact.Credentials(text)), variable(f.Name)))
		}
	})
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nthe environment\n%s\n", strings.Join(lines, "\n"))
	return err
}

// verify checks the configurations in a directory and says of each whether it is right.
func (fd *finder) verify(dir string) (ok bool, err error) {
	root, err := fd.root(dir)
	if err != nil {
		return false, &statusError{Broken, fmt.Errorf("open %q: %w", dir, err)}
	}
	if info, err := root.Stat(dir); err != nil || !info.IsDir() {
		return false, usage("config verify wants a directory, and %q is none", dir)
	}
	ok = true
	say := func(err error) {
		ok = false
		fmt.Fprintln(fd.std.Err, "tare:", redact.Printable(err.Error()))
	}
	dirs := discover(root, dir).configured
	if fd.flags.config != "" {
		dirs = []string{"."}
	}
	slices.Sort(dirs)
	checked := 0
	for _, d := range slices.Compact(dirs) {
		var f *config.File
		if fd.flags.config != "" {
			f, err = fd.explicit(fd.flags.config)
		} else {
			f, err = fd.read(root, d)
		}
		switch {
		case err != nil:
			say(err)
			continue
		case f == nil:
			continue
		}
		checked++
		wrong := missing(root, f)
		for _, e := range wrong {
			say(e)
		}
		if len(wrong) == 0 {
			fmt.Fprintf(fd.std.Out, "%s: right\n", redact.Printable(display(f.Path)))
		}
	}
	if checked == 0 && ok {
		return false, usage("no configuration in %q: want %s", dir, analysis.Or(config.Names))
	}
	return ok, nil
}

// missing says which files that a configuration names are not there.
func missing(root *checkout.Root, f *config.File) (errs []error) {
	look := func(at int, key, name string, directory bool) {
		info, err := root.Stat(f.Abs(cmp.Or(name, ".")))
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s:%d: %s: %q: %w", display(f.Path), at, key, name, reason(err)))
		case info.IsDir() != directory:
			is := "a directory: want a file"
			if directory {
				is = "no directory"
			}
			errs = append(errs, fmt.Errorf("%s:%d: %s: %q: it is %s", display(f.Path), at, key, name, is))
		}
	}
	build := func(at int, b config.Build) {
		if b.Dockerfile != "" {
			look(at, "dockerfile", b.Dockerfile, false)
		}
		if b.Context != "" {
			look(at, "context", b.Context, true)
		}
		for key, ref := range map[string]string{"image": b.Image, "baseline": b.Baseline} {
			if err := source.CheckReference(ref); err != nil {
				errs = append(errs, fmt.Errorf("%s:%d: %s %q: %w", display(f.Path), at, key, ref, err))
			}
		}
		name := f.Abs(cmp.Or(b.Dockerfile, "Dockerfile"))
		src, err := root.ReadFile(name, dockerfile.MaxSize)
		if err != nil || b.Stage == "" {
			return
		}
		var unknown *dockerfile.UnknownTargetError
		if _, err := dockerfile.Parse(display(name), src, dockerfile.Options{Target: b.Stage}); errors.As(err, &unknown) {
			errs = append(errs, fmt.Errorf("%s:%d: %w", display(f.Path), at, err))
		}
	}
	build(1, f.Build)
	for _, t := range f.Targets {
		build(t.Line, t.Build)
	}
	if len(f.Here()) > 0 && f.Dockerfile == "" && !besides(f.Dir) {
		errs = append(errs, fmt.Errorf("%s:%d: %q is of no Dockerfile, as none lies beside the file: name one (dockerfile: PATH)",
			display(f.Path), f.Here()[0].Line, f.Here()[0].Key))
	}
	return errs
}

// besides reports whether a Dockerfile lies in dir.
func besides(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return !e.IsDir() && isDockerfile(filepath.Base(e.Name()))
	})
}
