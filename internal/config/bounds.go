package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
)

// Limits of what a file may say in few bytes: an alias stands for all that its
// anchor holds, which may hold aliases again, and itself.
const (
	maxNodes  = 10_000 // keys, values and items, aliases written out
	maxDepth  = 20
	maxScalar = 1000 // bytes of a word: a report shows it
)

// bounds counts the nodes of a file as if its aliases were written out.
type bounds struct{ nodes int }

func (b *bounds) check(n *yaml.Node, depth int) error {
	if b.nodes--; b.nodes < 0 {
		return fmt.Errorf("%d: more than the limit of %d keys and values, aliases (*name) written out", n.Line, maxNodes)
	}
	if depth > maxDepth {
		return fmt.Errorf("%d: more than the limit of %d levels, or an alias (*name) that holds itself", n.Line, maxDepth)
	}
	if n.Kind == yaml.AliasNode {
		return b.check(n.Alias, depth+1)
	}
	if n.Tag == "!!binary" {
		return fmt.Errorf("%d: binary data: want text that a person reads", n.Line)
	}
	if len(n.Value) > maxScalar {
		return fmt.Errorf("%d: a value of %d bytes, more than the limit of %d", n.Line, len(n.Value), maxScalar)
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind != yaml.ScalarNode {
			return fmt.Errorf("%d: want a word for a key", child.Line) // an alias would be another word than it looks
		}
		if err := b.check(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// settings lists the values below node, whose keys begin with prefix, behind
// what is listed already. The caller has checked its bounds.
func settings(node *yaml.Node, prefix string, list []Setting) []Setting {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		value := written(node)
		if strings.Count(prefix, ".") > 1 || node.Kind != yaml.ScalarNode { // what is judged is named in full
			value = analysis.Clip(value, maxValue)
		}
		return append(list, Setting{strings.TrimSuffix(prefix, "."), value, node.Line})
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i].Value + "."
		if key == "<<." {
			key = ""
		}
		list = settings(node.Content[i+1], prefix+key, list)
	}
	return list
}

// maxValue is how many bytes of a value are shown.
const maxValue = 80

// written is a value as a person writes it on one line.
func written(n *yaml.Node) string {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	text := n.Value
	if n.Kind == yaml.SequenceNode {
		var items []string
		for _, item := range n.Content[:min(len(n.Content), maxValue)] {
			items = append(items, written(item))
		}
		text = "[" + strings.Join(items, ", ") + "]"
	}
	return redact.Credentials(text)
}
