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
	"github.com/tareweight/tare/analyzers/locks"
	"github.com/tareweight/tare/analyzers/requirements"
	"github.com/tareweight/tare/internal/buildcontext"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/checkout"
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
	remarks   []string                  // what was chosen without being asked for
	roots     map[string]*checkout.Root // by directory
	revisions map[string]*revision      // by directory
	session   source.Session
}

// root is that of a path that the user named.
func (fd *finder) root(name string) (*checkout.Root, error) {
	dir, err := checkout.Top(name)
	if err != nil || fd.roots[dir] != nil {
		return fd.roots[dir], err
	}
	r, err := checkout.Open(dir)
	if err == nil {
		fd.roots[dir] = r
	}
	return r, err
}

// findTargets says what args, or the current directory, ask to check.
func findTargets(
	std Streams,
	analyzers []*analysis.Analyzer,
	kept *cache.Cache,
	f *checkFlags,
	args []string,
) (*finder, error) {
	fd := &finder{
		std:       std,
		analyzers: analyzers,
		cache:     kept,
		flags:     f,
		roots:     map[string]*checkout.Root{},
		revisions: map[string]*revision{},
		build:     dockerfile.Options{Target: f.target, Platform: f.platform, BuildArgs: map[string]string{}},
	}
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
		if f.image != "" {
			root, err := fd.root(".")
			if err != nil {
				return nil, &statusError{Broken, fmt.Errorf("open the current directory: %w", err)}
			}
			if files, _ := discover(root, "."); len(files) == 0 {
				return fd, fd.add(root, nil, "", "", nil)
			}
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
	return fd, nil
}

var reRequirements = regexp.MustCompile(
	`(?i)(requirements|constraints).*\.(txt|in)$|\.requirements$|^requirements/.*\.txt$|\.txt$`,
)

// argument adds what one argument names. What exists is a path.
func (fd *finder) argument(arg string) error {
	if arg == "-" {
		src, err := io.ReadAll(io.LimitReader(fd.std.In, dockerfile.MaxSize+1))
		if err != nil {
			return &statusError{Broken, fmt.Errorf("read standard input: %w", err)}
		}
		root, err := fd.root(fd.flags.stdinName)
		if err != nil {
			return &statusError{Broken, fmt.Errorf("open the directory of %q: %w", fd.flags.stdinName, err)}
		}
		return fd.add(root, src, filepath.ToSlash(fd.flags.stdinName), filepath.Dir(fd.flags.stdinName), nil)
	}
	_, err := os.Lstat(arg)
	if errors.Is(err, fs.ErrNotExist) || err != nil && source.IsReference(arg) {
		if !source.IsReference(arg) {
			return usage("no file or directory %q, and no reference of an image either: that has a tag, a digest or a registry", arg)
		}
		if err := source.CheckReference(arg); err != nil {
			return usage("image %q: %v", arg, err)
		}
		if fd.flags.image != "" {
			return usage("%q is an image, and so is --image %q: give one of them", arg, fd.flags.image)
		}
		return fd.image(arg)
	}
	if err == nil {
		var root *checkout.Root
		if root, err = fd.root(arg); err == nil {
			var info fs.FileInfo
			if info, err = root.Stat(arg); err == nil {
				return fd.path(root, arg, info)
			}
		}
	}
	return &statusError{Broken, fmt.Errorf("read %q: %w", arg, reason(err))}
}

// path adds what lies at a path of the checkout.
func (fd *finder) path(root *checkout.Root, arg string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return fd.directory(root, arg)
	case !info.Mode().IsRegular():
		return &statusError{Broken, fmt.Errorf(`read %q: %w: "-" reads standard input`, arg, checkout.ErrIrregular)}
	case locks.KindOf(arg) == "" && reRequirements.MatchString(filepath.ToSlash(arg)) && info.Size() > requirements.MaxSize:
		t := target{}
		t.Name = display(arg)
		t.Err = fmt.Errorf("read %q: %d bytes, more than the limit of %d", t.Name, info.Size(), requirements.MaxSize)
		fd.targets = append(fd.targets, t)
		return nil
	case reRequirements.MatchString(filepath.ToSlash(arg)), locks.KindOf(arg) != "":
		return fd.add(root, nil, "", filepath.Dir(arg), []string{filepath.Base(arg)})
	}
	if what := mistaken(root, arg); what != "" {
		return usage("%q %s", arg, what)
	}
	return fd.file(root, arg)
}

// directory adds the Dockerfiles of a directory.
func (fd *finder) directory(root *checkout.Root, dir string) error {
	files, remark := discover(root, dir)
	if remark != "" {
		fd.remarks = append(fd.remarks, remark)
	}
	c, err := fd.config(root, dir)
	if err != nil {
		return err
	}
	if c.Dockerfile != "" && absolute(filepath.Dir(c.Path)) == absolute(dir) {
		files = []string{filepath.Join(dir, filepath.FromSlash(c.Dockerfile))}
		if _, err := root.Stat(files[0]); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return usage("%s: dockerfile: no file %q", filepath.ToSlash(c.Path), c.Dockerfile)
			}
			return usage("%s: dockerfile: %q: %v", filepath.ToSlash(c.Path), c.Dockerfile, err)
		}
	}
	if len(files) == 0 {
		return nothing(root, dir)
	}
	for _, f := range files {
		if err := fd.file(root, f); err != nil {
			return err
		}
	}
	return nil
}

// template is what something else makes a Dockerfile of.
var template = regexp.MustCompile(
	`(?i)\.(j2|jinja2?|tmpl|tpl|template|erb|mustache|ejs|in|md|rst|txt|py|sh|go|js|orig|bak)$`,
)

func isDockerfile(name string) bool {
	if strings.HasSuffix(name, ".dockerignore") || template.MatchString(name) {
		return false
	}
	lower := strings.ToLower(name)
	return lower == "dockerfile" || lower == "containerfile" || strings.HasPrefix(name, "Dockerfile.") ||
		strings.HasPrefix(name, "Dockerfile-") ||
		strings.HasPrefix(name, "Dockerfile_") ||
		strings.HasPrefix(name, "Containerfile.") ||
		strings.HasSuffix(lower, ".dockerfile")
}

// file adds one Dockerfile. Its context is the one that --context or the
// configuration names, else the directory of its own, or one above it. One that
// cannot be read is a target that cannot be judged: the others are.
func (fd *finder) file(root *checkout.Root, name string) error {
	src, err := root.ReadFile(name, dockerfile.MaxSize)
	if err != nil {
		t := target{}
		t.Name, t.Err = display(name), fmt.Errorf("read %q: %w", display(name), reason(err))
		fd.targets = append(fd.targets, t)
		return nil
	}
	return fd.add(root, src, display(name), buildcontext.Dir(root, name, src), nil)
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

// add adds a target: a Dockerfile with its context and the image that --image
// or the configuration names, or files of requirements.
func (fd *finder) add(root *checkout.Root, src []byte, name, dir string, named []string) error {
	beside := dir
	if src != nil {
		beside = filepath.Dir(filepath.FromSlash(name)) // the Dockerfile's, wherever it is built
	}
	c, err := fd.config(root, beside)
	if err != nil {
		return err
	}
	t := target{config: c.Analyzers}
	t.Name, t.Path, t.Dockerfile, t.Build, t.Named = name, name, src, fd.build, named
	t.Settings = settings(c)
	if src != nil && t.Build.Target == "" {
		t.Build.Target = c.Stage
	}
	if dir != "" || src != nil {
		file := ""
		if src != nil {
			file = filepath.FromSlash(name)
			if dir, err = fd.context(dir, c); err != nil {
				return err
			}
		}
		files, err := buildcontext.Open(root, dir, file)
		if err != nil {
			return &statusError{Broken, fmt.Errorf("open build context %q: %w", dir, err)}
		}
		t.Context, t.ContextDir = files, display(dir)
	}
	if len(named) > 0 {
		t.Name = path.Join(display(dir), named[0])
	}
	if fd.flags.image != "" {
		t.OpenImage = fd.open(fd.flags.image, nil)
		if src == nil {
			t.Name = fd.flags.image
		}
	} else if src != nil && c.Image != "" {
		t.OpenImage = fd.configured(c)
	}
	fd.targets = append(fd.targets, t)
	return nil
}

// context is the build context of a Dockerfile: what --context or the
// configuration names, else dir.
func (fd *finder) context(dir string, c *config.Config) (string, error) {
	switch {
	case fd.flags.context != "":
		dir = fd.flags.context
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return "", usage("--context %q: want a directory", dir)
		}
	case c.Context != "":
		dir = filepath.Join(filepath.Dir(c.Path), filepath.FromSlash(c.Context))
	}
	return dir, nil
}

// image adds an image alone.
func (fd *finder) image(ref string) error {
	root, err := fd.root(".")
	if err != nil {
		return &statusError{Broken, fmt.Errorf("open the current directory: %w", err)}
	}
	c, err := fd.config(root, ".")
	if err != nil {
		return err
	}
	t := target{config: c.Analyzers}
	t.Name, t.OpenImage, t.Settings = ref, fd.open(ref, nil), settings(c)
	fd.targets = append(fd.targets, t)
	return nil
}

// open opens an image; a path is below root, or, where that is nil, wherever the
// user says.
func (fd *finder) open(ref string, root *checkout.Root) func(context.Context) (*source.Image, error) {
	return func(ctx context.Context) (*source.Image, error) {
		return source.Open(ctx, ref,
			source.Options{Platform: fd.flags.platform, Cache: fd.cache, Limits: fd.flags.limits, Session: &fd.session, Root: root})
	}
}

// configured opens the image that a configuration names. The file may be a
// stranger's, who proposes a change: its paths stay in the checkout, and Tare
// speaks to no registry for it that the user did not name.
func (fd *finder) configured(c *config.Config) func(context.Context) (*source.Image, error) {
	ref := c.ImageRef()
	host := source.Registry(ref)
	root, err := fd.root(c.Path)
	switch {
	case err != nil:
		return func(context.Context) (*source.Image, error) { return nil, err }
	case host == "" || slices.Contains(fd.flags.trusted, host):
		return fd.open(ref, root)
	}
	return func(context.Context) (*source.Image, error) {
		return nil, fmt.Errorf(
			"%s: image: %q is of registry %q, which only a configuration names: --trust-registry %s lets it, or --image names the image",
			display(c.Path),
			c.Image,
			host,
			host,
		)
	}
}
