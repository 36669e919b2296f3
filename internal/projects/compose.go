package projects

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/nodes"
)

// Limits of a project's files.
const (
	maxFiles  = 100 // compose files that include or extend each other
	maxExtend = 20  // services that extend one another
)

// limits of a compose file: anchors and merge keys are common in them.
var limits = nodes.Limits{Nodes: 100_000, Depth: 50, Scalar: 64 << 10}

// A service is what is known of one, its paths complete.
type service struct {
	builds              bool
	dir                 string // that its context is relative to
	context, dockerfile string
	inline, stage       string
	image               string // "" where it is not named, or not known
	args                map[string]string
	platforms           []string
	contexts            map[string]string
	unknown             string // a variable without a value in what says where it is built
}

// A compose reads the files of one project.
type compose struct {
	root  *checkout.Root
	files map[string]*yaml.Node            // by path
	index map[string]map[string]*yaml.Node // services by path and name
	known map[[2]string]*service           // by path and name
	left  int                              // bytes that may still be read
	vars  map[string]map[string]string
	p     *Project
	same  map[string][]string
	away  []string
	seen  map[string]bool // files that were included
}

func readCompose(root *checkout.Root, name string) (*Project, error) {
	c := &compose{
		root: root, files: map[string]*yaml.Node{}, vars: map[string]map[string]string{}, p: &Project{},
		same: map[string][]string{}, seen: map[string]bool{}, index: map[string]map[string]*yaml.Node{},
		known: map[[2]string]*service{}, left: MaxSize,
	}
	if err := c.file(name); err != nil {
		return nil, err
	}
	c.override(name)
	c.p.alike(c.same)
	c.p.left(c.away, "the build context is not of this machine")
	return c.p, nil
}

// override remarks on a file that "docker compose" would merge into one of the usual name: it
// is for who develops, and not read.
func (c *compose) override(name string) {
	base, ok := strings.CutSuffix(filepath.Base(name), filepath.Ext(name))
	ok = ok && (base == "compose" || base == "docker-compose")
	if other := base + ".override" + filepath.Ext(name); ok && c.root.IsRegular(beside(name, other)) {
		c.p.Remarks = append(c.p.Remarks, fmt.Sprintf("%s is not read: name it to judge what it builds", other))
	}
}

// open reads a file, once.
func (c *compose) open(name string) (*yaml.Node, error) {
	if n, ok := c.files[name]; ok {
		return n, nil
	}
	if len(c.files) == maxFiles {
		return nil, fmt.Errorf("read %q: more than the limit of %d files that include or extend each other", name, maxFiles)
	}
	text, err := c.root.ReadFile(name, int64(c.left))
	if size := (*checkout.SizeError)(nil); errors.As(err, &size) {
		err = fmt.Errorf("with the files that include or extend each other it has more than the limit of %d bytes", MaxSize)
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", filepath.ToSlash(name), err)
	}
	c.left -= len(text)
	c.p.Files = append(c.p.Files, name)
	n, err := nodes.Read(text, limits)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", filepath.ToSlash(name), err)
	}
	c.files[name] = n
	services := map[string]*yaml.Node{}
	if list := nodes.Value(n, "services"); list != nil && list.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(list.Content); i += 2 {
			services[list.Content[i].Value] = list.Content[i+1]
		}
	}
	c.index[name] = services
	return n, nil
}

// file adds the services of a file and of those that it includes.
func (c *compose) file(name string) error {
	if c.seen[name] {
		return nil
	}
	c.seen[name] = true
	root, err := c.open(name)
	if err != nil {
		return err
	}
	if list := nodes.Value(root, "include"); list != nil {
		for _, x := range list.Content {
			paths := []*yaml.Node{x}
			if x.Kind == yaml.MappingNode {
				if paths = nil; nodes.Value(x, "path") != nil {
					paths = []*yaml.Node{nodes.Value(x, "path")}
					if paths[0].Kind == yaml.SequenceNode {
						paths = paths[0].Content
					}
				}
			}
			for _, p := range paths {
				path, unknown := c.expand(name, p.Value)
				if unknown != "" || remote(path) {
					c.p.Remarks = append(c.p.Remarks, fmt.Sprintf("%s:%d: what it includes is not read", filepath.ToSlash(name), p.Line))
					continue
				}
				if err := c.file(beside(name, path)); err != nil {
					return fmt.Errorf("%s:%d: include: %w", filepath.ToSlash(name), p.Line, err)
				}
			}
		}
	}
	services := nodes.Value(root, "services")
	if services == nil || services.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(services.Content); i += 2 {
		key := services.Content[i]
		s, err := c.service(name, key.Value, maxExtend)
		if err != nil {
			return err
		}
		if err := c.add(key.Value, s); err != nil {
			return fmt.Errorf("%s:%d: %w", filepath.ToSlash(name), key.Line, err)
		}
	}
	return nil
}

// add adds the build of a service that has one.
func (c *compose) add(name string, s *service) error {
	switch {
	case !s.builds:
		return nil
	case s.unknown != "":
		c.p.left([]string{name}, fmt.Sprintf("%s has no value in .env and no default: where it is built is not known", s.unknown))
		return nil
	case remote(s.context):
		c.away = append(c.away, name)
		return nil
	}
	b := Build{Name: name, Stage: s.stage, Args: s.args, Platforms: s.platforms, Contexts: s.contexts}
	if s.image != "" {
		b.Images = []string{s.image}
	}
	if s.inline != "" {
		b.Inline = []byte(s.inline)
	}
	place(&b, s.dir, s.context, s.dockerfile)
	return c.p.add(b, c.same)
}

// service reads one, with what it extends below it.
func (c *compose) service(file, name string, left int) (*service, error) {
	if s := c.known[[2]string{file, name}]; s != nil {
		return s, nil
	}
	if _, err := c.open(file); err != nil {
		return nil, err
	}
	n := c.index[file][name]
	if n == nil {
		return nil, fmt.Errorf("%s: no service %q", filepath.ToSlash(file), name)
	}
	s := &service{dir: filepath.Dir(file)}
	if x := nodes.Value(n, "extends"); x != nil {
		from, of := file, x.Value
		if x.Kind == yaml.MappingNode {
			if v := nodes.Value(x, "service"); v != nil {
				of = v.Value
			}
			if v := nodes.Value(x, "file"); v != nil {
				path, unknown := c.expand(file, v.Value)
				if unknown != "" { // what is extended is not known, and so what is built
					s.builds, s.unknown = true, unknown
					return s, nil
				}
				from = beside(file, path)
			}
		}
		if left == 0 {
			return nil, fmt.Errorf("%s:%d: %q extends more than the limit of %d services, or itself", filepath.ToSlash(file), x.Line,
				name, maxExtend)
		}
		below, err := c.service(from, of, left-1)
		switch {
		case err != nil && left < maxExtend: // the first of a chain says where
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%s:%d: extends: %w", filepath.ToSlash(file), x.Line, err)
		}
		own := *below // which others may extend
		s = &own
	}
	if image := nodes.Value(n, "image"); image != nil && image.Kind == yaml.ScalarNode {
		if ref, unknown := c.expand(file, image.Value); unknown == "" {
			s.image = ref
		}
	}
	if b := nodes.Value(n, "build"); b != nil && b.Tag != "!!null" {
		c.build(file, b, s)
	}
	c.known[[2]string{file, name}] = s
	return s, nil
}

// build puts what a service's "build" says over what it extends.
func (c *compose) build(file string, b *yaml.Node, s *service) {
	s.builds = true
	text := func(v *yaml.Node) string {
		out, unknown := c.expand(file, v.Value)
		s.unknown = cmp.Or(s.unknown, unknown)
		return out
	}
	if b.Kind != yaml.MappingNode {
		s.dir, s.context = filepath.Dir(file), text(b)
		return
	}
	if v := nodes.Value(b, "context"); v != nil {
		s.dir, s.context = filepath.Dir(file), text(v)
	}
	for _, x := range []struct {
		key   string
		field *string
	}{{"dockerfile", &s.dockerfile}, {"dockerfile_inline", &s.inline}, {"target", &s.stage}} {
		if v := nodes.Value(b, x.key); v != nil {
			*x.field = text(v)
		}
	}
	if v := nodes.Value(b, "platforms"); v != nil {
		s.platforms = nil
		for _, p := range v.Content {
			s.platforms = append(s.platforms, text(p))
		}
	}
	for key, field := range map[string]*map[string]string{"args": &s.args, "additional_contexts": &s.contexts} {
		if pairs := nodes.Value(b, key); pairs != nil {
			*field = maps.Clone(*field)
			if *field == nil {
				*field = map[string]string{}
			}
			c.pairs(file, pairs, *field)
		}
	}
}

// pairs reads a map or a list of KEY=VALUE. What has no value here is not there: the build
// takes an argument from its environment.
func (c *compose) pairs(file string, n *yaml.Node, into map[string]string) {
	set := func(key string, value *yaml.Node, text string, has bool) {
		if value != nil {
			text, has = value.Value, value.Tag != "!!null"
		}
		if v, unknown := c.expand(file, text); has && unknown == "" {
			into[key] = v
		}
	}
	for i, x := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode:
			key, value, has := strings.Cut(x.Value, "=")
			set(key, nil, value, has)
		case i%2 == 1:
			set(n.Content[i-1].Value, x, "", false)
		}
	}
}

// beside is a path that a file names, which is relative to its directory.
func beside(file, name string) string {
	if name = filepath.FromSlash(name); filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(file), name)
}

// environment is what the .env beside a file says. The environment of the process is not
// read: the file may be a stranger's, and its values are shown.
func (c *compose) environment(file string) map[string]string {
	path := beside(file, ".env")
	if vars, ok := c.vars[path]; ok {
		return vars
	}
	vars := map[string]string{}
	if text, err := c.root.ReadFile(path, 64<<10); err == nil {
		vars = parseEnv(string(text))
		c.p.Files = append(c.p.Files, path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		c.p.Remarks = append(c.p.Remarks, fmt.Sprintf("%s is not read: %v", filepath.ToSlash(path), err))
	}
	c.vars[path] = vars
	return vars
}
