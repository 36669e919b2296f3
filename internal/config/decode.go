package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"go.yaml.in/yaml/v3"
)

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
	if node.Tag == "!!null" && node.Kind == yaml.ScalarNode {
		return nil // the defaults
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind, want := yaml.ScalarNode, "one value"
	switch k := t.Kind(); {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()): // it is written as a word
	case k == reflect.Struct, k == reflect.Map:
		kind, want = yaml.MappingNode, "keys and values"
	case k == reflect.Slice:
		kind, want = yaml.SequenceNode, "a list"
	}
	if t.Kind() == reflect.Bool && node.Tag != "!!bool" {
		return fmt.Errorf("%d: %q: want true or false", node.Line, key)
	}
	if t == reflect.TypeFor[Words]() && node.Kind == yaml.ScalarNode {
		return nil
	}
	if node.Kind != kind {
		return fmt.Errorf("%d: %q: want %s", node.Line, key, want)
	}
	if t == reflect.TypeFor[Settings]() {
		return nil // they are read as a file is
	}
	known := fields(t)
	for i, child := range node.Content {
		name, ct := key, t
		switch t.Kind() {
		case reflect.Slice:
			if ct = t.Elem(); child.Tag == "!!null" { // the decoder would leave it out, and count the others anew
				return fmt.Errorf("%d: %q: an item that is empty", child.Line, key)
			}
		default:
			if i%2 == 0 {
				continue
			}
			k := node.Content[i-1]
			name = k.Value
			if t.Kind() == reflect.Map {
				if word, ok := reflect.New(t.Key()).Interface().(encoding.TextUnmarshaler); ok {
					if err := word.UnmarshalText([]byte(name)); err != nil {
						return fmt.Errorf("%d: %q: %w", k.Line, key, err)
					}
				}
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
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			maps.Copy(m, fields(f.Type))
		case name != "" && name != "-":
			m[name] = f.Type
		}
	}
	return m
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
