// Package nodes reads YAML of strangers as nodes, which have lines: bounded, with aliases
// and merge keys written out.
package nodes

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of what a document may say in few bytes: an alias stands for all that its anchor
// holds, which may hold aliases again, and itself.
type Limits struct {
	Nodes  int // keys, values and items, aliases written out
	Depth  int
	Scalar int // bytes of a word
}

// Read reads the first document of data: nil if it is empty, else keys and values. Errors
// begin with the line.
func Read(data []byte, limits Limits) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		what, line := strings.TrimPrefix(err.Error(), "yaml: "), "1" // the library names no line where it is the first
		if rest, ok := strings.CutPrefix(what, "line "); ok {
			line, what, _ = strings.Cut(rest, ": ")
		}
		return nil, fmt.Errorf("%s: %s", line, what)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return Bounded(doc.Content[0], limits)
}

// Bounded is root with its aliases and merge keys written out. Errors begin with the line.
func Bounded(root *yaml.Node, limits Limits) (*yaml.Node, error) {
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%d: want keys and values", root.Line)
	}
	b := &bounds{limits, limits.Nodes}
	if err := b.check(root, 0); err != nil {
		return nil, err
	}
	return expand(root), nil
}

// Value is that of a key of a mapping; nil where it has none, or where n is nil or no
// mapping.
func Value(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// bounds counts the nodes of a document as if its aliases were written out.
type bounds struct {
	Limits
	left int
}

func (b *bounds) check(n *yaml.Node, depth int) error {
	if b.left--; b.left < 0 {
		return fmt.Errorf("%d: more than the limit of %d keys and values, aliases (*name) written out", n.Line, b.Nodes)
	}
	if depth > b.Depth {
		return fmt.Errorf("%d: more than the limit of %d levels, or an alias (*name) that holds itself", n.Line, b.Depth)
	}
	if n.Kind == yaml.AliasNode {
		return b.check(n.Alias, depth+1)
	}
	if n.Tag == "!!binary" {
		return fmt.Errorf("%d: binary data: want text that a person reads", n.Line)
	}
	if len(n.Value) > b.Scalar {
		return fmt.Errorf("%d: a value of %d bytes, more than the limit of %d", n.Line, len(n.Value), b.Scalar)
	}
	keys := map[string]bool{}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if child.Kind != yaml.ScalarNode {
				return fmt.Errorf("%d: want a word for a key", child.Line) // an alias would be another word than it looks
			}
			if keys[child.Value] && child.Value != "<<" {
				return fmt.Errorf("%d: %q is given twice", child.Line, child.Value)
			}
			keys[child.Value] = true
		}
		if err := b.check(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// expand writes out the aliases and the merge keys ("<<") of a node whose bounds were
// checked. What a mapping says itself counts before what is merged into it.
func expand(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	out := *n
	out.Anchor, out.Content = "", nil
	if n.Kind != yaml.MappingNode {
		for _, child := range n.Content {
			out.Content = append(out.Content, expand(child))
		}
		return &out
	}
	has := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		has[n.Content[i].Value] = true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], expand(n.Content[i+1])
		if key.Value != "<<" {
			out.Content = append(out.Content, key, value)
			continue
		}
		merged := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			merged = value.Content
		}
		for _, m := range merged {
			for i := 0; i+1 < len(m.Content) && m.Kind == yaml.MappingNode; i += 2 {
				if key := m.Content[i]; !has[key.Value] {
					out.Content = append(out.Content, key, m.Content[i+1])
					has[key.Value] = true
				}
			}
		}
	}
	return &out
}
