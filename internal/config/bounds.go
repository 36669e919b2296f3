package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Limits of what a file may say in few bytes: an alias stands for all that its
// anchor holds, which may hold aliases again, and itself.
const (
	maxNodes = 10_000 // keys, values and items, aliases written out
	maxDepth = 20
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
	for _, child := range n.Content {
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
		return append(list, Setting{strings.TrimSuffix(prefix, "."), written(node), node.Line})
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
	return analysis.Clip(text, maxValue)
}
