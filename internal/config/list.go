package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
)

// settings lists the values below node, whose keys begin with prefix, behind
// what is listed already.
func (f *File) settings(list []Setting, node *yaml.Node, prefix string) []Setting {
	if node.Tag == "!!null" {
		return list // it sets nothing
	}
	if node.Kind != yaml.MappingNode {
		value := written(node)
		if strings.Count(prefix, ".") > 1 || node.Kind != yaml.ScalarNode { // what is judged is named in full
			value = analysis.Clip(value, maxValue)
		}
		return append(list, Setting{f.Path, strings.TrimSuffix(prefix, "."), value, node.Line})
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		list = f.settings(list, node.Content[i+1], prefix+node.Content[i].Value+".")
	}
	return list
}

// maxValue is how many bytes of a value are shown.
const maxValue = 80

// written is a value as a person writes it on one line.
func written(n *yaml.Node) string {
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

// Defaults lists the settings of an analyzer that has them, as they are without a file: of
// a key whose default depends on something, its tag "default" says it.
func Defaults(a *analysis.Analyzer) (list []Setting) {
	if a.Config == nil {
		return nil
	}
	v := reflect.ValueOf(a.Config)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		text := v.Type().Field(i).Tag.Get("default")
		if text == "" && v.Field(i).IsZero() && v.Field(i).Kind() != reflect.Bool {
			text = "none"
		}
		if text == "" {
			text = fmt.Sprint(v.Field(i).Interface())
		}
		list = append(list, Setting{Key: a.Name + "." + name, Value: text})
	}
	return list
}
