// Package analysistest tests an analyzer against its testdata and its page. It
// is a driver that is stricter than the real one.
package analysistest

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/cache"
	"github.com/tareweight/tare/internal/config"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/kubernetes"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/source"
)

// Run applies a to each file of testdata and to the examples of its page, and
// fails on any difference from what they say:
//
//   - *.Dockerfile, and *.txtar with a Dockerfile, files of the build context,
//     an image, or several of these. A comment "# want "rx" ..." above an
//     instruction, or above a line of a requirements file, wants a finding on it
//     whose message matches each expression, and no other.
//   - In a txtar, image/N/PATH is a file of layer N, with the attributes mode=,
//     size=, owner=, link=, hard= and elf after its name; image/config.json is the
//     image's configuration in OCI's form; tare.yaml the configuration; flags
//     the lines target=, build-arg=, named=, now=, sibling=read, listed= with the number of a layer that
//     carries a table of contents, only=all for rules that were asked for by name. The file pod.yaml is a manifest, each of whose
//     containers is judged. The files baseline/N/PATH are those of the
//     image to compare with, sibling/N/PATH those of the smaller one beside the base, whose layers were read
//     before if flags say so. Lines "want PLACE "rx"" of its comment want
//     findings at image/N/PATH, image/N, or image; lines "undecided RULE "rx"" want
//     that a rule is not decided, with a reason that matches. Related lines stand behind
//     the message: " (Dockerfile:3: made here)".
//   - A fence "```dockerfile bad" or "```txtar bad" in the section of a rule must
//     give a finding of that rule; a good one none of a warning or worse.
//   - Each rule is wanted by some testdata, documented, and reports each key
//     once.
func Run(t *testing.T, a *analysis.Analyzer) {
	t.Helper()
	if err := analysis.Validate([]*analysis.Analyzer{a}); err != nil {
		t.Fatal(err)
	}
	seen := map[*analysis.Rule]bool{}
	names, err := filepath.Glob("testdata/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			c := load(t, a, name)
			check(t, c.run(t), c.wants, seen)
		})
	}
	t.Run("README", func(t *testing.T) { examples(t, a) })
	for _, r := range a.Rules {
		if !seen[r] {
			t.Errorf("no file of testdata wants a finding of rule %s", r.ID)
		}
	}
}

// A tcase is one target with what is wanted of it.
type tcase struct {
	analyzer *analysis.Analyzer
	target   driver.Target
	now      time.Time
	wants    []want
	open     []want // rules that are not decided, and why
	read     bool   // the layers of the base's sibling were read before
	named    bool   // the rules were asked for by name
}

type want struct {
	at string // Location.String
	rx *regexp.Regexp
}

func (c *tcase) run(t *testing.T) []analysis.Finding {
	t.Helper()
	opt := driver.Options{Analyzers: []*analysis.Analyzer{c.analyzer}, Limits: source.DefaultLimits, Now: c.now, Named: c.named}
	var err error
	if c.read {
		if opt.Cache, err = cache.Open(t.TempDir(), cache.DefaultLimit); err != nil {
			t.Fatal(err)
		}
		open := func(ctx context.Context) (*source.Image, error) { return c.target.OpenTrusted(ctx, "", "") }
		if _, err := driver.Check(context.Background(), driver.Target{OpenImage: open}, opt); err != nil {
			t.Fatal(err)
		}
	}
	c.target.PodsOnly = len(c.target.Pods) > 0 && c.target.Dockerfile == nil
	res, err := driver.Check(context.Background(), c.target, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range res.Errors {
		t.Error(err)
	}
	keys := map[string]bool{}
	for _, f := range res.Findings {
		if !slices.Contains(c.analyzer.Rules, f.Rule) {
			t.Errorf("%v: rule %s is not one of the analyzer's", f.Location, f.Rule.ID)
		}
		if key := f.Rule.ID + " " + f.Location.Path + " " + f.Key; f.Key == "" || keys[key] {
			t.Errorf("%v: rule %s reports key %q twice, or none", f.Location, f.Rule.ID, f.Key)
		} else {
			keys[key] = true
		}
	}
	for _, n := range res.NotRun {
		t.Logf("not decided: %v: %s: %s", n.Location, n.Rule.ID, n.Reason)
	}
	for _, w := range c.open {
		if !slices.ContainsFunc(res.NotRun,
			func(n analysis.Undecided) bool { return n.Rule.ID == w.at && w.rx.MatchString(n.Reason) }) {
			t.Errorf("rule %s is decided, or for another reason than %q is not", w.at, w.rx)
		}
	}
	return res.Findings
}

func check(t *testing.T, got []analysis.Finding, wants []want, seen map[*analysis.Rule]bool) {
	t.Helper()
	for _, f := range got {
		seen[f.Rule] = true
		text := fmt.Sprintf("%s: %s [%s]", f.Severity, f.Message, f.Rule.ID)
		for _, r := range f.Related {
			if r.Location.Line > 0 {
				text += fmt.Sprintf(" (%v: %s)", r.Location, r.Message)
			}
		}
		if len(f.Packages) > 0 {
			text += " (packages: " + strings.Join(f.Packages, " ") + ")"
		}
		i := slices.IndexFunc(wants, func(w want) bool { return w.at == f.Location.String() && w.rx.MatchString(text) })
		if i < 0 {
			t.Errorf("%v: unexpected finding: %s", f.Location, text)
			continue
		}
		wants = slices.Delete(wants, i, i+1)
	}
	for _, w := range wants {
		t.Errorf("%s: no finding matches %q", w.at, w.rx)
	}
}

var example = regexp.MustCompile("(?ms)^```(dockerfile|txtar) (bad|good)\n(.*?)^```$")

func examples(t *testing.T, a *analysis.Analyzer) {
	for _, r := range a.Rules {
		for i, m := range example.FindAllStringSubmatch(report.Section(a.Doc, r.ID), -1) {
			ar := &txtar.Archive{Files: []txtar.File{{Name: "Dockerfile", Data: []byte(m[3])}}}
			if m[1] == "txtar" {
				ar = txtar.Parse([]byte(m[3]))
			}
			found := parse(t, a, ar).run(t)
			of := slices.ContainsFunc(found, func(f analysis.Finding) bool { return f.Rule == r })
			if m[2] == "bad" && !of {
				t.Errorf("%s: example %d is said to be bad and has no finding of the rule", r.ID, i+1)
			}
			for _, f := range found {
				if m[2] == "good" && f.Severity != analysis.Note {
					t.Errorf("%s: example %d is said to be good: %v: %s [%s]", r.ID, i+1, f.Location, f.Message, f.Rule.ID)
				}
			}
		}
	}
}

func load(t *testing.T, a *analysis.Analyzer, name string) *tcase {
	t.Helper()
	if strings.HasSuffix(name, ".txtar") {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return parse(t, a, ar)
	}
	ar, err := txtar.ParseFile(name) // a file without sections is its comment
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, a, &txtar.Archive{Files: []txtar.File{{Name: "Dockerfile", Data: ar.Comment}}})
}

func parse(t *testing.T, a *analysis.Analyzer, ar *txtar.Archive) *tcase {
	t.Helper()
	c := &tcase{
		analyzer: a,
		now:      time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		target: driver.Target{
			Name:  "test",
			Build: dockerfile.Options{BuildArgs: map[string]string{}, Platform: "linux/amd64", BuildPlatform: "linux/amd64"},
		},
	}
	for line := range strings.Lines(string(ar.Comment)) {
		if rest, ok := strings.CutPrefix(line, "want "); ok {
			place, rx, _ := strings.Cut(rest, " ")
			for _, rx := range regexps(t, rx) {
				c.wants = append(c.wants, want{placeOf(place), rx})
			}
		}
		if rest, ok := strings.CutPrefix(line, "undecided "); ok {
			rule, rx, _ := strings.Cut(rest, " ")
			for _, rx := range regexps(t, rx) {
				c.open = append(c.open, want{rule, rx})
			}
		}
	}
	files := fstest.MapFS{}
	var layers, old, sibling []txtar.File
	var listed []int
	for _, f := range ar.Files {
		switch {
		case strings.HasPrefix(f.Name, "image/"):
			layers = append(layers, f)
		case strings.HasPrefix(f.Name, "baseline/"):
			f.Name = "image/" + strings.TrimPrefix(f.Name, "baseline/")
			old = append(old, f)
		case strings.HasPrefix(f.Name, "sibling/"):
			f.Name = "image/" + strings.TrimPrefix(f.Name, "sibling/")
			sibling = append(sibling, f)
		case f.Name == "pod.yaml":
			m := kubernetes.Parse(f.Name, f.Data)
			for _, err := range m.Broken {
				t.Error(err)
			}
			kubernetes.Join(m)
			for _, w := range m.Workloads {
				for _, x := range w.Containers {
					c.target.Pods = append(c.target.Pods, driver.Pod{Container: x, Services: m.Services})
				}
			}
			if len(c.target.Pods) == 0 {
				t.Fatalf("%s describes no pod", f.Name)
			}
			c.wants = append(c.wants, sourceWants(t, f.Name, f.Data)...)
		case f.Name == "tare.yaml":
			c.target.Config.Sections = settings(t, a, f.Data)
		case f.Name == "flags":
			for line := range strings.Lines(string(f.Data)) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				switch key {
				case "target":
					c.target.Build.Target = value
				case "build-arg":
					k, v, _ := strings.Cut(value, "=")
					c.target.Build.BuildArgs[k] = v
				case "now":
					var err error
					if c.now, err = time.Parse(time.DateOnly, value); err != nil {
						t.Fatal(err)
					}
				case "sibling":
					if c.read = value == "read"; !c.read {
						t.Fatalf("flags: sibling %q: want read", value)
					}
				case "listed":
					i, err := strconv.Atoi(value)
					if err != nil {
						t.Fatal(err)
					}
					listed = append(listed, i)
				case "only":
					c.named = value == "all"
				case "named":
					c.target.Named = append(c.target.Named, value)
				default:
					t.Fatalf("flags: unknown key %q", key)
				}
			}
		default:
			if f.Name == "Dockerfile" {
				c.target.Path, c.target.Dockerfile = f.Name, f.Data
			}
			files[f.Name] = &fstest.MapFile{Data: f.Data}
			c.wants = append(c.wants, sourceWants(t, f.Name, f.Data)...)
		}
	}
	if len(files) > 0 {
		c.target.Context, c.target.ContextDir = files, "."
	}
	if layers != nil {
		im := Image(t, layers)
		for _, i := range listed {
			_, archives := Parts(t, layers)
			im.Layers[i] = Blob(Estargz(t, archives[i], nil))
		}
		c.target.OpenImage = func(context.Context) (*source.Image, error) { return im, nil }
	}
	if old != nil {
		im := Image(t, old)
		im.Name = "the baseline"
		c.target.OpenBaseline = func(context.Context, string) (*source.Image, error) { return im, nil }
	}
	if sibling != nil {
		im := Image(t, sibling)
		c.target.OpenTrusted = func(context.Context, string, string) (*source.Image, error) { return im, nil }
	}
	return c
}

func settings(t *testing.T, a *analysis.Analyzer, data []byte) map[string]any {
	t.Helper()
	cfg, err := config.Parse("tare.yaml", data, []*analysis.Analyzer{a})
	if err != nil {
		t.Fatal(err)
	}
	return config.Merge(cfg).Analyzers
}

// placeOf is Location.String of a place as a txtar writes it.
func placeOf(place string) string {
	layer, file, inLayer := strings.Cut(strings.TrimPrefix(place, "image/"), "/")
	switch {
	case place == "image" || !strings.HasPrefix(place, "image/"):
		return place
	case inLayer:
		return "layer " + layer + ": " + path.Clean(file)
	}
	return "layer " + layer
}

// sourceWants reads the comments "# want ...": each is about the next line
// that is no comment, or one of Tare's own, as a Dockerfile has no comments at the
// end of a line. "# want+2" is about the second line after that.
func sourceWants(t *testing.T, name string, src []byte) (wants []want) {
	t.Helper()
	type pending struct {
		rx     *regexp.Regexp
		offset int
	}
	var open []pending
	line := 0
	for text := range strings.Lines(string(src)) {
		line++
		text = strings.TrimSpace(text)
		if rest, ok := strings.CutPrefix(text, "# want"); ok {
			offset := 0
			if digits, more, ok := strings.Cut(rest, " "); ok && strings.HasPrefix(digits, "+") {
				offset, _ = strconv.Atoi(digits[1:])
				rest = more
			}
			for _, rx := range regexps(t, rest) {
				open = append(open, pending{rx, offset})
			}
		} else if text != "" && (text[0] != '#' || strings.HasPrefix(text, "# tare:") || strings.HasPrefix(text, "#tare:")) {
			for _, p := range open {
				wants = append(wants, want{fmt.Sprintf("%s:%d", name, line+p.offset), p.rx})
			}
			open = nil
		}
	}
	return wants
}

func regexps(t *testing.T, s string) (out []*regexp.Regexp) {
	t.Helper()
	for s = strings.TrimSpace(s); s != ""; {
		q, err := strconv.QuotedPrefix(s)
		if err != nil {
			t.Fatalf("want a quoted regular expression, got %q", s)
		}
		text, _ := strconv.Unquote(q)
		out = append(out, regexp.MustCompile(text))
		s = strings.TrimSpace(s[len(q):])
	}
	return out
}
