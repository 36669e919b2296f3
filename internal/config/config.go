// Package config reads .tare.yaml: targets, and the settings of analyzers,
// which are theirs. It is read strictly: an unknown key is an error with its
// line and a suggestion.
package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/checkout"
)

// Names are the names of the file, the first that is there counts.
var Names = []string{".tare.yaml", ".tare.yml"}

// MaxSize is how many bytes the file may have.
const MaxSize = 1 << 20

// A Config is the settings of a run.
type Config struct {
	Path       string         // of the file; "" if there is none
	Image      string         `yaml:"image"`      // the image to judge with the Dockerfile; oci: and archive paths are relative to the file
	Dockerfile string         `yaml:"dockerfile"` // relative to the file
	Context    string         `yaml:"context"`    // the build context, relative to the file
	Stage      string         `yaml:"stage"`      // the stage that ships
	Analyzers  map[string]any `yaml:"-"`          // settings by analyzer
	Settings   []Setting      `yaml:"-"`          // what the file sets, in its order
}

// A Setting is a key of the file that replaces a default.
type Setting struct {
	Key   string // with the keys above it: "sizebudget.download"
	Value string // as written, at most 80 bytes of it
	Line  int
}

// Find looks for the file in dir and the directories above it, up to the root
// of the repository. It returns "" if there is none.
func Find(root *checkout.Root, dir string) string {
	for _, p := range Candidates(root, dir) {
		if root.IsRegular(p) {
			return p
		}
	}
	return ""
}

// Candidates are the paths where the file of dir may be, in the order in which
// they count: those in dir first, those in the root of the repository last.
func Candidates(root *checkout.Root, dir string) (paths []string) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	for {
		if _, err := root.Rel(dir); err != nil {
			return paths
		}
		for _, name := range Names {
			paths = append(paths, filepath.Join(dir, name))
		}
		if _, err := root.Stat(filepath.Join(dir, ".git")); err == nil {
			return paths
		}
		dir = filepath.Dir(dir)
	}
}

// Load reads the file at path, which is below root, with a section for each of
// analyzers. A path of "" is no file: every setting has its default.
func Load(root *checkout.Root, path string, analyzers []*analysis.Analyzer) (*Config, error) {
	if path == "" {
		return &Config{Analyzers: map[string]any{}}, nil
	}
	data, err := root.ReadFile(path, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("read configuration %q: %w", path, err)
	}
	return Parse(path, data, analyzers)
}

// Parse reads data as the file at path.
func Parse(path string, data []byte, analyzers []*analysis.Analyzer) (*Config, error) {
	c := &Config{Path: path, Analyzers: map[string]any{}}
	if err := c.parse(data, analyzers); err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return c, nil
}

// parse decodes the file. Errors begin with the line.
func (c *Config) parse(data []byte, analyzers []*analysis.Analyzer) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		what, line := strings.TrimPrefix(err.Error(), "yaml: "), "1" // the library names no line where it is the first
		if rest, ok := strings.CutPrefix(what, "line "); ok {
			line, what, _ = strings.Cut(rest, ": ")
		}
		return fmt.Errorf("%s: %s", line, what)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%d: want keys and values", root.Line)
	}
	if err := (&bounds{nodes: maxNodes}).check(root, 0); err != nil {
		return err
	}
	c.Settings = settings(root, "", nil)
	known := fields(reflect.TypeFor[Config]())
	sections := map[string]*analysis.Analyzer{}
	for _, a := range analyzers {
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
		a := sections[key.Value]
		if a == nil {
			own.Content = append(own.Content, key, value)
			continue
		}
		v := reflect.New(reflect.TypeOf(a.Config))
		v.Elem().Set(reflect.ValueOf(a.Config))
		if err := decode(key.Value, value, v); err != nil {
			return err
		}
		c.Analyzers[a.Name] = v.Elem().Interface()
	}
	return decode("", own, reflect.ValueOf(c))
}

// decode decodes the node of a key strictly into the struct that v points to.
func decode(key string, node *yaml.Node, v reflect.Value) error {
	if err := strict(key, node, v.Type().Elem()); err != nil {
		return err
	}
	if err := node.Decode(v.Interface()); err != nil {
		var te *yaml.TypeError
		if errors.As(err, &te) {
			return fmt.Errorf("%s", strings.TrimPrefix(te.Errors[0], "line "))
		}
		return fmt.Errorf("%d: %w", node.Line, err)
	}
	return nil
}

// strict checks that the node of a key has the shape of t, and that every key
// of it is a field.
func strict(key string, node *yaml.Node, t reflect.Type) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Tag == "!!null" {
		return nil // the defaults
	}
	kind, want := yaml.ScalarNode, "one value"
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		kind, want = yaml.MappingNode, "keys and values"
	case reflect.Slice:
		kind, want = yaml.SequenceNode, "a list"
	}
	if t.Kind() == reflect.Bool && node.Tag != "!!bool" {
		return fmt.Errorf("%d: %q: want true or false", node.Line, key)
	}
	if node.Kind != kind {
		return fmt.Errorf("%d: %q: want %s", node.Line, key, want)
	}
	known := fields(t)
	for i, child := range node.Content {
		name, ct := key, t
		switch t.Kind() {
		case reflect.Slice:
			ct = t.Elem()
		default:
			if i%2 == 0 {
				continue
			}
			k := node.Content[i-1]
			name = k.Value
			if name == "<<" { // YAML's merge key: more of the same
				break
			}
			if t.Kind() == reflect.Map {
				ct = t.Elem()
			} else if ct = known[name]; ct == nil {
				return unknown(k, known)
			}
		}
		if err := strict(name, child, ct); err != nil {
			return err
		}
	}
	return nil
}

// fields are the keys of a struct, by their yaml tags; of another type none.
func fields(t reflect.Type) map[string]reflect.Type {
	m := map[string]reflect.Type{}
	if t.Kind() != reflect.Struct {
		return m
	}
	for f := range structFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
			m[name] = f.Type
		}
	}
	return m
}

func structFields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func unknown(key *yaml.Node, known map[string]reflect.Type) error {
	best, distance := "", 4
	names := slices.Sorted(maps.Keys(known))
	for _, name := range names {
		if strings.Contains(name, key.Value) && len(key.Value) > 2 { // the end of a longer word
			best = name
			break
		}
		if d := Distance(key.Value, name); d < distance {
			best, distance = name, d
		}
	}
	if best != "" {
		return fmt.Errorf("%d: unknown key %q: did you mean %q", key.Line, key.Value, best)
	}
	return fmt.Errorf("%d: unknown key %q: want one of %s", key.Line, key.Value, strings.Join(names, ", "))
}

// Distance is the number of letters to change, add or leave out to make b of
// a (Levenshtein).
func Distance(a, b string) int { return levenshtein.Distance(a, b, nil) }

// ImageRef is Image as it can be opened from the current directory: the path
// of a layout or an archive is relative to the configuration file.
func (c *Config) ImageRef() string {
	for _, prefix := range []string{"oci:", "oci-archive:", "docker-archive:"} {
		if rest, ok := strings.CutPrefix(c.Image, prefix); ok && !filepath.IsAbs(rest) {
			return prefix + filepath.Join(filepath.Dir(c.Path), rest)
		}
	}
	return c.Image
}
