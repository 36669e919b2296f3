package config

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/ignore"
	"github.com/tareweight/tare/internal/nodes"
)

// Limits: every finding is compared with each entry. MaxEntries is how many targets, patterns,
// overrides and ignores a file may have, of each.
const (
	MaxEntries = 200
	maxPackage = 100 // bytes of the pattern of a package's name
)

// Load reads the file at path, which is below root, with a section for each of analyzers.
func Load(root *checkout.Root, path string, analyzers []*analysis.Analyzer) (*File, error) {
	data, err := root.ReadFile(path, MaxSizeOf(path))
	if err != nil {
		return nil, fmt.Errorf("read configuration %q: %w", path, err)
	}
	return Parse(path, data, analyzers)
}

// Parse reads data as the file at path.
func Parse(path string, data []byte, analyzers []*analysis.Analyzer) (*File, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	p := &parser{analyzers: analyzers}
	f := &File{Path: filepath.ToSlash(path), Dir: filepath.Dir(abs)}
	node, err := document(path, data)
	if err == nil && node != nil {
		err = p.parse(f, node, false)
	}
	if err != nil {
		return nil, fmt.Errorf("%s:%w", filepath.ToSlash(path), err)
	}
	return f, nil
}

// document returns the keys and values of a file, nil if it has none. Errors begin with
// the line.
func document(path string, data []byte) (*yaml.Node, error) {
	if filepath.Base(path) != project {
		return nodes.Read(data, limits)
	}
	root, err := table(data, "tool", "tare")
	if root == nil {
		return nil, err
	}
	return nodes.Bounded(root, limits)
}

// limits of a file: a report shows its values.
var limits = nodes.Limits{Nodes: 10_000, Depth: 20, Scalar: 1000}

// A parser reads one file.
type parser struct{ analyzers []*analysis.Analyzer }

// parse decodes the keys of a file, or of the settings of a target, which are the shared
// ones alone. Errors begin with the line.
func (p *parser) parse(f *File, root *yaml.Node, shared bool) error {
	known := fields(reflect.TypeFor[File]())
	if shared {
		for name := range fields(reflect.TypeFor[Target]()) {
			delete(known, name)
		}
		delete(known, "targets")
		delete(known, "exclude")
	}
	sections := map[string]*analysis.Analyzer{}
	for _, a := range p.analyzers {
		if a.Config != nil {
			sections[a.Name] = a
			known[a.Name] = nil
		}
	}
	own := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if _, ok := known[key.Value]; !ok {
			return unknown(key, known)
		}
		if slices.Contains([]string{"targets", "exclude", "ignore", "overrides", "bases"}, key.Value) && len(value.Content) > MaxEntries {
			return fmt.Errorf("%d: %q: more than the limit of %d entries", key.Line, key.Value, MaxEntries)
		}
		a := sections[key.Value]
		if a == nil {
			own.Content = append(own.Content, key, value)
			continue
		}
		if err := decode(key.Value, value, reflect.New(reflect.TypeOf(a.Config))); err != nil {
			return err
		}
		f.sections = append(f.sections, section{a, value})
		f.list = f.settings(f.list, value, key.Value+".")
	}
	if err := decode("", own, reflect.ValueOf(f)); err != nil {
		return err
	}
	return p.check(f, own)
}

// check checks what a file says beyond its form. Own is its keys but for those of
// analyzers.
func (p *parser) check(f *File, own *yaml.Node) error {
	get := func(key string) *yaml.Node { return nodes.Value(own, key) }
	build := fields(reflect.TypeFor[Build]())
	for i := 0; i+1 < len(own.Content); i += 2 {
		if key := own.Content[i].Value; build[key] != nil {
			f.here = f.settings(f.here, own.Content[i+1], key+".")
		}
	}
	for _, key := range []string{"exclude", "rules", "fail-on", "strict", "bases"} {
		if n := get(key); n != nil {
			f.list = f.settings(f.list, n, key+".")
		}
	}
	if err := p.levels(f.Rules, get("rules")); err != nil {
		return err
	}
	if n := get("fail-on"); n != nil && n.Tag != "!!null" && !slices.Contains(Thresholds, n.Value) {
		return fmt.Errorf("%d: fail-on: %q: want %s", n.Line, n.Value, analysis.Or(Thresholds))
	}
	if n := get("dockerfile"); n != nil && outside(f.Dockerfile) {
		return fmt.Errorf("%d: dockerfile: %q %s", n.Line, f.Dockerfile, leads)
	}
	if err := f.platforms(own); err != nil {
		return err
	}
	for i, text := range f.Exclude {
		g, err := ignore.NewGlob(text, f.Dir)
		if err != nil {
			return fmt.Errorf("%d: exclude: %w", get("exclude").Content[i].Line, err)
		}
		f.excluded = append(f.excluded, g)
	}
	for i := range f.Overrides {
		if err := p.override(f, &f.Overrides[i], get("overrides").Content[i]); err != nil {
			return err
		}
	}
	for i := range f.Ignore {
		f.Ignore[i].line = get("ignore").Content[i].Line
		g, err := p.ignore(f, &f.Ignore[i])
		if err != nil {
			return fmt.Errorf("%d: ignore: %w", f.Ignore[i].line, err)
		}
		f.ignores = append(f.ignores, g)
	}
	names := map[string]bool{}
	for i := range f.Targets {
		if err := p.target(f, &f.Targets[i], get("targets").Content[i], names); err != nil {
			return err
		}
	}
	slices.SortStableFunc(f.list, func(a, b Setting) int { return a.Line - b.Line })
	return nil
}

// leads says what is wrong with a path of a Dockerfile.
const leads = "leads out of the directory of this file: the configuration of a Dockerfile lies beside it or above"

// outside reports whether the path of a Dockerfile is not below the file's directory.
func outside(name string) bool { return name != "" && !filepath.IsLocal(filepath.FromSlash(name)) }

func (p *parser) override(f *File, o *Override, node *yaml.Node) error {
	if len(o.Rules) == 0 {
		return fmt.Errorf("%d: overrides: it sets nothing: want \"rules:\" with a severity for some", node.Line)
	}
	g, err := ignore.NewGlob(o.Path, f.Dir)
	if err != nil {
		return fmt.Errorf("%d: overrides: path: %w", node.Line, err)
	}
	o.glob = g
	if n := nodes.Value(node, "rules"); n != nil {
		f.list = f.settings(f.list, n, "overrides."+analysis.Clip(o.Path, maxValue)+".")
	}
	return p.levels(o.Rules, nodes.Value(node, "rules"))
}

// levels checks the rules and the severities of a map.
func (p *parser) levels(levels map[string]Level, node *yaml.Node) error {
	if node == nil {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, l := node.Content[i], node.Content[i+1]
		if err := p.rule(name.Value); err != nil {
			return fmt.Errorf("%d: %w", name.Line, err)
		}
		switch {
		case slices.Contains(Levels, l.Value):
		case l.Tag == "!!bool" && l.Value == "false": // "off" in YAML 1.1, and of those who think so
			levels[name.Value] = "off"
		default:
			return fmt.Errorf("%d: %q: %q: want %s", l.Line, name.Value, l.Value, analysis.Or(Levels))
		}
	}
	return nil
}

// rule checks that there is a rule or a check of that name.
func (p *parser) rule(name string) error {
	var names []string
	for _, a := range p.analyzers {
		names = append(names, a.Name)
		for _, r := range a.Rules {
			names = append(names, r.ID)
		}
	}
	if slices.Contains(names, name) {
		return nil
	}
	best := slices.MinFunc(names, func(a, b string) int { return Distance(name, a) - Distance(name, b) })
	if Distance(name, best) <= max(1, len(name)/3) {
		return fmt.Errorf("no rule or check %q: did you mean %q", name, best)
	}
	return fmt.Errorf("no rule or check %q: \"tare list\" shows them", name)
}

// ignore makes of an entry what findings are compared with.
func (p *parser) ignore(f *File, x *Ignore) (*ignore.Ignore, error) {
	g := &ignore.Ignore{Path: f.Path, Line: x.line, Names: x.Rule, Reason: x.Reason, Configured: true}
	for _, name := range x.Rule {
		if err := p.rule(name); err != nil {
			return nil, err
		}
	}
	for _, scope := range []struct {
		text string
		glob **ignore.Glob
	}{{x.Path, &g.File}, {x.Image, &g.Images}} {
		if scope.text == "" {
			continue
		}
		var err error
		if *scope.glob, err = ignore.NewGlob(scope.text, f.Dir); err != nil {
			return nil, err
		}
	}
	if _, err := path.Match(x.Package, ""); err != nil || len(x.Package) > maxPackage {
		return nil, fmt.Errorf("package: %q is no pattern of a package's name", x.Package)
	}
	g.Package = x.Package
	if x.Until != "" {
		var err error
		if g.Until, err = time.Parse(time.DateOnly, x.Until); err != nil {
			return nil, fmt.Errorf("until: %q is no day: want YYYY-MM-DD", x.Until)
		}
	}
	switch {
	case len(x.Rule) == 0:
		return nil, errors.New(`it names no rule: want "rule: RULE", or a list`)
	case strings.TrimSpace(x.Reason) == "":
		return nil, errors.New("it gives no reason: want \"reason: ...\", which says why")
	}
	return g, nil
}

func (p *parser) target(f *File, t *Target, node *yaml.Node, names map[string]bool) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%d: targets: %w", node.Line, fmt.Errorf(format, args...))
	}
	t.File, t.Line = f, node.Line
	switch {
	case t.Name == "":
		return fail("a target has no name: want \"name: ...\"")
	case names[t.Name]:
		return fail("two targets are called %q: give each a name of its own", t.Name)
	case outside(t.Dockerfile):
		return fail("%q: dockerfile: %q %s", t.Name, t.Dockerfile, leads)
	}
	names[t.Name] = true
	if t.Dockerfile == "" && t.Image == "" {
		t.Dockerfile = "Dockerfile"
	}
	if err := t.platforms(node); err != nil {
		return err
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i].Value; key != "name" && key != "settings" {
			t.here = f.settings(t.here, node.Content[i+1], key+".")
		}
	}
	if n := nodes.Value(node, "settings"); n != nil && n.Kind == yaml.MappingNode {
		t.Settings.File = &File{Path: f.Path, Dir: f.Dir}
		return p.parse(t.Settings.File, n, true)
	}
	return nil
}

// platforms checks those of a build.
func (b *Build) platforms(node *yaml.Node) error {
	for _, p := range b.Platforms {
		if os, arch, ok := strings.Cut(p, "/"); !ok || os == "" || arch == "" || strings.Count(p, "/") > 2 {
			return fmt.Errorf("%d: platforms: %q: want os/architecture[/variant], as in linux/arm64",
				nodes.Value(node, "platforms").Line, p)
		}
	}
	return nil
}
