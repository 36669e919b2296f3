package projects

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A bakeFile is what "docker buildx bake --print" prints: variables are evaluated, groups
// and matrices written out.
type bakeFile struct {
	Target targets `json:"target"`
}

type bakeTarget struct {
	Context    string             `json:"context"`
	Dockerfile string             `json:"dockerfile"`
	Inline     string             `json:"dockerfile-inline"`
	Target     string             `json:"target"`
	Args       map[string]*string `json:"args"` // null is taken from the environment
	Platforms  []string           `json:"platforms"`
	Contexts   map[string]string  `json:"contexts"`
	Tags       []string           `json:"tags"`
}

// targets are those of the file, in its order.
type targets struct {
	names []string
	byOf  map[string]bakeTarget
}

// UnmarshalJSON implements json.Unmarshaler: a map has no order.
func (t *targets) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &t.byOf); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return err
		}
		if name, ok := key.(string); ok && !seen[name] {
			seen[name] = true
			t.names = append(t.names, name)
		}
	}
	return nil
}

// IsBake reports whether text is what bake prints.
func IsBake(text []byte) bool {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] != '{' {
		return false
	}
	var file struct {
		Target map[string]json.RawMessage `json:"target"`
	}
	return json.Unmarshal(text, &file) == nil && len(file.Target) > 0
}

// ParseBake reads text, which bake printed in the directory dir.
func ParseBake(name, dir string, text []byte) (*Project, error) {
	var file bakeFile
	if err := json.Unmarshal(bytes.TrimSpace(text), &file); err != nil {
		return nil, fmt.Errorf("read %q as bake's JSON: %w", name, err)
	}
	p, same := &Project{Files: []string{name}}, map[string][]string{}
	var away []string
	for _, n := range file.Target.names {
		t := file.Target.byOf[n]
		if remote(t.Context) {
			away = append(away, n)
			continue
		}
		b := Build{Name: n, Stage: t.Target, Args: map[string]string{}, Platforms: t.Platforms, Contexts: t.Contexts, Images: t.Tags}
		if t.Inline != "" {
			b.Inline = []byte(t.Inline)
		}
		for k, v := range t.Args {
			if v != nil {
				b.Args[k] = *v
			}
		}
		place(&b, dir, t.Context, t.Dockerfile)
		if err := p.add(b, same); err != nil {
			return nil, fmt.Errorf("read %q: %w", name, err)
		}
	}
	p.alike(same)
	p.left(away, "the build context is not of this machine")
	return p, nil
}
