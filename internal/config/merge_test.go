package config_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/sizebudget"
	"github.com/tareweight/tare/internal/config"
)

func parse(t *testing.T, path, text string) *config.File {
	t.Helper()
	f, err := config.Parse(path, []byte(text), analyzers.All)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestMerged: a nearer file adds to the outer ones key by key, and each value says where
// it comes from.
func TestMerged(t *testing.T) {
	outer := parse(t, ".tare.yaml", "sizebudget:\n  download: 100 MB\n  path: {usr: 1 GB, opt: 2 GB}\nrules: {slimbase: note, waste: off}\nfail-on: error\nstrict: true\n")
	near := parse(t, "svc/.tare.yaml", "sizebudget:\n  path: {opt: 3 GB}\n  layer: 50 MB\nrules: {waste: warning}\nfail-on: note\n")
	c := config.Merge(outer, nil, near)
	want := sizebudget.Analyzer.Config.(sizebudget.Config)
	want.Download, want.Layer = 100e6, 50e6
	want.Path = map[sizebudget.Glob]analysis.Bytes{"usr": 1e9, "opt": 3e9}
	if got := c.Analyzers["sizebudget"]; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if c.FailOn != "note" || !c.Strict || len(c.Files) != 2 {
		t.Errorf("%+v", c)
	}
	var list []string
	for _, s := range c.Settings {
		list = append(list, fmt.Sprintf("%s:%d %s %s", s.Path, s.Line, s.Key, s.Value))
	}
	if got, want := strings.Join(list, "; "), ".tare.yaml:2 sizebudget.download 100 MB; .tare.yaml:3 sizebudget.path.usr 1 GB; svc/.tare.yaml:2 sizebudget.path.opt 3 GB; "+
		".tare.yaml:4 rules.slimbase note; svc/.tare.yaml:4 rules.waste warning; svc/.tare.yaml:5 fail-on note; .tare.yaml:6 strict true; svc/.tare.yaml:3 sizebudget.layer 50 MB"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if alone := config.Merge(outer); alone.Analyzers["sizebudget"].(sizebudget.Config).Path["opt"] != 2e9 {
		t.Error("the outer file is changed by the nearer one")
	}
	if c := config.Merge(near, parse(t, "x.yaml", "strict: false\nsizebudget: ~\n")); c.Strict || c.Analyzers["sizebudget"].(sizebudget.Config).Layer != 50e6 {
		t.Errorf("%+v", c)
	}
}

// TestLevel: the last override that names a file counts, then the nearest of "rules"; a rule's
// own name before that of its check.
func TestLevel(t *testing.T) {
	outer := parse(t, ".tare.yaml", "rules: {slimbase: off, slimbase-full: error, waste-cache: on}\noverrides:\n  - path: legacy/**\n    rules: {slimbase-full: note, waste: off}\n")
	near := parse(t, "legacy/.tare.yaml", "rules: {slimbase-eol: warning}\noverrides:\n  - {path: special, rules: {slimbase-full: off}}\n")
	c := config.Merge(outer, near)
	for _, test := range []struct{ rule, check, path, want string }{
		{"slimbase-full", "slimbase", "Dockerfile", "error"}, {"slimbase-floating", "slimbase", "Dockerfile", "off"},
		{"slimbase-eol", "slimbase", "Dockerfile", "warning"}, {"waste-cache", "waste", "Dockerfile", "on"}, {"pinned-inline", "pinned", "Dockerfile", ""},
		{"slimbase-full", "slimbase", "legacy/a/Dockerfile", "note"}, {"waste-cache", "waste", "legacy/Dockerfile", "off"},
		{"slimbase-full", "slimbase", "legacy/special/Dockerfile", "off"}, {"slimbase-floating", "slimbase", "legacy/special/Dockerfile", "off"},
		{"slimbase-full", "slimbase", "special/Dockerfile", "error"}, {"waste-cache", "waste", "", "on"},
	} {
		if got := c.Level(&analysis.Rule{ID: test.rule}, test.check, test.path); string(got) != test.want {
			t.Errorf("%s in %q: %q, want %q", test.rule, test.path, got, test.want)
		}
	}
}

// TestOff: a rule that some override turns on is off in some files alone.
func TestOff(t *testing.T) {
	x := &analysis.Rule{ID: "waste-cache"}
	for text, want := range map[string]bool{
		"": false, "rules: {waste: off}": true, "rules: {waste-cache: off}": true, "rules: {waste: off, waste-cache: note}": false,
		"rules: {waste: off}\noverrides: [{path: a, rules: {waste: on}}]": false, "rules: {waste: off}\noverrides: [{path: a, rules: {slimbase: on}}]": true,
		"overrides: [{path: a, rules: {waste: off}}]": false, "rules: {waste: off}\noverrides: [{path: a, rules: {waste: off}}]": true,
	} {
		if got := config.Merge(parse(t, ".tare.yaml", text)).Off(x, "waste"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestOverridesShown: overrides of all files are in force, and each is listed.
func TestOverridesShown(t *testing.T) {
	long := strings.Repeat("./", 50)
	c := config.Merge(parse(t, ".tare.yaml", "overrides:\n- {path: s/**, rules: {pinned: off}}\n- {path: "+long+"a, rules: {waste: off}}\n- {path: "+long+"b, rules: {waste: note}}\n"),
		parse(t, "s/.tare.yaml", "overrides:\n- {path: s/**, rules: {pinned: error}}\n"))
	if len(c.Settings) != 4 {
		t.Errorf("%+v", c.Settings)
	}
}

// TestNull: a value that is left empty sets nothing.
func TestNull(t *testing.T) {
	far, near := parse(t, ".tare.yaml", "sizebudget: {download: 1 MB}"), parse(t, "s/.tare.yaml", "sizebudget: {download: ~, layer: }\nfail-on:\n")
	c := config.Merge(far, near)
	if got := c.Analyzers["sizebudget"].(sizebudget.Config).Download; got != 1e6 || len(c.Settings) != 1 {
		t.Errorf("%v, %+v", got, c.Settings)
	}
}

// TestWrong: each mistake names its line, and what to write.
func TestWrong(t *testing.T) {
	for text, want := range map[string]string{
		"targets: [~, {name: x, dockerfile: D, platforms: [bad]}]":    `x.yaml:1: "targets": an item that is empty`,
		"overrides: [~, {path: a, rules: {waste: off}}]":              `x.yaml:1: "overrides": an item that is empty`,
		"exclude: [a, ]\nignore: [null]":                              `x.yaml:2: "ignore": an item that is empty`,
		"exclude: [~]":                                                `x.yaml:1: "exclude": an item that is empty`,
		"targets: !!null [{name: x, bogus: 1}]":                       `x.yaml:1: unknown key "bogus"`,
		"sizebudget: !!null {bogus: 1}":                               `x.yaml:1: unknown key "bogus"`,
		"sizebudget: {}\nsizebudget: {}":                              `x.yaml:2: "sizebudget" is given twice`,
		"sizebudget: {path: {a: 1 B, a: 2 B}}":                        `x.yaml:1: "a" is given twice`,
		"fail-on: warn":                                               `x.yaml:1: fail-on: "warn": want error, warning, note or never`,
		"rules: {slimbase-ful: off}":                                  `x.yaml:1: no rule or check "slimbase-ful": did you mean "slimbase-full"`,
		"rules: {quite-another: off}":                                 `x.yaml:1: no rule or check "quite-another": "tare list" shows them`,
		"rules:\n  slimbase-full: info":                               `x.yaml:2: "slimbase-full": "info": want error, warning, note, off or on`,
		"rules:\n  slimbase-full: true":                               `x.yaml:2: "slimbase-full": "true": want`,
		"exclude: a":                                                  `x.yaml:1: "exclude": want a list`,
		"exclude:\n- a\n- '!b'":                                       `x.yaml:3: exclude: "!b" is no pattern`,
		"overrides:\n- rules: {waste: off}":                           `x.yaml:2: overrides: path: "" is no pattern`,
		"overrides:\n- path: a\n  rules: {x: off}":                    `x.yaml:3: no rule or check "x"`,
		"overrides:\n- path: a\n  rule: x":                            `x.yaml:3: unknown key "rule": did you mean "rules"`,
		"ignore:\n- rule: slimbase":                                   `x.yaml:2: ignore: it gives no reason: want "reason: ..."`,
		"ignore:\n- {rule: slimbase, reason: ' '}":                    `x.yaml:2: ignore: it gives no reason`,
		"ignore:\n- reason: why":                                      `x.yaml:2: ignore: it names no rule`,
		"ignore:\n- {rule: slimbas, reason: why}":                     `x.yaml:2: ignore: no rule or check "slimbas": did you mean "slimbase"`,
		"ignore:\n- {rule: slimbase, reason: why, until: 2027-13-01}": `x.yaml:2: ignore: until: "2027-13-01" is no day: want YYYY-MM-DD`,
		"ignore:\n- {rule: slimbase, reason: why, path: '['}":         `x.yaml:2: ignore: "[" is no pattern`,
		"ignore:\n- {rule: slimbase, reason: why, package: '['}":      `x.yaml:2: ignore: package: "[" is no pattern`,
		"ignore:\n- {rule: slimbase, reason: why, package: " + strings.Repeat("a", 101) + "}": `x.yaml:2: ignore: package: `,
		"ignore:\n- {rule: {a: b}, reason: why}":                                              `x.yaml:2: "rule": want a list`,
		"targets:\n- dockerfile: a":                                                           `x.yaml:2: targets: a target has no name`,
		"overrides:\n- path: a":                                                               `x.yaml:2: overrides: it sets nothing`,
		"targets:\n- {name: a, image: b}\n- {name: a, image: c}":                              `x.yaml:3: targets: two targets are called "a"`,
		"targets:\n- {name: a, dockerfile: ../b}":                                             `x.yaml:2: targets: "a": dockerfile: "../b" leads out`, "dockerfile: /etc/passwd": `x.yaml:1: dockerfile: "/etc/passwd" leads out`,
		"targets:\n- {name: a, image: b, platforms: [arm64]}":                         `x.yaml:2: platforms: "arm64": want os/architecture`,
		"platforms:\n  [linux]":                                                       `x.yaml:2: platforms: "linux": want os/architecture`,
		"targets:\n- name: a\n  image: b\n  settings:\n    image: c":                  `x.yaml:5: unknown key "image"`,
		"targets:\n- name: a\n  image: b\n  settings:\n    budget: {}":                `x.yaml:5: unknown key "budget": did you mean "sizebudget"`,
		"targets:\n- name: a\n  image: b\n  settings: 7":                              `x.yaml:4: "settings": want keys and values`,
		"targets:\n- name: a\n  image: b\n  settings:\n    sizebudget: {download: x}": "x.yaml:5: ",
		"exclude: [" + strings.Repeat("a,", 201) + "]":                                `x.yaml:1: "exclude": more than the limit of 200 entries`,
		"sizebudget:\n  package: {'[': 1 MB}":                                         `x.yaml:2: "package": "[" is no pattern`,
		"sizebudget:\n  path: {'': 1 MB}":                                             `x.yaml:2: "path": "" is no pattern`,
		"build-args: [a]":                                                             `x.yaml:1: "build-args": want keys and values`,
		"strict: maybe":                                                               `x.yaml:1: "strict": want true or false`,
	} {
		_, err := config.Parse("x.yaml", []byte(text), analyzers.All)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestProject: [tool.tare] of a pyproject.toml says what a .tare.yaml says, with its lines.
func TestProject(t *testing.T) {
	toml := `[project]
name = "x"

[tool.tare]
fail-on = "error"
strict = true
exclude = ["a", "b/**"]
rules.slimbase = "off"

[tool.tare.sizebudget]
download = "100 MB"
path = {usr = "1 GB"}

[[tool.tare.ignore]]
rule = ["waste-cache", "slimbase"]
reason = "why"
until = 2027-01-31

[[tool.tare.ignore]]
rule = "toolchain"
reason = "why not"

[[tool.tare.targets]]
name = "api"
dockerfile = "Dockerfile"
settings.fail-on = "note"

[tool.other]
x = 1
`
	f := parse(t, "pyproject.toml", toml)
	y := parse(t, ".tare.yaml", "fail-on: error\nstrict: true\nexclude: [a, b/**]\nrules: {slimbase: off}\nsizebudget: {download: 100 MB, path: {usr: 1 GB}}\n"+
		"ignore:\n- {rule: [waste-cache, slimbase], reason: why, until: 2027-01-31}\n- {rule: toolchain, reason: why not}\n"+
		"targets:\n- {name: api, dockerfile: Dockerfile, settings: {fail-on: note}}\n")
	a, b := config.Merge(f), config.Merge(y)
	if !reflect.DeepEqual(a.Analyzers, b.Analyzers) || a.FailOn != b.FailOn || a.Strict != b.Strict || len(a.Ignores) != 2 || a.Ignores[0].Until != b.Ignores[0].Until ||
		fmt.Sprint(a.Ignores[0].Names, a.Ignores[1].Names) != fmt.Sprint(b.Ignores[0].Names, b.Ignores[1].Names) || f.Targets[0].Settings.File.FailOn != "note" {
		t.Errorf("%+v\n%+v", a, b)
	}
	var list []string
	for _, s := range a.Settings {
		list = append(list, fmt.Sprintf("%s %s %d", s.Key, s.Value, s.Line))
	}
	if got, want := strings.Join(list, "; "), "fail-on error 5; strict true 6; exclude [a, b/**] 7; rules.slimbase off 8; sizebudget.download 100 MB 11; sizebudget.path.usr 1 GB 12"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if a.Ignores[0].Line != 14 || a.Ignores[1].Line != 19 || f.Targets[0].Line != 23 {
		t.Errorf("lines %d, %d, %d", a.Ignores[0].Line, a.Ignores[1].Line, f.Targets[0].Line)
	}
	for text, want := range map[string]string{
		"[tool.tare]\nbudget = 1\n":           `pyproject.toml:2: unknown key "budget": did you mean "sizebudget"`,
		"\n[tool.tare.rules]\nx = 'off'\n":    `pyproject.toml:3: no rule or check "x"`,
		"[tool.tare]\nstrict = 'x'\n":         `pyproject.toml:2: "strict": want true or false`,
		"[tool.tare]\n[[tool.tare.ignore]]\n": `pyproject.toml:2: ignore: it names no rule`,
		"[tool.tare\n":                        `pyproject.toml:1: `,
		"a = 1\na = 2\n":                      `pyproject.toml:`,
		"[tool]\ntare = 7\n":                  "",
		"[project]\n":                         "",
	} {
		_, err := config.Parse("pyproject.toml", []byte(text), analyzers.All)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]bool{"# no tool.tare here\n": false, "[ tool . tare ]\nstrict = true\n": true, "[tool]\ntare = {strict = true}\n": true, "tool.tare.strict = true\n": true, "[tool.tare\n": true, "tare [\n": false} {
		if got := config.Counts("x/pyproject.toml", []byte(text)); got != want {
			t.Errorf("%q counts: %v", text, got)
		}
	}
	if config.Counts("pyproject.toml", []byte("[project]")) || !config.Counts("pyproject.toml", []byte("[tool.tare]")) || !config.Counts(".tare.yaml", nil) {
		t.Error("Counts")
	}
}

// TestExcludes: patterns are relative to the file.
func TestExcludes(t *testing.T) {
	f := parse(t, filepath.FromSlash("svc/.tare.yaml"), "exclude: ['examples', '**/test/*']\n")
	for name, want := range map[string]bool{
		"svc/examples/a/Dockerfile": true, "svc/Dockerfile": false, "examples/Dockerfile": false, "svc/a/test/Dockerfile": true, "svc/a/test": false,
	} {
		if got := f.Excludes(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("pyproject.toml", "[tool.tare]\na.b = {c = [1, {d = 2}]}\n[[tool.tare.ignore]]\nrule = 'waste'\n")
	f.Add(".tare.yaml", "targets: [{name: a, image: b, settings: {rules: &a {waste: off}}}]\nrules: {<<: *a}\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		file, err := config.Parse(name, []byte(text), analyzers.All)
		if (err == nil) != (file != nil) {
			t.Errorf("%v, %v", file, err)
		}
		if file != nil {
			config.Merge(file, file)
		}
	})
}

// TestListed: what names what is judged is listed in full, another value is cut; a target's
// keys are its own, but for its name and its Dockerfile, which a report has anyway.
func TestListed(t *testing.T) {
	long := strings.Repeat("x", 200)
	f := parse(t, ".tare.yaml", "image: "+long+"\nslimbase: {approved: ["+long+"]}\nbuild-args: {A: "+long+"}\nexclude: ["+long+"]\n"+
		"targets:\n- {name: a, dockerfile: b, context: c, image: d, build-args: {E: f}, settings: {fail-on: note}}\n")
	for _, s := range append(f.Here(), config.Merge(f).Settings...) {
		want := 80
		if s.Key == "image" {
			want = 200
		}
		if len(s.Value) != want {
			t.Errorf("%s has %d bytes, want %d", s.Key, len(s.Value), want)
		}
	}
	var list []string
	for _, s := range append(f.Targets[0].Here(), config.Merge(f.Targets[0].Settings.File).Settings...) {
		list = append(list, s.Key+" "+s.Value)
	}
	if got := strings.Join(list, ", "); got != "dockerfile b, context c, image d, build-args.E f, fail-on note" {
		t.Error(got)
	}
}

// TestDefaults: a setting's default is what holds without it.
func TestDefaults(t *testing.T) {
	var list []string
	for _, a := range analyzers.All {
		for _, s := range config.Defaults(a) {
			list = append(list, s.Key+" "+s.Value)
		}
	}
	if got, want := strings.Join(list, ", "), "observability.fleet false, pinned.hashes false, probes.required false, resources.required false, shutdown.drain false, sizebudget.download none, sizebudget.unpacked 300 MB, which warns, sizebudget.layer none, sizebudget.app none, "+
		"sizebudget.path none, sizebudget.package none, sizebudget.growth total 5%, which warns, slimbase.approved none"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestMost: what is at a limit is taken.
func TestMost(t *testing.T) {
	for _, text := range []string{
		"exclude: [" + strings.Repeat("a,", 200) + "]", "ignore: [{rule: waste, reason: why, package: " + strings.Repeat("a", 100) + "}]",
		"platforms: [linux/arm64, linux/arm/v7]", "rules: {}",
	} {
		parse(t, ".tare.yaml", text)
	}
	for text, want := range map[string]string{"platforms: [linux/arm/v7/x]": "platforms", "platforms: [/arm]": "platforms", "platforms: [linux/]": "platforms"} {
		if _, err := config.Parse("x.yaml", []byte(text), analyzers.All); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestDockerfiles: each that the file names, once.
func TestDockerfiles(t *testing.T) {
	f := parse(t, ".tare.yaml", "dockerfile: a\ntargets: [{name: x, dockerfile: b}, {name: y, dockerfile: a}, {name: z, image: i}, {name: w, dockerfile: b}, {name: v, stage: s}]\n")
	if got := fmt.Sprint(f.Dockerfiles()); got != "[{a 1} {b 2} {Dockerfile 2}]" {
		t.Error(got)
	}
	if got := fmt.Sprint(parse(t, ".tare.yaml", "image: x").Dockerfiles()); got != "[]" {
		t.Error(got)
	}
}
