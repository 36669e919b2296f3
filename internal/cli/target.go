package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/locks"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/source"
)

// A target is one thing to judge, with the settings in force for it.
type target struct {
	driver.Target
	config map[string]any
}

// A finder turns arguments into targets.
type finder struct {
	std       Streams
	analyzers []*analysis.Analyzer
	cache     *cache.Cache
	flags     *checkFlags
	build     dockerfile.Options
	targets   []target
}

// findTargets says what args, or the current directory, ask to check.
func findTargets(std Streams, analyzers []*analysis.Analyzer, kept *cache.Cache, f *checkFlags, args []string) ([]target, error) {
	fd := &finder{std: std, analyzers: analyzers, cache: kept, flags: f, build: dockerfile.Options{Target: f.target, Platform: f.platform, BuildArgs: map[string]string{}}}
	for _, kv := range f.buildArgs {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			v, ok = os.LookupEnv(k)
		}
		if ok {
			fd.build.BuildArgs[k] = v
		}
	}
	if len(args) == 0 {
		if f.image != "" && len(discover(".")) == 0 {
			return fd.targets, fd.add(nil, "", "", nil)
		}
		args = []string{"."}
	}
	for _, arg := range args {
		if err := fd.argument(arg); err != nil {
			return nil, err
		}
	}
	if f.image != "" && len(fd.targets) > 1 {
		var names []string
		for _, t := range fd.targets {
			names = append(names, t.Name)
		}
		return nil, usage("--image belongs to one Dockerfile: name it, one of %s", strings.Join(names, ", "))
	}
	return fd.targets, nil
}

var reRequirements = regexp.MustCompile(`(?i)(requirements|constraints).*\.(txt|in)$|\.requirements$|^requirements/.*\.txt$|\.txt$`)

// argument adds what one argument names. What exists is a path.
func (fd *finder) argument(arg string) error {
	if arg == "-" {
		src, err := io.ReadAll(io.LimitReader(fd.std.In, dockerfile.MaxSize+1))
		if err != nil {
			return &statusError{Broken, fmt.Errorf("read standard input: %w", err)}
		}
		return fd.add(src, filepath.ToSlash(fd.flags.stdinName), filepath.Dir(fd.flags.stdinName), nil)
	}
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return fd.directory(arg)
	case err == nil && (reRequirements.MatchString(filepath.ToSlash(arg)) || locks.KindOf(arg) != ""):
		if !info.Mode().IsRegular() {
			return &statusError{Broken, fmt.Errorf("read %q: it is no regular file", arg)}
		}
		return fd.add(nil, "", filepath.Dir(arg), []string{filepath.Base(arg)})
	case err == nil:
		return fd.file(arg, enclosing(arg))
	case source.IsReference(arg):
		if fd.flags.image != "" {
			return usage("%q is an image, and so is --image %q: give one of them", arg, fd.flags.image)
		}
		return fd.image(arg)
	case errors.Is(err, fs.ErrNotExist):
		return usage("no file or directory %q, and no reference of an image either: that has a tag, a digest or a registry", arg)
	}
	return &statusError{Broken, fmt.Errorf("read %q: %w", arg, err)}
}

// directory adds the Dockerfiles of a directory.
func (fd *finder) directory(dir string) error {
	files := discover(dir)
	c, err := fd.config(dir)
	if err != nil {
		return err
	}
	if c.Dockerfile != "" && absolute(filepath.Dir(c.Path)) == absolute(dir) {
		files = []string{filepath.Join(dir, filepath.FromSlash(c.Dockerfile))}
		if _, err := os.Stat(files[0]); errors.Is(err, fs.ErrNotExist) {
			return usage("%s: dockerfile: no file %q", filepath.ToSlash(c.Path), c.Dockerfile)
		}
	}
	if len(files) == 0 {
		return usage("nothing to check in %q: no Dockerfile, no Containerfile", dir)
	}
	for _, f := range files {
		if err := fd.file(f, dir); err != nil {
			return err
		}
	}
	return nil
}

func regular(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func isDockerfile(name string) bool {
	if strings.HasSuffix(name, ".dockerignore") {
		return false
	}
	lower := strings.ToLower(name)
	return lower == "dockerfile" || lower == "containerfile" || strings.HasPrefix(name, "Dockerfile.") || strings.HasPrefix(name, "Containerfile.") || strings.HasSuffix(lower, ".dockerfile")
}

// enclosing is how far up the build context of a Dockerfile may be: the
// current directory if that is above it, else the file's own.
func enclosing(file string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, absolute(file)); err == nil && filepath.IsLocal(rel) {
			return "."
		}
	}
	return filepath.Dir(file)
}

// file adds one Dockerfile. Its context is the directory of its own, or one
// above it up to root.
func (fd *finder) file(name, root string) error {
	f, err := os.Open(name)
	if err != nil {
		return &statusError{Broken, fmt.Errorf("read %q: %w", name, reason(err))}
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, dockerfile.MaxSize+1))
	if err != nil {
		return &statusError{Broken, fmt.Errorf("read %q: %w", name, reason(err))}
	}
	return fd.add(src, display(name), source.ContextDir(name, root, src), nil)
}

func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// display is a path as the report writes it: relative to the current directory
// where it is below it, with slashes.
func display(name string) string {
	if filepath.IsAbs(name) {
		if wd, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(wd, name); err == nil && filepath.IsLocal(rel) {
				name = rel
			}
		}
	}
	return path.Clean(filepath.ToSlash(name))
}

func absolute(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	return abs
}

func (fd *finder) config(dir string) (*config.Config, error) {
	p := fd.flags.config
	if p == "" && !fd.flags.noConfig {
		if p = config.Find(dir); p != "" {
			p = filepath.FromSlash(display(p))
		}
	}
	c, err := config.Load(p, fd.analyzers)
	if err != nil {
		return nil, &statusError{Usage, err}
	}
	return c, nil
}

// add adds a target: a Dockerfile with its context and the image that --image
// or the configuration names, or files of requirements.
func (fd *finder) add(src []byte, name, dir string, named []string) error {
	c, err := fd.config(dir)
	if err != nil {
		return err
	}
	t := target{config: c.Analyzers}
	t.Name, t.Path, t.Dockerfile, t.Build, t.Named = name, name, src, fd.build, named
	if src != nil && t.Build.Target == "" {
		t.Build.Target = c.Stage
	}
	if dir != "" || src != nil {
		file := ""
		if src != nil {
			file = filepath.FromSlash(name)
		}
		files, err := source.Context(dir, file)
		if err != nil {
			return &statusError{Broken, fmt.Errorf("open build context %q: %w", dir, err)}
		}
		t.Context, t.ContextDir = files, display(dir)
	}
	if len(named) > 0 {
		t.Name = path.Join(display(dir), named[0])
	}
	ref := fd.flags.image
	if ref == "" && src != nil {
		ref = c.ImageRef()
	}
	if ref != "" {
		t.OpenImage = fd.open(ref)
		if src == nil {
			t.Name = ref
		}
	}
	fd.targets = append(fd.targets, t)
	return nil
}

// image adds an image alone.
func (fd *finder) image(ref string) error {
	c, err := fd.config(".")
	if err != nil {
		return err
	}
	t := target{config: c.Analyzers}
	t.Name, t.OpenImage = ref, fd.open(ref)
	fd.targets = append(fd.targets, t)
	return nil
}

func (fd *finder) open(ref string) func(context.Context) (*source.Image, error) {
	return func(ctx context.Context) (*source.Image, error) {
		return source.Open(ctx, ref, source.Options{Platform: fd.flags.platform, Cache: fd.cache, Limits: fd.flags.limits})
	}
}

func readFS(fsys fs.FS, name string) ([]byte, error) { return fs.ReadFile(fsys, name) }

// suggest is `: did you mean "x"` for a word that is nearly one of names.
func suggest(word string, names []string) string {
	best := slices.MinFunc(names, func(a, b string) int { return config.Distance(word, a) - config.Distance(word, b) })
	if config.Distance(word, best) > 4 {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", best)
}
