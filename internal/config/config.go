// Package config reads the configuration: .tare.yaml, or [tool.tare] of pyproject.toml,
// of a directory and of those above it. A file says what is judged (targets), how it is
// judged (the settings of analyzers, which are theirs, and severities), and what is
// ignored. It is read strictly: an unknown key is an error with its line and a suggestion.
package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/ignore"
)

// A File is one file, as it is written.
type File struct {
	Path string `yaml:"-"` // as the report names it
	Dir  string `yaml:"-"` // the absolute path of its directory, which the paths in it are relative to

	Build `yaml:",inline"`

	Targets []Target `yaml:"targets"` // what else is judged at and below the file's directory
	Exclude []string `yaml:"exclude"` // patterns of Dockerfiles that a directory's name does not stand for

	Ignore    []Ignore         `yaml:"ignore"`    // findings that do not count
	Rules     map[string]Level `yaml:"rules"`     // severities of rules, or of all rules of a check
	Overrides []Override       `yaml:"overrides"` // severities for some paths
	FailOn    Threshold        `yaml:"fail-on"`   // the lowest severity that fails
	Strict    *bool            `yaml:"strict"`    // whether what could not be decided fails too
	Bases     []string         `yaml:"bases"`     // images that others stand on, "*" in a tag for any characters: where a base is not known

	sections []section // of analyzers
	list     []Setting // all but those of builds
	here     []Setting // of the build at the top
	excluded []*ignore.Glob
	ignores  []*ignore.Ignore
}

// A Build says how an image is built, and which it is. At the top of a file it is of the
// Dockerfile beside it.
type Build struct {
	Dockerfile string            `yaml:"dockerfile"` // relative to the file; default: the one beside it, or none for a target with an image
	Context    string            `yaml:"context"`    // the build context, relative to the file
	Stage      string            `yaml:"stage"`      // the stage that ships
	BuildArgs  map[string]string `yaml:"build-args"` // build arguments
	Contexts   map[string]string `yaml:"contexts"`   // named contexts: what stands for a stage or an image, such as docker-image://python:3.13
	Image      string            `yaml:"image"`      // the image that was built; oci: and archive paths are relative to the file
	Baseline   string            `yaml:"baseline"`   // an older image of the same, to compare with: see sizebudget-growth
	Platforms  []string          `yaml:"platforms"`  // the platforms to judge: os/architecture[/variant], or all that the image has
}

// A Target is an image that is built, or one that is there.
type Target struct {
	Name     string `yaml:"name"` // by which the command line and the report call it
	Build    `yaml:",inline"`
	Settings Settings `yaml:"settings"` // over those of the file, for this target alone

	File *File `yaml:"-"`
	Line int   `yaml:"-"`
	here []Setting
}

// Settings are the keys of a file that several targets may share; File is nil if there
// are none.
type Settings struct{ File *File }

// UnmarshalYAML implements yaml.Unmarshaler. They are read with the file's analyzers: see
// the parser.
func (s *Settings) UnmarshalYAML(*yaml.Node) error { return nil }

// An Override sets severities for what is found in some files.
type Override struct {
	Path  string           `yaml:"path"`  // a pattern, relative to the file
	Rules map[string]Level `yaml:"rules"` // severities of rules, or of all rules of a check

	glob *ignore.Glob
}

// An Ignore is one entry of what is ignored. All that it names must apply.
type Ignore struct {
	Rule    Words  `yaml:"rule"`    // a rule or a check, or a list of them
	Path    string `yaml:"path"`    // a pattern, relative to the file; of the Dockerfile where a finding is about the image
	Package string `yaml:"package"` // a pattern of the package's name
	Image   string `yaml:"image"`   // a pattern of the image's reference without its tag
	Until   string `yaml:"until"`   // the last day on which it counts: YYYY-MM-DD
	Reason  string `yaml:"reason"`  // why; required

	line int
}

// Words are a word or a list of words.
type Words []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (w *Words) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode((*[]string)(w))
	}
	*w = Words{node.Value}
	return nil
}

// A Level is a severity, or "off", or "on", which is the rule's own.
type Level string

// Levels are all of them.
var Levels = []string{"error", "warning", "note", "off", "on"}

// A Threshold is the lowest severity that fails, or "never"; "" is the default.
type Threshold string

// Thresholds are all of them.
var Thresholds = []string{"error", "warning", "note", "never"}

// A Setting is a key of a file that replaces a default.
type Setting struct {
	Path  string // of the file
	Key   string // with the keys above it: "sizebudget.download"
	Value string // as written, at most 80 bytes of it
	Line  int
}

// A section is the settings of one analyzer in a file.
type section struct {
	analyzer *analysis.Analyzer
	node     *yaml.Node
}

// Excludes reports whether the file leaves out the Dockerfile at name.
func (f *File) Excludes(name string) bool {
	for _, g := range f.excluded {
		if g.Path(name) {
			return true
		}
	}
	return false
}

// Here lists the keys of the build at the top of the file, as they are written.
func (f *File) Here() []Setting { return f.here }

// Here lists the keys of the target's build, as they are written.
func (t *Target) Here() []Setting { return t.here }

// A Named is a path that the file names, relative to it.
type Named struct {
	Path string
	Line int
}

// Dockerfiles are those that the file names, each once.
func (f *File) Dockerfiles() (names []Named) {
	add := func(path string, line int) {
		if path != "" && !slices.ContainsFunc(names, func(n Named) bool { return n.Path == path }) {
			names = append(names, Named{path, line})
		}
	}
	for _, s := range f.here {
		if s.Key == "dockerfile" {
			add(f.Dockerfile, s.Line)
		}
	}
	for _, t := range f.Targets {
		add(t.Dockerfile, t.Line)
	}
	return names
}

// Abs is a path of the file, absolute.
func (f *File) Abs(name string) string { return filepath.Join(f.Dir, filepath.FromSlash(name)) }

// ImageRef is the reference of a build's image as it can be opened from the current directory:
// the path of a layout or an archive is relative to the file.
func (f *File) ImageRef(image string) string {
	for _, prefix := range []string{"oci:", "oci-archive:", "docker-archive:"} {
		rest, ok := strings.CutPrefix(image, prefix)
		if !ok || filepath.IsAbs(rest) {
			continue
		}
		path := f.Abs(rest)
		if wd, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(wd, path); err == nil {
				path = rel
			}
		}
		return prefix + path
	}
	return image
}
