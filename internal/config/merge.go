package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/ignore"
)

// A Config is what several files say together: the settings in force for a target.
type Config struct {
	Files     []*File        // the outermost first
	Analyzers map[string]any // settings by analyzer, of those that a file has a section for
	FailOn    Threshold      // "" is the default
	Strict    bool
	Bases     []string // references that a base is looked for among
	Ignores   []*ignore.Ignore
	Settings  []Setting // what the files set: each key once, as it is in force
}

// Merge puts files together, the outermost first. A nearer file adds to the others key by
// key: of a key that two have, its value counts. A list is one value; but the entries of
// "ignore" and "overrides" of all files count.
func Merge(files ...*File) *Config {
	c := &Config{Analyzers: map[string]any{}}
	sections := map[string]*yaml.Node{}
	at := map[string]int{} // in Settings, by key
	for _, f := range files {
		if f == nil {
			continue
		}
		c.Files = append(c.Files, f)
		for _, s := range f.sections {
			merged := mergeNodes(sections[s.analyzer.Name], s.node)
			sections[s.analyzer.Name] = merged
			v := reflect.New(reflect.TypeOf(s.analyzer.Config))
			v.Elem().Set(reflect.ValueOf(s.analyzer.Config))
			if err := merged.Decode(v.Interface()); err == nil { // each part of it was decoded before
				c.Analyzers[s.analyzer.Name] = v.Elem().Interface()
			}
		}
		c.Ignores = append(c.Ignores, f.ignores...)
		if f.FailOn != "" {
			c.FailOn = f.FailOn
		}
		if f.Strict != nil {
			c.Strict = *f.Strict
		}
		if f.Bases != nil {
			c.Bases = f.Bases
		}
		for _, s := range f.list {
			key := s.Key
			if strings.HasPrefix(key, "overrides.") || strings.HasPrefix(key, "exclude") { // those of each file count
				key = fmt.Sprint(key, "\x00", s.Path, "\x00", s.Line)
			}
			if i, ok := at[key]; ok {
				c.Settings[i] = s
				continue
			}
			at[key] = len(c.Settings)
			c.Settings = append(c.Settings, s)
		}
	}
	return c
}

// mergeNodes is what far and near say together; neither is changed.
func mergeNodes(far, near *yaml.Node) *yaml.Node {
	switch {
	case far == nil:
		return near
	case near.Tag == "!!null":
		return far
	case far.Kind != yaml.MappingNode || near.Kind != yaml.MappingNode:
		return near
	}
	out := *far
	out.Content = slices.Clone(far.Content)
next:
	for i := 0; i+1 < len(near.Content); i += 2 {
		for j := 0; j+1 < len(out.Content); j += 2 {
			if out.Content[j].Value == near.Content[i].Value {
				out.Content[j+1] = mergeNodes(out.Content[j+1], near.Content[i+1])
				continue next
			}
		}
		out.Content = append(out.Content, near.Content[i], near.Content[i+1])
	}
	return &out
}

// Level is what the files say of a rule for what is found in the file at path: the nearest file
// that says something counts, and in it the last override that names the path before "rules"; of
// each, the rule's own name before that of its check. It is "" where they say nothing.
func (c *Config) Level(rule *analysis.Rule, check, path string) Level {
	for _, f := range slices.Backward(c.Files) {
		for _, o := range slices.Backward(f.Overrides) {
			if path == "" || !o.glob.Path(path) {
				continue
			}
			if l := level(o.Rules, rule, check); l != "" {
				return l
			}
		}
		if l := level(f.Rules, rule, check); l != "" {
			return l
		}
	}
	return ""
}

// Off reports whether a rule is off for all that a target has: nothing needs to be looked at
// for it. One that an override turns on for some files is not.
func (c *Config) Off(rule *analysis.Rule, check string) bool {
	for _, f := range c.Files {
		for _, o := range f.Overrides {
			if l := level(o.Rules, rule, check); l != "" && l != "off" {
				return false
			}
		}
	}
	return c.Level(rule, check, "") == "off"
}

func level(levels map[string]Level, rule *analysis.Rule, check string) Level {
	if l, ok := levels[rule.ID]; ok {
		return l
	}
	return levels[check]
}
