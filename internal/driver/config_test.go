package driver

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/ignore"
	"github.com/tareweight/tare/internal/source"
)

// TestLevels: what the configuration says of a rule, for the target as a whole and for a file,
// counts before the rule's own; what a check makes a note stays one.
func TestLevels(t *testing.T) {
	x, y, note := rule("a-x", nil), rule("a-y", nil), rule("a-z", nil)
	ran := 0
	a := &analysis.Analyzer{Name: "a", Rules: []*analysis.Rule{x, y, note}, Run: func(p *analysis.Pass) error {
		ran++
		for i, l := range []analysis.Location{{Path: "Dockerfile", Line: 1}, {Path: "sub/f", Line: 1}, {Path: "usr", Layer: &analysis.Layer{}}, {}} {
			p.Report(analysis.Finding{Rule: x, Location: l, Key: fmt.Sprint(i)})
		}
		p.Report(analysis.Finding{Rule: note, Severity: analysis.Note, Location: analysis.Location{Path: "Dockerfile", Line: 2}, Key: "k"})
		return nil
	}}
	run := func(level func(*analysis.Rule, string, string) (analysis.Severity, bool)) string {
		target := file
		target.Config.Level = level
		if level != nil {
			target.Config.Off = func(r *analysis.Rule, check string) bool { // off wherever
				_, here := level(r, check, "")
				_, there := level(r, check, "Dockerfile")
				return here && there
			}
		}
		var got []string
		for _, f := range check(t, target, Options{Analyzers: []*analysis.Analyzer{a}}).Findings {
			got = append(got, fmt.Sprintf("%s %s %s", f.Severity, f.Rule.ID, f.Location))
		}
		return strings.Join(got, ", ")
	}
	for want, level := range map[string]func(*analysis.Rule, string, string) (analysis.Severity, bool){
		"warning a-x Dockerfile:1, note a-z Dockerfile:2, warning a-x sub/f:1, warning a-x layer 0: usr, warning a-x image": nil,
		"error a-x Dockerfile:1, note a-z Dockerfile:2, note a-x sub/f:1, error a-x layer 0: usr, error a-x image": func(_ *analysis.Rule, check, p string) (analysis.Severity, bool) {
			if check != "a" {
				t.Errorf("check %q", check)
			}
			if path.Dir(p) == "sub" {
				return analysis.Note, false
			}
			return analysis.Error, false
		},
		// in the Dockerfile alone, which what is in the image belongs to
		"warning a-x sub/f:1": func(_ *analysis.Rule, _, p string) (analysis.Severity, bool) { return "", p == "Dockerfile" },
		// for the whole target: it is not run
		"note a-z Dockerfile:2": func(r *analysis.Rule, _, _ string) (analysis.Severity, bool) { return "", r != note },
	} {
		if got := run(level); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	before := ran
	if run(func(*analysis.Rule, string, string) (analysis.Severity, bool) { return "", true }); ran != before {
		t.Error("a check of which every rule is off is run")
	}
}

// TestSections: a check gets the settings of its target, else its defaults.
func TestSections(t *testing.T) {
	var got any
	a := &analysis.Analyzer{Name: "a", Config: 1, Rules: []*analysis.Rule{rule("a-x", nil)}, Run: func(p *analysis.Pass) error {
		got = p.Config
		return nil
	}}
	for want, sections := range map[any]map[string]any{1: nil, 2: {"a": 2}} {
		target := file
		target.Config.Sections = sections
		if check(t, target, Options{Analyzers: []*analysis.Analyzer{a}}); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// TestConfigured: an entry of the configuration ignores what it names, of the Dockerfile what
// is in the image too; a comment counts before it; whether it is used is not said here, that it
// is over is.
func TestConfigured(t *testing.T) {
	x := rule("a-x", nil)
	unused, expired := rule("ignore-unused", nil), rule("ignore-expired", nil)
	about := &analysis.Analyzer{Name: "ignore", Rules: []*analysis.Rule{unused, expired}, Run: func(*analysis.Pass) error { return nil }}
	a := &analysis.Analyzer{Name: "a", Rules: []*analysis.Rule{x}, Run: func(p *analysis.Pass) error {
		for i, l := range []analysis.Location{{Path: "d/Dockerfile", Line: 3}, {Path: "f", Line: 1}, {Path: "usr", Layer: &analysis.Layer{}}} {
			p.Report(analysis.Finding{Rule: x, Location: l, Key: fmt.Sprint(i)})
		}
		return nil
	}}
	glob := func(text string) *ignore.Glob {
		g, err := ignore.NewGlob(text, t.TempDir()+"/..")
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	here := func(text string) *ignore.Glob {
		g, err := ignore.NewGlob(text, absolute(t))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	entry := func(change func(*ignore.Ignore)) *ignore.Ignore {
		x := &ignore.Ignore{Path: ".tare.yaml", Line: 5, Names: []string{"a-x"}, Reason: "why", Configured: true}
		if change != nil {
			change(x)
		}
		return x
	}
	const plain = "FROM a:1\nRUN x\nRUN y\n"
	for name, test := range map[string]struct {
		src     string
		entries []*ignore.Ignore
		want    string // findings; by whom each ignored one is
	}{
		"all":         {plain, []*ignore.Ignore{entry(nil)}, "; .tare.yaml:5 .tare.yaml:5 .tare.yaml:5"},
		"Dockerfile":  {plain, []*ignore.Ignore{entry(func(x *ignore.Ignore) { x.File = here("d/Dockerfile") })}, "warning a-x; .tare.yaml:5 .tare.yaml:5"},
		"file":        {plain, []*ignore.Ignore{entry(func(x *ignore.Ignore) { x.File = here("f") })}, "warning a-x; warning a-x; .tare.yaml:5"},
		"elsewhere":   {plain, []*ignore.Ignore{entry(func(x *ignore.Ignore) { x.File = glob("f") })}, "warning a-x; warning a-x; warning a-x; "},
		"image":       {plain, []*ignore.Ignore{entry(func(x *ignore.Ignore) { x.Images = here("reg.example.com/app") })}, "; .tare.yaml:5 .tare.yaml:5 .tare.yaml:5"},
		"other image": {plain, []*ignore.Ignore{entry(func(x *ignore.Ignore) { x.Images = here("reg.example.com/other") })}, "warning a-x; warning a-x; warning a-x; "},
		"over":        {plain, []*ignore.Ignore{entry(func(x *ignore.Ignore) { x.Until = day("2026-01-01") })}, "warning ignore-expired; warning a-x; warning a-x; warning a-x; "},
		"last day":    {plain, []*ignore.Ignore{entry(func(x *ignore.Ignore) { x.Until = day("2026-01-02") })}, "; .tare.yaml:5 .tare.yaml:5 .tare.yaml:5"},
		"unused":      {plain, []*ignore.Ignore{entry(func(x *ignore.Ignore) { x.Names = []string{"a-y"} })}, "warning a-x; warning a-x; warning a-x; "},
		"and a comment": {"FROM a:1\n# tare: ignore=a-x -- here\nRUN y\n", []*ignore.Ignore{entry(nil)},
			"; d/Dockerfile:2 .tare.yaml:5 .tare.yaml:5"},
		"a foreign one first": {"FROM a:1\n# hadolint ignore=DL3006\nRUN y\n", nil, "warning a-x; warning a-x; warning a-x; "},
	} {
		target := Target{Name: "t", Path: "d/Dockerfile", Dockerfile: []byte(test.src), Context: fstest.MapFS{}, ContextDir: "."}
		target.OpenImage = func(context.Context) (*source.Image, error) {
			return &source.Image{Name: "docker://reg.example.com/app:1", Kind: "registry", Config: &v1.ConfigFile{}}, nil
		}
		target.Config.Ignores = test.entries
		x.Uses = analysis.InputManifest
		res := check(t, target, Options{Analyzers: []*analysis.Analyzer{a, about}, Now: day("2026-01-02")})
		var by []string
		for _, i := range res.Ignored {
			by = append(by, fmt.Sprintf("%s:%d", i.By.Path, i.By.Line))
		}
		var found []string
		for _, f := range res.Findings {
			found = append(found, string(f.Severity)+" "+f.Rule.ID)
		}
		if got := strings.Join(found, "; ") + "; " + strings.Join(by, " "); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// TestReasons: of several that cover a finding, the comment of Tare's says why, wherever it stands.
func TestReasons(t *testing.T) {
	floating := rule("slimbase-floating", nil)
	about := &analysis.Analyzer{Name: "ignore", Rules: []*analysis.Rule{rule("ignore-unused", nil)}, Run: func(*analysis.Pass) error { return nil }}
	a := &analysis.Analyzer{Name: "slimbase", Rules: []*analysis.Rule{floating}, Run: func(p *analysis.Pass) error {
		p.Report(analysis.Finding{Rule: floating, Location: p.Dockerfile.Stages[0].Location()})
		return nil
	}}
	entry := &ignore.Ignore{Path: ".tare.yaml", Names: []string{"slimbase"}, Reason: "entry", Configured: true}
	const ours, theirs = "# tare: ignore=slimbase-floating -- ours\n", "# hadolint ignore=DL3006\n"
	for comments, want := range map[string]string{
		ours + theirs: "ours", theirs + ours: "ours", ours: "ours", "": "entry",
	} {
		target := Target{Name: "t", Path: "Dockerfile", Dockerfile: []byte(comments + "FROM a:1\n")}
		target.Config.Ignores = []*ignore.Ignore{entry}
		res := check(t, target, Options{Analyzers: []*analysis.Analyzer{a, about}})
		if len(res.Findings) > 0 || len(res.Ignored) != 1 || res.Ignored[0].By.Reason != want {
			t.Errorf("%q: %+v, %+v, want %s", comments, res.Findings, res.Ignored, want)
		}
	}
}

// TestExpiredKeys: what is said of two comments that name the same is told apart.
func TestExpiredKeys(t *testing.T) {
	expired := rule("ignore-expired", nil)
	about := &analysis.Analyzer{Name: "ignore", Rules: []*analysis.Rule{expired}, Run: func(*analysis.Pass) error { return nil }}
	src := strings.Repeat("# tare: ignore=a-x until=2020-01-01 -- why\nRUN x\n", 3)
	target := Target{Name: "t", Path: "Dockerfile", Dockerfile: []byte("FROM a:1\n" + src)}
	var keys []string
	for _, f := range check(t, target, Options{Analyzers: []*analysis.Analyzer{about}, Now: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}).Findings {
		keys = append(keys, f.Key)
	}
	if got := strings.Join(keys, ", "); got != "Dockerfile: a-x, Dockerfile: a-x #2, Dockerfile: a-x #3" {
		t.Error(got)
	}
}

func absolute(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestOpened: an image is opened where a rule that can be run needs it: one that needs a
// Dockerfile too may find that in the image's provenance, but not where there is a broken one.
func TestOpened(t *testing.T) {
	for _, test := range []struct {
		needs analysis.Input
		src   []byte
		off   bool
		want  bool
	}{
		{analysis.InputManifest, []byte("FROM a\n"), false, true}, {analysis.InputManifest, []byte("NOPE\n"), false, true},
		{analysis.InputManifest | analysis.InputDockerfile, []byte("FROM a\n"), false, true},
		{analysis.InputManifest | analysis.InputDockerfile, []byte("NOPE\n"), false, false},
		{analysis.InputManifest | analysis.InputDockerfile, nil, false, true},
		{analysis.InputDockerfile, []byte("FROM a\n"), false, false}, {analysis.InputManifest, []byte("FROM a\n"), true, false},
	} {
		opened := false
		target := Target{Name: "t", Path: "Dockerfile", Dockerfile: test.src}
		target.OpenImage = func(context.Context) (*source.Image, error) {
			opened = true
			return &source.Image{Name: "i", Kind: "registry", Config: &v1.ConfigFile{}}, nil
		}
		target.Config.Off = func(*analysis.Rule, string) bool { return test.off }
		check(t, target, Options{Analyzers: []*analysis.Analyzer{reports(nowhere, rule("a-x", needs(test.needs)))}})
		if opened != test.want {
			t.Errorf("needs %v of %q, off %v: opened %v", test.needs, test.src, test.off, opened)
		}
	}
}

// TestMost: as many findings as are reported are no reason for a word.
func TestMost(t *testing.T) {
	r := rule("a-x", nil)
	a := &analysis.Analyzer{Name: "a", Rules: []*analysis.Rule{r}, Run: func(p *analysis.Pass) error {
		for i := range maxFindings {
			p.Report(analysis.Finding{Rule: r, Location: analysis.Location{Path: "f", Line: i + 1}, Key: fmt.Sprint(i)})
		}
		return nil
	}}
	if res := check(t, file, Options{Analyzers: []*analysis.Analyzer{a}}); len(res.Findings) != maxFindings || len(res.Remarks) != 0 {
		t.Errorf("%d findings, %q", len(res.Findings), res.Remarks)
	}
}
