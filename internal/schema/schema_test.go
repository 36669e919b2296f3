// Package schema holds the test that keeps the JSON Schemas of the repository as the Go types are.
package schema

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/report"
)

var update = flag.Bool("update", false, "rewrite the schemas from the Go types")

const draft = "https://json-schema.org/draft/2020-12/schema"

// TestSchemas: the files are what the types say. Remake them with "make update".
func TestSchemas(t *testing.T) {
	for name, schema := range map[string]map[string]any{"config.json": configuration(t), "report.json": document(t)} {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(schema); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("..", "..", "schema", name)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, b.Bytes()) {
			t.Errorf("schema/%s is not what the Go types say (%v): make update", name, err)
		}
	}
}

// configuration is the schema of a .tare.yaml: the file's own keys, and a section for each
// check that has settings.
func configuration(t *testing.T) map[string]any {
	s := &schemas{t: t, tag: "yaml", defs: map[string]any{}, docs: map[string]string{}, strict: true}
	root := s.object(reflect.TypeFor[config.File]())
	root["$schema"], root["title"] = draft, "Tare's configuration: .tare.yaml, or [tool.tare] of pyproject.toml"
	shared := map[string]any{}
	properties := root["properties"].(map[string]any)
	own := s.object(reflect.TypeFor[config.Target]())["properties"].(map[string]any)
	for key, value := range properties {
		if own[key] == nil && key != "targets" && key != "exclude" {
			shared[key] = value
		}
	}
	for _, a := range analyzers.All {
		if a.Config != nil {
			section := s.object(reflect.TypeOf(a.Config))
			title, _, _ := strings.Cut(strings.TrimPrefix(a.Doc, "# "), "\n")
			section["description"] = title + "\n" + report.Pages + a.Name + "/README.md"
			s.defs["check-"+a.Name] = section
			properties[a.Name] = ref("check-" + a.Name)
			shared[a.Name] = ref("check-" + a.Name)
		}
	}
	s.defs["Settings"] = map[string]any{"type": "object", "additionalProperties": false, "properties": shared}
	var rules []string
	for _, a := range analyzers.All {
		rules = append(rules, a.Name)
		for _, r := range a.Rules {
			rules = append(rules, r.ID)
		}
	}
	s.defs["Rule"] = map[string]any{"enum": rules}
	s.defs["Levels"] = map[string]any{
		"type": "object", "propertyNames": ref("Rule"), "additionalProperties": map[string]any{"enum": append(append([]any{}, words(config.Levels)...), false)},
	}
	for name, required := range map[string][]string{"Ignore": {"rule", "reason"}, "Target": {"name"}, "Override": {"path", "rules"}} {
		def := s.defs[name].(map[string]any)
		def["required"], def["type"] = required, "object"
	}
	root["$defs"] = s.defs
	return root
}

// document is the schema of a JSON report.
func document(t *testing.T) map[string]any {
	s := &schemas{t: t, tag: "json", defs: map[string]any{}, docs: map[string]string{}}
	root := s.object(reflect.TypeFor[report.Document]())
	root["$schema"], root["title"], root["$defs"] = draft, "A JSON report of Tare", s.defs
	root["properties"].(map[string]any)["version"] = map[string]any{"const": report.Version}
	return root
}

// schemas makes the schemas of types. Descriptions are the comments of fields.
type schemas struct {
	t      *testing.T
	tag    string // whose names fields have
	defs   map[string]any
	docs   map[string]string // comments, by package path, type and field
	read   map[string]bool   // packages whose comments were read
	strict bool              // no other keys, and null for any value
}

func ref(name string) map[string]any { return map[string]any{"$ref": "#/$defs/" + name} }

func words(list []string) (out []any) {
	for _, w := range list {
		out = append(out, w)
	}
	return out
}

func (s *schemas) of(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[analysis.Bytes]():
		if s.tag == "yaml" {
			return map[string]any{"type": "string", "pattern": `^\s*[0-9.]+\s*([kKmMgGtT]([iI]?[bB])?|[bB])\s*$`, "examples": []string{"100 MB"}}
		}
	case reflect.TypeFor[analysis.Allowance]():
		return map[string]any{"type": "string", "pattern": `^\s*[0-9.]+\s*(%|[kKmMgGtT]([iI]?[bB])?|[bB])\s*$`, "examples": []string{"5%", "20 MB"}}
	case reflect.TypeFor[config.Words]():
		return map[string]any{"oneOf": []any{ref("Rule"), map[string]any{"type": "array", "items": ref("Rule")}}}
	case reflect.TypeFor[config.Settings]():
		return ref("Settings")
	case reflect.TypeFor[map[string]config.Level]():
		return ref("Levels")
	case reflect.TypeFor[config.Threshold]():
		return map[string]any{"enum": words(config.Thresholds)}
	case reflect.TypeFor[analysis.Severity]():
		return map[string]any{"enum": []any{"error", "warning", "note"}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		if s.strict {
			return s.of(t.Elem())
		}
		return map[string]any{"oneOf": []any{s.of(t.Elem()), map[string]any{"type": "null"}}}
	case reflect.Struct:
		if s.defs[t.Name()] == nil {
			s.defs[t.Name()] = map[string]any{} // one that holds itself
			s.defs[t.Name()] = s.object(t)
		}
		return ref(t.Name())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.String:
		if s.strict { // of YAML: what looks like a number is taken as it is written
			return map[string]any{"type": []string{"string", "number", "boolean"}}
		}
		return map[string]any{"type": "string"}
	}
	s.t.Fatalf("a %v has no schema", t)
	return nil
}

// object is the schema of a struct.
func (s *schemas) object(t reflect.Type) map[string]any {
	s.comments(t.PkgPath())
	properties := map[string]any{}
	required := []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get(s.tag), ",")
		switch {
		case options == "inline" || f.Anonymous:
			inner := s.object(f.Type)
			for k, v := range inner["properties"].(map[string]any) {
				properties[k] = v
			}
			if r, ok := inner["required"].([]string); ok {
				required = append(required, r...)
			}
			continue
		case name == "" || name == "-":
			continue
		}
		p := s.of(f.Type)
		if doc := s.docs[t.PkgPath()+"."+t.Name()+"."+f.Name]; doc != "" {
			p["description"] = doc
		}
		properties[name] = p
		if s.tag == "json" && options == "" {
			required = append(required, name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	if s.strict {
		out["additionalProperties"] = false
		out["type"] = []string{"object", "null"}
	}
	return out
}

// comments reads those of the fields of a package of this module.
func (s *schemas) comments(pkg string) {
	rel, ok := strings.CutPrefix(pkg, "github.com/tareweight/tare/")
	if !ok || s.read[pkg] {
		return
	}
	if s.read == nil {
		s.read = map[string]bool{}
	}
	s.read[pkg] = true
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(rel), "*.go"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			s.t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			st, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range st.Fields.List {
				text := f.Comment.Text()
				if text == "" {
					text = f.Doc.Text()
				}
				for _, id := range f.Names {
					s.docs[pkg+"."+spec.Name.Name+"."+id.Name] = strings.Join(strings.Fields(text), " ")
				}
			}
			return true
		})
	}
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "schema", name))
	if err != nil {
		t.Fatal(err)
	}
	s, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestConfiguration: what the reader takes, the schema takes, and what it refuses for its
// keys and values, the schema does too.
func TestConfiguration(t *testing.T) {
	schema := compile(t, "config.json")
	mono, err := os.ReadFile("../../testdata/monorepo/.tare.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		string(mono): true, "image: a\nstage: 7\n": true, "sizebudget:\n": true, "sizebudget: {download: 1.5 GB, path: {usr: 64MiB}}": true,
		"rules: {slimbase: off, waste-cache: error}": true, "ignore: [{rule: [waste, slimbase], reason: why, until: 2027-01-31}]": true,
		"targets: [{name: a, image: b, settings: {pinned: {hashes: true}, rules: {waste: note}}}]": true,
		"overrides: [{path: a, rules: {waste: on}}]":                                               true, "fail-on: never\nstrict: true": true, "exclude: [a]": true,
		"budget: 1": false, "sizebudget: {downlod: 1 MB}": false, "sizebudget: {download: big}": false, "fail-on: warn": false,
		"rules: {nope: off}": false, "rules: {waste: info}": false, "ignore: [{rule: nope, reason: x}]": false, "strict: maybe": false,
		"ignore: [{rule: waste}]": false, "ignore: [{reason: why}]": false, "targets: [{image: b}]": false, "overrides: [{rules: {waste: off}}]": false,
		"targets: [{name: a, image: b, settings: {image: c}}]": false, "exclude: a": false, "pinned: {hashes: 7}": false, "platforms: linux": false,
	} {
		_, err := config.Parse("x.yaml", []byte(text), analyzers.All)
		var doc any
		if e := yaml.Unmarshal([]byte(text), &doc); e != nil {
			t.Fatal(e)
		}
		raw, e := json.Marshal(doc)
		if e != nil {
			t.Fatal(e)
		}
		v, e := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if e != nil {
			t.Fatal(e)
		}
		invalid := schema.Validate(v)
		if (err == nil) != want || (invalid == nil) != want {
			t.Errorf("%q: the reader says %v, the schema %v", text, err, invalid)
		}
	}
}

// TestReport: a report is of its schema, and one that lacks a field is not.
func TestReport(t *testing.T) {
	schema := compile(t, "report.json")
	d := report.New(report.Tool{Name: "tare", Version: "v1"}, "2026-01-01", analyzers.All, func(*analysis.Rule) bool { return true })
	size := int64(7)
	d.Targets = []report.Target{{
		Name: "t", Configuration: report.Configuration{Files: []string{"a"}, Settings: []report.Setting{{Key: "k"}}},
		Dockerfile: &report.Dockerfile{Stages: []report.Stage{{}}},
		Image:      &report.Image{Layers: []report.Layer{{UnpackedBytes: &size, Instructions: []report.Lines{{}}}}, Packages: []report.Package{{}}, Tree: []report.Dir{{}}, Files: []report.File{{}}},
		Findings:   []report.Finding{{Severity: "error", Bytes: &report.Bytes{}, Measured: &size, Related: []report.Related{{}}, Fixes: []report.Fix{{Edits: []report.Edit{{}}}}}},
		Ignored:    []report.Ignored{{Finding: report.Finding{Severity: "note", Related: []report.Related{}, Fixes: []report.Fix{}}}}, NotRun: []report.NotRun{{}}, Errors: []string{"x"}, Remarks: []string{},
	}}
	var b bytes.Buffer
	if err := report.JSON(&b, d, report.Options{}); err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	if err := valid(b.String()); err != nil {
		t.Error(err)
	}
	for _, field := range []string{"fingerprint", "notRun", "diffID", "tool", "failOn"} {
		if text := strings.Replace(b.String(), `"`+field+`"`, `"other"`, 1); text == b.String() || valid(text) == nil {
			t.Errorf("a report without %q is valid", field)
		}
	}
}
