package config

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/internal/nodes"
)

// table reads one table of a TOML document as a YAML mapping, so that it is judged as
// any other file is: nil if the document does not have it. Errors begin with the line.
func table(data []byte, path ...string) (*yaml.Node, error) {
	var all map[string]any
	if err := toml.Unmarshal(data, &all); err != nil { // what is no TOML, a key given twice
		line := 1
		var de *toml.DecodeError
		if errors.As(err, &de) {
			line, _ = de.Position()
		}
		return nil, fmt.Errorf("%d: %w", line, err)
	}
	t := &tables{data: data, path: path}
	t.parser.Reset(data)
	root := &yaml.Node{Kind: yaml.MappingNode, Line: 1}
	at := root
	for t.parser.NextExpression() && t.count <= limits.Nodes {
		e := t.parser.Expression()
		switch {
		case e.Kind == unstable.Table || e.Kind == unstable.ArrayTable:
			if at = nil; t.wanted(e.Key()) {
				at = t.below(root, e.Key(), e.Kind == unstable.ArrayTable)
			}
		case e.Kind == unstable.KeyValue && at != nil && (at != root || t.wanted(e.Key())):
			t.set(at, e)
		}
	}
	for _, key := range path {
		if root = nodes.Value(root, key); root == nil || root.Kind != yaml.MappingNode {
			return nil, t.parser.Error()
		}
	}
	if t.count > limits.Nodes {
		return nil, fmt.Errorf("%d: more than the limit of %d keys and values", root.Line, limits.Nodes)
	}
	return root, t.parser.Error()
}

// tables turns the expressions of a document, which is known to be right, into nodes.
type tables struct {
	parser unstable.Parser
	data   []byte
	path   []string // of the table that is wanted: others are not read
	count  int      // keys that were read
	offset int      // line is that of this byte
	line   int
}

// at is the line of a node that stands in the text.
func (t *tables) at(n *unstable.Node) int {
	offset := int(n.Raw.Offset)
	if n.Raw.Length == 0 {
		return t.line + 1
	}
	if offset < t.offset {
		t.offset, t.line = 0, 0
	}
	t.line += bytes.Count(t.data[t.offset:offset], []byte("\n"))
	t.offset = offset
	return t.line + 1
}

// wanted reports whether a key leads to the table, or into it.
func (t *tables) wanted(key unstable.Iterator) bool {
	for _, part := range t.path {
		if !key.Next() {
			return true
		}
		if string(key.Node().Data) != part {
			return false
		}
	}
	return true
}

// below is the mapping that a key names below another; another says that it is the next
// one of a list.
func (t *tables) below(n *yaml.Node, key unstable.Iterator, another bool) *yaml.Node {
	for key.Next() {
		k := key.Node()
		next := nodes.Value(n, string(k.Data))
		list := another && key.IsLast()
		if next == nil {
			next = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: t.at(k)}
			if list {
				next.Kind, next.Tag = yaml.SequenceNode, "!!seq"
			}
			t.put(n, k, next)
		}
		if list {
			next.Content = append(next.Content, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: t.at(k)})
		}
		if next.Kind == yaml.SequenceNode && len(next.Content) > 0 { // its last table
			next = next.Content[len(next.Content)-1]
		}
		n = next
	}
	return n
}

func (t *tables) put(n *yaml.Node, key *unstable.Node, v *yaml.Node) {
	t.count++
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(key.Data), Line: t.at(key)}, v)
}

// set sets a key, which may have dots, of a mapping.
func (t *tables) set(n *yaml.Node, e *unstable.Node) {
	key := e.Key()
	for key.Next() {
		k := key.Node()
		if key.IsLast() {
			line := t.at(k)
			t.put(n, k, t.value(e.Value(), line))
			return
		}
		next := nodes.Value(n, string(k.Data))
		if next == nil {
			next = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: t.at(k)}
			t.put(n, k, next)
		}
		n = next
	}
}

// value is a value; line is that of its key.
func (t *tables) value(v *unstable.Node, line int) *yaml.Node {
	out := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(v.Data), Line: line}
	switch v.Kind {
	case unstable.Bool:
		out.Tag = "!!bool"
	case unstable.Integer:
		out.Tag = "!!int"
	case unstable.Float:
		out.Tag = "!!float"
	case unstable.Array:
		out.Kind, out.Tag, out.Value = yaml.SequenceNode, "!!seq", ""
		for it := v.Children(); it.Next(); {
			out.Content = append(out.Content, t.value(it.Node(), line))
		}
	case unstable.InlineTable:
		out.Kind, out.Tag, out.Value = yaml.MappingNode, "!!map", ""
		for it := v.Children(); it.Next(); {
			t.set(out, it.Node())
		}
	}
	return out
}
