package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/locks"
	"github.com/tareweight/tare/analyzers/requirements"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/kubernetes"
	"github.com/tareweight/tare/internal/projects"
	"github.com/tareweight/tare/internal/source"
)

// A target is one thing to judge.
type target struct {
	driver.Target
	stageOf string   // the file, and the line, that names the stage; "" where a flag does, or nobody
	files   []string // absolute paths of the files and directories that it is made of: see --since
	shared  []string // of others that say something of it, which many targets share
}

// A finder turns arguments into targets.
type finder struct {
	std       Streams
	analyzers []*analysis.Analyzer
	cache     *cache.Cache
	flags     *checkFlags
	planned   []*plan // what was asked for
	targets   []target
	remarks   []string                  // what was chosen without being asked for
	roots     map[string]*checkout.Root // by directory
	remotes   map[*checkout.Root]string // see remote
	revisions map[string]*revision      // by directory
	configs   map[string]*config.File   // by directory: nil where it has none
	applied   map[*config.File]bool     // whose build at the top is that of a target
	known     map[string]bool           // what tells plans apart
	whole     []string                  // absolute paths of the directories that were asked for
	args      map[string]string         // of --build-arg
	session   source.Session

	names      map[string]bool     // of targets
	usedImages map[string]bool     // names of --image NAME=REF that a container has
	runs       map[string][]string // repositories that containers run, by the name of those which --image NAME=REF is given for
	usedImage  bool                // a container runs what --image REF names
	ctx        context.Context     // of the run: asking which platforms an image has ends with it
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

// plan adds what becomes a target, unless the same was added before by another name of it.
func (fd *finder) plan(p plan) {
	same := fmt.Sprint(p.Name, "\x00", p.Path, "\x00", p.ContextDir, "\x00", p.Named, "\x00", p.Build)
	for _, pod := range p.Pods {
		same += fmt.Sprint("\x00", pod.Container.At)
	}
	if fd.known[same] {
		return
	}
	fd.known[same] = true
	fd.planned = append(fd.planned, &p)
}

// broken adds what cannot be judged, and why.
func (fd *finder) broken(root *checkout.Root, name string, err error) {
	t := target{}
	t.Name, t.Err = name, err
	fd.plan(plan{target: t, root: root})
}

// push adds a target.
func (fd *finder) push(root *checkout.Root, t target) {
	if fd.names[t.Name] { // of two files
		t.Name = fmt.Sprintf("%s (%s)", t.Name, cmp.Or(t.Path, fmt.Sprint(len(fd.targets)+1)))
	}
	if wd, err := os.Getwd(); err == nil && root != nil {
		if rel, err := filepath.Rel(root.Dir(), wd); err == nil && filepath.IsLocal(rel) {
			t.Place.Prefix = filepath.ToSlash(rel)
		} else {
			t.Place.Top = display(root.Dir())
		}
	}
	fd.names[t.Name] = true
	fd.targets = append(fd.targets, t)
}

func newFinder(ctx context.Context, std Streams, analyzers []*analysis.Analyzer, kept *cache.Cache, f *checkFlags) *finder {
	fd := &finder{
		ctx: ctx, std: std, analyzers: analyzers, cache: kept, flags: f,
		roots: map[string]*checkout.Root{}, remotes: map[*checkout.Root]string{},
		revisions: map[string]*revision{}, configs: map[string]*config.File{},
		applied: map[*config.File]bool{}, args: map[string]string{}, known: map[string]bool{},
		names: map[string]bool{}, usedImages: map[string]bool{}, runs: map[string][]string{},
	}
	for _, kv := range f.buildArgs {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			v, ok = os.LookupEnv(k)
		}
		if ok {
			fd.args[k] = v
		}
	}
	return fd
}

// find says what args, or the current directory, ask to check.
func (fd *finder) find(args []string) error {
	f := fd.flags
	if n := readers(append(slices.Clone(args), f.image, f.baselineImage)); n > 1 {
		return usage("standard input is named twice: it can be read once")
	}
	if err := f.apart(args); err != nil {
		return err
	}
	if len(args) == 0 {
		if f.image != "" {
			root, err := fd.root(".")
			if err != nil {
				return &statusError{Broken, fmt.Errorf("open the current directory: %w", err)}
			}
			if found := discover(root, "."); len(found.dockerfiles) == 0 {
				return fd.image(f.image)
			}
		}
		args = []string{"."}
	}
	for _, arg := range args {
		if err := fd.argument(arg); err != nil {
			return err
		}
	}
	if err := fd.unnamed(); err != nil {
		return err
	}
	if n := fd.dockerfiles(); f.image != "" && n > 1 {
		var names []string
		for _, p := range fd.planned {
			if !p.PodsOnly && p.Err == nil {
				names = append(names, p.Name)
			}
		}
		const most = 8
		if n := len(names) - most; n > 0 {
			names = append(names[:most], fmt.Sprintf("%d more", n))
		}
		return usage("--image belongs to one Dockerfile: name it, one of %s", strings.Join(names, ", "))
	}
	fd.settle()
	fd.idle()
	return nil
}

// settle makes targets of what was asked for.
func (fd *finder) settle() {
	fd.join()
	for _, p := range fd.planned {
		fd.each(p)
	}
}

// dockerfiles is how many plans are not a container of a manifest.
func (fd *finder) dockerfiles() (n int) {
	for _, p := range fd.planned {
		if !p.PodsOnly && p.Err == nil {
			n++
		}
	}
	return n
}

// readers is how many of the arguments are read from standard input.
func readers(args []string) (n int) {
	for _, a := range args {
		for _, prefix := range []string{"", "docker-archive:", "oci-archive:"} {
			if rest, ok := strings.CutPrefix(a, prefix); ok && (rest == "-" || prefix != "" && strings.HasPrefix(rest, "-:")) {
				n++
			}
		}
	}
	return n
}

var reRequirements = regexp.MustCompile(
	`(?i)(requirements|constraints).*\.(txt|in)$|\.requirements$|^requirements/.*\.txt$|\.txt$`,
)

// argument adds what one argument names. What exists is a path, then a target of the
// configuration counts, then an image.
func (fd *finder) argument(arg string) error {
	if arg == "-" {
		return fd.stdin()
	}
	_, err := os.Lstat(arg)
	if errors.Is(err, fs.ErrNotExist) || err != nil && source.IsReference(arg) {
		if ok, err := fd.named(arg); ok || err != nil {
			return err
		}
		if !source.IsReference(arg) {
			return usage("no file or directory %q, no target of that name in the configuration, "+
				"and no reference of an image either: that has a tag, a digest or a registry", arg)
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
				return fd.path(root, unlinked(root, arg), info)
			}
		}
	}
	return &statusError{Broken, fmt.Errorf("read %q: %w", arg, reason(err))}
}

// stdin adds what standard input holds: what bake prints, or a Dockerfile.
func (fd *finder) stdin() error {
	src, err := io.ReadAll(io.LimitReader(fd.std.In, kubernetes.MaxSize+1)) // a Dockerfile's own limit is its parser's
	if err != nil {
		return &statusError{Broken, fmt.Errorf("read standard input: %w", err)}
	}
	name := fd.flags.stdinName
	root, err := fd.root(name)
	if err != nil {
		return &statusError{Broken, fmt.Errorf("open the directory of %q: %w", name, err)}
	}
	if isArchive(src) {
		return usage(`standard input is an archive: if it holds an image, write "docker-archive:-" (docker save) or "oci-archive:-"`)
	}
	text := bytes.TrimSpace(src)
	if kubernetes.Is(src) {
		if name == "Dockerfile" {
			name = "<stdin>"
		}
		return fd.manifests(root, map[string][]byte{name: src}, nil)
	}
	switch {
	case projects.IsBake(src):
		return fd.project(root, "standard input", filepath.Dir(name), func() (*projects.Project, error) {
			return projects.ParseBake("standard input", filepath.Dir(name), src)
		})
	case bytes.HasPrefix(text, []byte("{")):
		return usage("standard input is JSON, and not what \"docker buildx bake --print\" prints: want that, or a Dockerfile")
	case projects.IsCompose(src):
		return usage("standard input is a compose file, whose paths are relative to it: name the file")
	}
	return fd.dockerfile(root, filepath.ToSlash(name), src)
}

// path adds what lies at a path of the checkout.
func (fd *finder) path(root *checkout.Root, arg string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return fd.directory(root, arg)
	case !info.Mode().IsRegular():
		return &statusError{Broken, fmt.Errorf(`read %q: %w: "-" reads standard input`, arg, checkout.ErrIrregular)}
	case locks.KindOf(arg) == "" && reRequirements.MatchString(filepath.ToSlash(arg)) && info.Size() > requirements.MaxSize:
		name := display(arg)
		fd.broken(root, name, fmt.Errorf("read %q: %d bytes, more than the limit of %d", name, info.Size(), requirements.MaxSize))
		return nil
	case reRequirements.MatchString(filepath.ToSlash(arg)), locks.KindOf(arg) != "":
		return fd.requirements(root, arg)
	}
	if isManifest(arg) {
		if text := readManifest(root, arg); text != nil {
			return fd.manifests(root, map[string][]byte{arg: text}, nil)
		}
	}
	if read := projects.Reader(root, arg); read != nil {
		return fd.project(root, display(arg), filepath.Dir(arg), read)
	}
	if what := mistaken(root, arg); what != "" {
		return usage("%q %s", arg, what)
	}
	return fd.file(root, arg)
}

// directory adds the Dockerfiles of a directory, and the targets of the configurations in
// it, and of those above it that lie in it.
func (fd *finder) directory(root *checkout.Root, dir string) error {
	found := discover(root, dir)
	if found.remark != "" {
		fd.remarks = append(fd.remarks, found.remark)
	}
	fd.whole = append(fd.whole, absolute(dir))
	files, err := fd.listed(root, dir, found)
	if err != nil {
		return err
	}
	if fd.flags.image != "" {
		own, err := fd.own(root, files, dir)
		if err != nil {
			return err
		}
		if own != "" {
			files = []string{own}
		}
	}
	before := len(fd.planned)
	for _, f := range files {
		if err := fd.file(root, f); err != nil {
			return err
		}
	}
	if err := fd.images(root, dir, found); err != nil {
		return err
	}
	built := fd.kustomizations(root, found.manifests)
	texts := fd.readManifests(root, dir, slices.DeleteFunc(found.manifests, built.isPatch))
	if err := fd.manifests(root, texts, built.changed); err != nil {
		return err
	}
	if len(fd.planned) == before && len(files) == 0 && len(texts)+len(found.dockerfiles) > 0 && len(fd.remarks) > 0 {
		return usage("nothing to check in %q: %s", dir, strings.Join(fd.remarks, "; "))
	}
	if len(fd.planned) == before && len(files) == 0 {
		return nothing(root, dir)
	}
	return nil
}

// listed are the Dockerfiles that are found in a directory, without those that a
// configuration leaves out, and those that one names.
func (fd *finder) listed(root *checkout.Root, dir string, found found) (files []string, err error) {
	left := map[*config.File][]string{}
next:
	for _, name := range found.dockerfiles {
		chain, err := fd.chain(root, filepath.Dir(name))
		if err != nil {
			return nil, err
		}
		for _, f := range chain {
			if f.Excludes(name) {
				left[f] = append(left[f], display(name))
				continue next
			}
		}
		files = append(files, name)
	}
	configs, err := fd.below(root, dir, found)
	if err != nil {
		return nil, err
	}
	for _, f := range configs {
		if names := left[f]; len(names) > 0 {
			fd.remarks = append(fd.remarks, fmt.Sprintf(`%d %s left out by "exclude" of %s: %s`, len(names),
				number(len(names), "Dockerfile is", "Dockerfiles are"), display(f.Path), analysis.And(names, 10)))
		}
		for _, named := range f.Dockerfiles() {
			name, abs := named.Path, f.Abs(named.Path)
			if chain, err := fd.chain(root, filepath.Dir(abs)); err == nil && within(abs, absolute(dir)) && !slices.Contains(chain, f) {
				fd.foreign(f, named)
				continue
			}
			if !within(abs, absolute(dir)) || slices.ContainsFunc(files, func(x string) bool { return absolute(x) == abs }) {
				continue
			}
			if _, err := root.Stat(abs); err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return nil, usage("%s:%d: dockerfile: no file %q", display(f.Path), named.Line, name)
				}
				return nil, usage("%s:%d: dockerfile: %q: %v", display(f.Path), named.Line, name, err)
			}
			files = append(files, relative(abs))
		}
	}
	return files, nil
}

// own is that of files which the directory's configuration names, else the one that
// "docker build DIR" takes, or "".
func (fd *finder) own(root *checkout.Root, files []string, dir string) (string, error) {
	chain, err := fd.chain(root, dir)
	if err != nil {
		return "", err
	}
	names := usual
	if n := len(chain); n > 0 && chain[n-1].Dir == absolute(dir) && chain[n-1].Dockerfile != "" {
		names = []string{filepath.FromSlash(chain[n-1].Dockerfile)}
	}
	for _, name := range names {
		for _, f := range files {
			if absolute(f) == filepath.Join(absolute(dir), name) {
				return f, nil
			}
		}
	}
	return "", nil
}
