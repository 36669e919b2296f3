package projects_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/projects"
)

// write makes the files of an archive in a new current directory.
func write(t *testing.T, files string) *checkout.Root {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range txtar.Parse([]byte(files)).Files {
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// read reads a file and says what it builds, a line for each.
func read(t *testing.T, files, name string) (string, error) {
	t.Helper()
	root := write(t, files)
	reader := projects.Reader(root, name)
	if reader == nil {
		return "", fmt.Errorf("%s is not read", name)
	}
	p, err := reader()
	if err != nil {
		return "", err
	}
	return said(p), nil
}

func said(p *projects.Project) string {
	var lines []string
	for _, b := range p.Builds {
		s := fmt.Sprintf("%s: %s in %s", b.Name, filepath.ToSlash(b.Dockerfile), filepath.ToSlash(b.Context))
		if b.Inline != nil {
			s = fmt.Sprintf("%s: %q in %s", b.Name, b.Inline, filepath.ToSlash(b.Context))
		}
		if b.Stage != "" {
			s += " to " + b.Stage
		}
		for _, k := range slices.Sorted(maps.Keys(b.Args)) {
			s += fmt.Sprintf(" %s=%s", k, b.Args[k])
		}
		for _, p := range b.Platforms {
			s += " " + p
		}
		for _, k := range slices.Sorted(maps.Keys(b.Contexts)) {
			s += fmt.Sprintf(" %s is %s", k, b.Contexts[k])
		}
		for _, image := range b.Images {
			s += " as " + image
		}
		lines = append(lines, s)
	}
	return strings.Join(append(lines, p.Remarks...), "\n")
}

// TestCompose: every form of "build", what a service extends, other files, variables.
func TestCompose(t *testing.T) {
	for name, test := range map[string]struct{ files, want string }{
		"forms": {`-- compose.yaml --
x-args: &args {A: "1", B: 2}
services:
  short: {build: ./a}
  long:
    image: registry/x:1
    build: {context: b, dockerfile: ../docker/x.dockerfile, target: run, args: {<<: *args, C: , B: "3"}, platforms: [linux/arm64, linux/amd64]}
  list: {build: {context: ., args: [X=1, Y]}}
  inline: {build: {dockerfile_inline: "FROM a\n"}}
  named: {build: {context: ., additional_contexts: {src: "docker-image://a", app: ../app}}}
  none: {image: postgres}
  away: {build: "https://github.com/a/b.git#main:sub"}
  nothing: {build: }
`, `short: a/Dockerfile in a
long: docker/x.dockerfile in b to run A=1 B=3 linux/arm64 linux/amd64 as registry/x:1
list: Dockerfile in . X=1
inline: "FROM a\n" in .
named: Dockerfile in . app is ../app src is docker-image://a
away: not judged, as the build context is not of this machine`},
		"alike": {`-- compose.yaml --
services:
  web: {build: ., image: "registry/web:${TAG:-2}"}
  worker: {build: {context: .}, image: registry/worker}
  beat: {build: ., image: "registry/$NONE"}
  other: {build: {context: ., target: x}}
`, "web: Dockerfile in . as registry/web:2 as registry/worker\nother: Dockerfile in . to x\nworker and beat are built as web is: judged once"},
		"extends": {`-- compose.yaml --
services:
  a:
    extends: {file: common/base.yml, service: base}
    build: {target: run, args: {B: "2"}}
  b: {extends: base2}
  base2: {build: {context: y, dockerfile: D}}
-- common/base.yml --
services:
  base: {extends: root, build: {context: app, args: {A: "1", B: "1"}}}
  root: {build: {dockerfile: R.dockerfile}}
`, "a: common/app/R.dockerfile in common/app to run A=1 B=2\nb: y/D in y\nbase2 is built as b is: judged once"},
		"include": {`-- compose.yaml --
include:
  - svc/compose.yaml
  - path: [more.yaml]
  - oci://example.com/x
services: {a: {build: a}}
-- svc/compose.yaml --
include: [../compose.yaml]
services: {b: {build: .}}
-- more.yaml --
services: {c: {build: c}}
`, "b: svc/Dockerfile in svc\nc: c/Dockerfile in c\na: a/Dockerfile in a\ncompose.yaml:4: what it includes is not read"},
		"variables": {`-- compose.yaml --
services:
  a: {build: {context: "${DIR}/x", target: "${NONE:-run}", args: {A: "$$x", B: "${EMPTY:-e}${EMPTY-f}", C: "${DIR:+set}${NONE+no}", D: $NONE, E: "${NONE:-${DIR}}", F: "$DIR/y"}}}
  b: {build: "${NONE}/x"}
  c: {build: {context: ., dockerfile: "${NONE:?is needed}"}}
-- .env --
# comment
export DIR="d" # more
EMPTY=
NOTED = v # note
`, `a: d/x/Dockerfile in d/x to run A=$x B=e C=set E=d F=d/y
b: not judged, as NONE has no value in .env and no default: where it is built is not known
c: not judged, as NONE has no value in .env and no default: where it is built is not known`},
		"a nested variable without a value": {"-- compose.yaml --\nservices: {a: {build: \"${A:-${B}}\"}}\n", "a: not judged, as B has no value in .env and no default: where it is built is not known"},
		"escapes and nested ones":           {"-- compose.yaml --\nservices: {a: {build: {context: ., args: {A: \"x-$${R}\", B: \"${Q:-$R}\", C: \"${Q-a${R}b}c\", D: \"}${R}{\", E: \"${R:+${Q:-y}}\", F: \"${R:-$NONE}\", G: \"${R\"}}}}\n-- .env --\nR=3.1\n", "a: Dockerfile in . A=x-${R} B=3.1 C=a3.1bc D=}3.1{ E=y F=3.1"},
		"quotes in .env":                    {"-- compose.yaml --\nservices: {a: {build: {context: ., args: {A: $A, B: $B, C: $C, D: $D, E: $E, F: $F}}}}\n-- .env --\nA='x # y' # z\nB=\"\nC=''\nD='x\nE=x #y\nF= #y\n", "a: Dockerfile in . A=x # y B=\" C= D='x E=x F=#y"},
		"unknown file":                      {"-- compose.yaml --\nservices: {a: {extends: {file: \"${A}\", service: b}}, b: {extends: {file: \"${A:-x.yaml}\", service: b}}}\n-- x.yaml --\nservices: {b: {build: .}}\n", "b: Dockerfile in .\na: not judged, as A has no value in .env and no default: where it is built is not known"},
		"an override":                       {"-- compose.yaml --\nservices: {a: {build: .}}\n-- compose.override.yaml --\nservices: {a: {build: x}}\n", "a: Dockerfile in .\ncompose.override.yaml is not read: name it to judge what it builds"},
		"empty":                             {"-- compose.yaml --\n", ""},
		"services":                          {"-- compose.yaml --\nservices: [a]\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, test.files, "compose.yaml")
			if err != nil || got != test.want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, test.want)
			}
		})
	}
}

// TestEnvironment: the environment of the process is not read: the file may be a
// stranger's, and what it says is shown.
func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET", "CANARY")
	got, err := read(t, "-- compose.yaml --\nservices: {a: {build: {context: ., target: \"${SECRET}\"}}, b: {build: {context: ., args: {X: $SECRET}}}}\n", "compose.yaml")
	if err != nil || strings.Contains(got, "CANARY") {
		t.Errorf("%s, %v", got, err)
	}
}

// TestExpanded: a text of many variables, or of one in another's default, is written out as far as
// the limits go, and is not known beyond.
func TestExpanded(t *testing.T) {
	defaults := func(n int) string { return strings.Repeat("${A:-", n) + "x" + strings.Repeat("}", n) }
	env := "-- .env --\nV=" + strings.Repeat("v", 30_000) + "\n"
	for text, want := range map[string]string{
		defaults(6): "a: Dockerfile in . to x", defaults(7): "is not known", "$V$V": " to vvv", "$V$V$V": "a text of more than the limit",
	} {
		got, err := read(t, env+"-- compose.yaml --\nservices: {a: {build: {context: ., target: '"+text+"'}}}\n", "compose.yaml")
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %.200s, %v, want %s", text, got, err, want)
		}
	}
}

// TestBroken: what is wrong is said with its place, and ends.
func TestBroken(t *testing.T) {
	many := "-- compose.yaml --\nservices:\n"
	for i := range 501 {
		many += fmt.Sprintf("  s%d: {build: d%d}\n", i, i)
	}
	files := "-- compose.yaml --\ninclude: [f0.yaml]\n"
	for i := range 101 {
		files += fmt.Sprintf("-- f%d.yaml --\ninclude: [f%d.yaml]\n", i, i+1)
	}
	chain := func(n int) string { // services of which each extends the next
		text := "-- compose.yaml --\nservices:\n"
		for i := range n {
			text += fmt.Sprintf("  s%d: {extends: s%d}\n", i, i+1)
		}
		return text + fmt.Sprintf("  s%d: {build: .}\n", n)
	}
	if _, err := read(t, chain(20), "compose.yaml"); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
	pairs := "-- compose.yaml --\nservices: {a: {build: {context: ., args: {"
	for i := range 1001 {
		pairs += fmt.Sprintf("A%d: x, ", i)
	}
	for text, want := range map[string]string{
		chain(21):        `compose.yaml:22: "s20" extends more than the limit of 20 services`,
		pairs + "}}}}\n": `"a": more than the limit of 1000 arguments`,
		"-- compose.yaml --\nservices:\n  a: {extends: b}\n":                     `compose.yaml:2: extends: compose.yaml: no service "b"`,
		"-- compose.yaml --\nservices:\n  a: {extends: b}\n  b: {extends: a}\n":  "more than the limit of 20 services, or itself",
		"-- compose.yaml --\nservices:\n  a: {extends: {file: x, service: b}}\n": `compose.yaml:2: extends: read "x"`,
		"-- compose.yaml --\ninclude:\n- x.yaml\n":                               `compose.yaml:2: include: read "x.yaml"`,
		"-- compose.yaml --\ninclude: [/etc/passwd]\n":                           "leads out of the directory",
		"-- compose.yaml --\ninclude: [../../../../../../../etc/passwd]\n":       "leads out of the directory",
		"-- compose.yaml --\na: [\n":                                             "compose.yaml:",
		"-- compose.yaml --\n[]\n":                                               "compose.yaml:1: want keys and values",
		"-- compose.yaml --\nservices: &a {x: *a}\n":                             "limit of 50 levels",
		many: "compose.yaml:502: more than the limit of 500 images",
		"-- compose.yaml --\nservices: {a: {build: {context: ., platforms: [arm64]}}}\n":                `compose.yaml:1: "a": platform "arm64": want os/architecture`,
		"-- compose.yaml --\ninclude: [x.yaml]\n-- x.yaml --\n" + strings.Repeat("#", projects.MaxSize): "more than the limit of 1048576 bytes",
		files: "more than the limit of 100 files",
	} {
		if got, err := read(t, text, "compose.yaml"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100q: %s, %v, want %s", text, got, err, want)
		}
	}
}

// TestBake: what "docker buildx bake --print" prints (buildx 0.19), in the order of the file.
func TestBake(t *testing.T) {
	const text = `{
  "group": {"default": {"targets": ["web", "api"]}},
  "target": {
    "web": {"context": ".", "dockerfile": "Dockerfile", "args": {"A": "1", "N": null}, "tags": ["x/web:1"], "platforms": ["linux/amd64"], "output": [{"type": "docker"}]},
    "api": {"context": "services/api", "dockerfile": "docker/Dockerfile", "target": "run", "contexts": {"base": "docker-image://a"}},
    "inline": {"dockerfile-inline": "FROM a\n"},
    "same": {"context": "services/api", "dockerfile": "docker/Dockerfile", "target": "run"},
    "away": {"context": "https://github.com/a/b.git"}
  }
}`
	const want = `web: d/Dockerfile in d A=1 linux/amd64 as x/web:1
api: d/services/api/docker/Dockerfile in d/services/api to run base is docker-image://a
inline: "FROM a\n" in d
same: d/services/api/docker/Dockerfile in d/services/api to run
away: not judged, as the build context is not of this machine`
	got, err := read(t, "-- d/bake.json --\n"+text, "d/bake.json")
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	for text, want := range map[string]bool{text: true, "{}": false, "FROM a\n": false, "": false, `{"target": {}}`: false, `{"target": 7}`: false, " \n" + text: true} {
		if got := projects.IsBake([]byte(text)); got != want {
			t.Errorf("%.20q: %v", text, got)
		}
	}
	if _, err := projects.ParseBake("x", ".", []byte(`{"target": {"a": {"context": 7}}}`)); err == nil {
		t.Error("a number is a context")
	}
}

// TestReader: which files are read.
func TestReader(t *testing.T) {
	root := write(t, "-- compose.yaml --\n-- docker-compose.prod.yml --\n-- composer.yaml --\n-- app.yaml --\nx: 1\nservices:\n  a: {}\n-- k8s.yaml --\nkind: Service\n-- bake.json --\n{\"target\": {\"a\": {}}}\n-- package.json --\n{}\n-- Dockerfile --\nservices:\n")
	for name, want := range map[string]bool{
		"compose.yaml": true, "docker-compose.prod.yml": true, "composer.yaml": false, "app.yaml": true, "k8s.yaml": false, "bake.json": true,
		"package.json": false, "Dockerfile": false, "none.json": false,
	} {
		if got := projects.Reader(root, name) != nil; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzProject(f *testing.F) {
	f.Add("services: {a: {extends: {file: compose.yaml, service: b}, build: {args: [A=$B, C], target: \"${X:-${Y}}\"}}, b: {build: .}}\ninclude: [{path: [compose.yaml]}]\n", false)
	f.Add(`{"target": {"a": {"context": ".", "args": {"x": null}}}}`, true)
	f.Fuzz(func(t *testing.T, text string, bake bool) {
		if bake {
			if p, err := projects.ParseBake("x", ".", []byte(text)); (err == nil) != (p != nil) {
				t.Error(err)
			}
			return
		}
		dir := t.TempDir()
		name := filepath.Join(dir, "compose.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		root, err := checkout.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		p, err := projects.Reader(root, name)()
		if (err == nil) != (p != nil) {
			t.Error(err)
		}
		for i := 0; p != nil && i < len(p.Builds); i++ {
			if b := p.Builds[i]; b.Name == "" && b.Dockerfile == "" && b.Inline == nil {
				t.Errorf("%+v", b)
			}
		}
	})
}
