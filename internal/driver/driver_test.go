package driver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/source"
)

func rule(id string, change func(*analysis.Rule)) *analysis.Rule {
	r := &analysis.Rule{ID: id, Title: id, Severity: analysis.Warning}
	if change != nil {
		change(r)
	}
	return r
}

func needs(in analysis.Input) func(*analysis.Rule) {
	return func(r *analysis.Rule) { r.Needs = in }
}

// reports is an analyzer that reports each of its rules at a place of the target.
func reports(at func(*analysis.Pass) analysis.Location, rules ...*analysis.Rule) *analysis.Analyzer {
	return &analysis.Analyzer{Name: "a", Rules: rules, Run: func(p *analysis.Pass) error {
		for _, r := range rules {
			p.Report(analysis.Finding{Rule: r, Location: at(p), Key: r.ID, Message: r.ID})
		}
		return nil
	}}
}

func nowhere(*analysis.Pass) analysis.Location { return analysis.Location{} }

func check(t *testing.T, target Target, opt Options) *Result {
	t.Helper()
	opt.Limits = source.DefaultLimits
	res, err := Check(context.Background(), target, opt)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func text(res *Result) string {
	var b strings.Builder
	for _, f := range res.Findings {
		fmt.Fprintf(&b, "%s %s; ", f.Severity, f.Rule.ID)
	}
	for _, n := range res.NotRun {
		fmt.Fprintf(&b, "not run %s: %s; ", n.Rule.ID, n.Reason)
	}
	for _, e := range res.Errors {
		fmt.Fprintf(&b, "error: %v; ", e)
	}
	return strings.TrimSuffix(b.String(), "; ")
}

var file = Target{Name: "t", Path: "Dockerfile", Dockerfile: []byte("FROM a:1\n")}

// TestNeeds: a rule whose inputs are not there is not run, and why; nothing else
// of its analyzer is.
func TestNeeds(t *testing.T) {
	rules := []*analysis.Rule{
		rule("a-dockerfile", needs(analysis.InputDockerfile)), rule("a-context", needs(analysis.InputContext)), rule("a-image", needs(analysis.InputManifest)), rule("a-base", needs(analysis.InputBaseline)),
		rule("a-either", func(r *analysis.Rule) { r.Any = analysis.InputDockerfile | analysis.InputFiles }), rule("a-none", nil),
	}
	for want, target := range map[string]Target{
		"warning a-dockerfile; warning a-either; warning a-none; not run a-base: needs a baseline image; not run a-context: needs the files of the build context; not run a-image: needs an image":               file,
		"warning a-context; warning a-none; not run a-base: needs a baseline image; not run a-dockerfile: needs a Dockerfile; not run a-either: needs a Dockerfile or an image; not run a-image: needs an image": {Name: "t", Context: fstest.MapFS{}},
	} {
		if got := text(check(t, target, Options{Analyzers: []*analysis.Analyzer{reports(nowhere, rules...)}})); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	enabled := func(r *analysis.Rule) bool { return r.ID == "a-none" }
	if got := text(check(t, file, Options{Analyzers: []*analysis.Analyzer{reports(nowhere, rules...)}, Enabled: enabled})); got != "warning a-none" {
		t.Errorf("one alone: %s", got)
	}
}

// TestUnread: of a target that cannot be read every rule is not run, and a
// Dockerfile that does not parse leaves the rules that need none.
func TestUnread(t *testing.T) {
	all := []*analysis.Analyzer{reports(nowhere, rule("a-dockerfile", needs(analysis.InputDockerfile)), rule("a-none", nil))}
	for want, target := range map[string]Target{
		"not run a-dockerfile: the target cannot be read; not run a-none: the target cannot be read; error: gone":                                                                          {Name: "t", Err: errors.New("gone")},
		"warning a-none; not run a-dockerfile: the Dockerfile does not parse; error: parse Dockerfile:1: dockerfile parse error on line 1: unknown instruction: NOPE (did you mean COPY?)": {Name: "t", Path: "Dockerfile", Dockerfile: []byte("NOPE\n")},
	} {
		if got := text(check(t, target, Options{Analyzers: all})); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	var unknown *dockerfile.UnknownTargetError
	if _, err := Check(context.Background(), Target{Path: "Dockerfile", Dockerfile: []byte("FROM a\n"), Build: dockerfile.Options{Target: "x"}}, Options{Analyzers: all}); !errors.As(err, &unknown) {
		t.Errorf("an unknown stage: %v", err)
	}
}

// TestFails: a check or a fact that fails leaves the others.
func TestFails(t *testing.T) {
	broken := &analysis.Fact[int]{Name: "broken", Compute: func(*analysis.Pass) (int, error) { return 0, errors.New("no") }}
	a, b := reports(nowhere, rule("a-x", nil)), reports(nowhere, rule("a-y", nil))
	a.Name, a.Needs = "a", analysis.Needs{Facts: []analysis.AnyFact{broken}}
	if got := text(check(t, file, Options{Analyzers: []*analysis.Analyzer{a, b}})); got != "warning a-y; not run a-x: check a: broken: no; error: check a: broken: no" {
		t.Error(got)
	}
}

// TestSeverities: a guessed stage for development lowers what is about the image
// that ships, and nothing else; a finding's own severity counts before its rule's.
func TestSeverities(t *testing.T) {
	rules := []*analysis.Rule{rule("a-runtime", func(r *analysis.Rule) { r.Runtime = true }), rule("a-other", nil)}
	for src, want := range map[string]string{
		"FROM a:1 AS app\n": "warning a-other; warning a-runtime", "FROM a:1 AS dev\n": "warning a-other; note a-runtime",
	} {
		target := file
		target.Dockerfile = []byte(src)
		if got := text(check(t, target, Options{Analyzers: []*analysis.Analyzer{reports(nowhere, rules...)}})); got != want {
			t.Errorf("%q: %s, want %s", src, got, want)
		}
		target.Build.Target = "0"
		if got := text(check(t, target, Options{Analyzers: []*analysis.Analyzer{reports(nowhere, rules...)}})); got != "warning a-other; warning a-runtime" {
			t.Errorf("%q, chosen: %s", src, got)
		}
	}
	own := &analysis.Analyzer{Name: "a", Rules: rules, Run: func(p *analysis.Pass) error {
		p.Report(analysis.Finding{Rule: rules[1], Severity: analysis.Error, Key: "k"})
		return nil
	}}
	if got := text(check(t, file, Options{Analyzers: []*analysis.Analyzer{own}})); got != "error a-other" {
		t.Error(got)
	}
}

// TestMany: of too many findings the worst are kept, in their order.
func TestMany(t *testing.T) {
	r := rule("a-x", nil)
	a := &analysis.Analyzer{Name: "a", Rules: []*analysis.Rule{r}, Run: func(p *analysis.Pass) error {
		for i := range maxFindings + 10 {
			f := analysis.Finding{Rule: r, Severity: analysis.Note, Location: analysis.Location{Path: "f", Line: i + 1}, Key: fmt.Sprint(i)}
			if i == maxFindings+9 {
				f.Severity = analysis.Error
			}
			p.Report(f)
		}
		return nil
	}}
	res := check(t, file, Options{Analyzers: []*analysis.Analyzer{a}})
	if n := len(res.Findings); n != maxFindings || res.Findings[n-1].Severity != analysis.Error || res.Findings[0].Location.Line != 1 {
		t.Errorf("%d findings, the last %+v", n, res.Findings[n-1])
	}
	if len(res.Remarks) != 1 || res.Remarks[0] != "of 5010 findings the 5000 of the highest severity are reported" {
		t.Errorf("%q", res.Remarks)
	}
}

// TestLate: what is not judged when the time is over is not run, once with the
// reason.
func TestLate(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	first, second := reports(nowhere, rule("a-x", nil)), reports(nowhere, rule("a-y", nil))
	run := first.Run
	first.Run = func(p *analysis.Pass) error {
		cancel(errors.New("too late"))
		return run(p)
	}
	res, err := Check(ctx, file, Options{Analyzers: []*analysis.Analyzer{first, second}})
	if err != nil {
		t.Fatal(err)
	}
	if got := text(res); got != "warning a-x; not run a-y: the time was over; error: too late" {
		t.Error(got)
	}
}

// TestOrder: by file and line, then layers, then the image; then rule and message.
func TestOrder(t *testing.T) {
	layer := &analysis.Layer{Index: 2}
	places := []analysis.Location{{}, {Layer: layer, Path: "b"}, {Layer: layer, Path: "a"}, {Layer: &analysis.Layer{Index: 1}, Path: "z"}, {Path: "b", Line: 1}, {Path: "a", Line: 10}, {Path: "a", Line: 9}}
	r := rule("a-x", nil)
	a := &analysis.Analyzer{Name: "a", Rules: []*analysis.Rule{r}, Run: func(p *analysis.Pass) error {
		for _, l := range places {
			p.Report(analysis.Finding{Rule: r, Location: l, Key: l.String()})
		}
		return nil
	}}
	var got []string
	for _, f := range check(t, file, Options{Analyzers: []*analysis.Analyzer{a}}).Findings {
		got = append(got, f.Location.String())
	}
	if s := strings.Join(got, ", "); s != "a:9, a:10, b:1, layer 1: z, layer 2: a, layer 2: b, image" {
		t.Error(s)
	}
}

// TestImage: an image is opened only if a rule needs it, closed, and what is found
// of its base is dropped where that is asked for.
func TestImage(t *testing.T) {
	opened := 0
	target := Target{Name: "t", OpenImage: func(context.Context) (*source.Image, error) {
		opened++
		return nil, fmt.Errorf("refused")
	}}
	if got := text(check(t, target, Options{Analyzers: []*analysis.Analyzer{reports(nowhere, rule("a-none", nil))}})); got != "warning a-none" || opened != 0 {
		t.Errorf("%s, opened %d times", got, opened)
	}
	manifest := []*analysis.Analyzer{reports(nowhere, rule("a-image", needs(analysis.InputManifest)), rule("a-files", needs(analysis.InputFiles)))}
	if got := text(check(t, target, Options{Analyzers: manifest})); got != "not run a-files: the image cannot be opened; not run a-image: the image cannot be opened; error: refused" || opened != 1 {
		t.Errorf("%s, opened %d times", got, opened)
	}
	held := 0
	target.OpenImage = func(context.Context) (*source.Image, error) {
		return &source.Image{Name: "i", Kind: "registry", Platform: "linux/amd64", Config: &v1.ConfigFile{}, Remarks: []string{"chosen"}}, nil
	}
	opt := Options{Analyzers: manifest, Now: time.Now(), Hold: func(context.Context) error { held++; return nil }}
	res := check(t, target, opt)
	if got := text(res); got != "warning a-files; warning a-image" || held != 1 || len(res.Remarks) != 1 || res.Packages == nil && res.Image == nil {
		t.Errorf("%s, held %d times, remarks %q", got, held, res.Remarks)
	}
	opt.Enabled = func(r *analysis.Rule) bool { return r.ID == "a-image" }
	if got := text(check(t, target, opt)); got != "warning a-image" || held != 1 {
		t.Errorf("%s, held %d times", got, held)
	}
}

// TestChosen: the report says which stage is judged where nobody chose one and
// another may ship.
func TestChosen(t *testing.T) {
	for src, want := range map[string]string{
		"FROM a\n": "[]",
		"FROM a AS dev\nFROM a\nCOPY --from=0 /x /\n": "[]",
		"FROM a AS api\nFROM a AS worker\n":           `[Dockerfile: judged stage "worker" because it is last; "api" may ship too: --target names the one that does]`,
		"FROM a AS test\nFROM a AS app\n":             "[]",
		"FROM a AS dev\n":                             "[]",
		"FROM a AS base\nFROM base AS dev\n":          `[Dockerfile: judged stage "dev" because it is last; --target names the one that ships]`,
	} {
		target := file
		target.Dockerfile = []byte(src)
		if got := fmt.Sprint(check(t, target, Options{}).Remarks); got != want {
			t.Errorf("%q: %s, want %s", src, got, want)
		}
		target.Build.Target = "0"
		if got := check(t, target, Options{}).Remarks; len(got) > 0 {
			t.Errorf("%q, chosen: %s", src, got)
		}
	}
}

// TestProvenance: an image alone is judged with the Dockerfile of its provenance,
// which is not asked for where no rule reads one; a broken one is said, and no more.
func TestProvenance(t *testing.T) {
	asked := 0
	answer := func() ([]byte, error) { return nil, nil }
	target := Target{Name: "t", OpenImage: func(context.Context) (*source.Image, error) {
		return &source.Image{Name: "i", Kind: "registry", Platform: "linux/amd64", Config: &v1.ConfigFile{}, Provenance: func(context.Context) ([]byte, error) {
			asked++
			return answer()
		}}, nil
	}}
	image := reports(nowhere, rule("a-image", needs(analysis.InputManifest)))
	both := reports(nowhere, rule("a-image", needs(analysis.InputManifest)), rule("a-dockerfile", needs(analysis.InputDockerfile)))
	if got := text(check(t, target, Options{Analyzers: []*analysis.Analyzer{image}})); got != "warning a-image" || asked != 0 {
		t.Errorf("no rule reads a Dockerfile: %s, asked %d times", got, asked)
	}
	const lacking = "warning a-image; not run a-dockerfile: needs a Dockerfile"
	res := check(t, target, Options{Analyzers: []*analysis.Analyzer{both}})
	if got := text(res); got != lacking || asked != 1 || len(res.Remarks) > 0 {
		t.Errorf("none: %s, asked %d times, %q", got, asked, res.Remarks)
	}
	answer = func() ([]byte, error) { return nil, errors.New("gone") }
	res = check(t, target, Options{Analyzers: []*analysis.Analyzer{both}})
	if got := text(res); got != lacking || fmt.Sprint(res.Remarks) != "[the image's provenance is not used: gone]" {
		t.Errorf("an error: %s, %q", got, res.Remarks)
	}
	answer = func() ([]byte, error) { return []byte("{"), nil }
	res = check(t, target, Options{Analyzers: []*analysis.Analyzer{both}})
	if got := text(res); got != lacking || len(res.Remarks) != 1 {
		t.Errorf("broken: %s, %q", got, res.Remarks)
	}
}

// TestBase: the base is looked for by what the annotations name, then by FROM, and
// only where a rule reads files; an image that is not below this one is no base.
func TestBase(t *testing.T) {
	var asked []string
	layer := make([]byte, 1024) // an empty archive, of one squashed layer
	sum := sha256.Sum256(layer)
	diffID := fmt.Sprintf("sha256:%x", sum)
	config := &v1.ConfigFile{RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sum)}}}}
	blob := source.Blob{DiffID: diffID, Size: int64(len(layer)), MediaType: string(types.OCIUncompressedLayer), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layer)), nil
	}}
	image := func() (*source.Image, error) {
		return &source.Image{Name: "i", Kind: "registry", Platform: "linux/amd64", Config: config, Layers: []source.Blob{blob}, BaseName: "r/base:1@sha256:0", BaseDigest: "sha256:1",
			Neighbour: func(_ context.Context, ref string) (*source.Image, error) {
				asked = append(asked, ref)
				return nil, errors.New("of another registry")
			}}, nil
	}
	files := []*analysis.Analyzer{reports(nowhere, rule("a-files", needs(analysis.InputFiles)))}
	for src, want := range map[string]string{
		"": "[r/base:1@sha256:1]", "FROM r/x:1\n": "[r/base:1@sha256:1 r/x:1]", "FROM r/x@sha256:2\n": "[r/base:1@sha256:1 r/x@sha256:2]", "FROM scratch\n": "[r/base:1@sha256:1]",
	} {
		asked = nil
		target := Target{Name: "t", OpenImage: func(context.Context) (*source.Image, error) { return image() }}
		if src != "" {
			target.Path, target.Dockerfile = "Dockerfile", []byte(src)
		}
		res := check(t, target, Options{Analyzers: files, AddedOnly: true})
		if got := fmt.Sprint(asked); got != want {
			t.Errorf("%q: asked %s, want %s", src, got, want)
		}
		if len(res.Remarks) == 0 || res.Remarks[len(res.Remarks)-1] != "where the base image ends is not known: its layers are judged with the others" {
			t.Errorf("%q: %q", src, res.Remarks)
		}
		asked = nil
		check(t, target, Options{Analyzers: []*analysis.Analyzer{reports(nowhere, rule("a-image", needs(analysis.InputManifest)))}})
		if len(asked) > 0 {
			t.Errorf("%q: %q is asked though no rule reads files", src, asked)
		}
	}
}

// TestAddedOnly: findings on the base's FROM and on its layers are dropped.
func TestAddedOnly(t *testing.T) {
	r := rule("a-x", nil)
	places := []analysis.Location{
		{Path: "Dockerfile", Line: 1, End: 1}, {Path: "Dockerfile", Line: 2, End: 2}, {Path: "requirements.txt", Line: 1, End: 1},
		{Layer: &analysis.Layer{Base: true}}, {Layer: &analysis.Layer{Index: 1}}, {},
	}
	a := &analysis.Analyzer{Name: "a", Rules: []*analysis.Rule{r}, Run: func(p *analysis.Pass) error {
		for _, l := range places {
			p.Report(analysis.Finding{Rule: r, Location: l, Key: l.String()})
		}
		return nil
	}}
	target := file
	target.Dockerfile = []byte("FROM a:1\nRUN x\n")
	for added, want := range map[bool]string{
		false: "Dockerfile:1, Dockerfile:2, requirements.txt:1, layer 0, layer 1, image", true: "Dockerfile:2, requirements.txt:1, layer 1, image",
	} {
		var got []string
		for _, f := range check(t, target, Options{Analyzers: []*analysis.Analyzer{a}, AddedOnly: added}).Findings {
			got = append(got, f.Location.String())
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("added only %v: %s, want %s", added, s, want)
		}
	}
}

// TestIgnores: what is ignored leaves the findings, in their order. Of an ignore
// that finds nothing something is said only where its rule was run and decided.
func TestIgnores(t *testing.T) {
	x, y := rule("a-x", nil), rule("a-y", nil)
	image := rule("a-image", needs(analysis.InputManifest))
	unused := rule("ignore-unused", nil)
	about := &analysis.Analyzer{Name: "ignore", Rules: []*analysis.Rule{unused}, Run: func(*analysis.Pass) error { return nil }}
	at := func(p *analysis.Pass) analysis.Location { return p.Dockerfile.Stages[0].Instructions[0].Location() }
	all := []*analysis.Analyzer{reports(at, y, x, image), about}
	target := func(names string) Target {
		return Target{Name: "t", Path: "Dockerfile", Dockerfile: []byte("FROM a:1\n# tare: ignore=" + names + " -- why\nRUN x\n")}
	}
	only := func(ids ...string) func(*analysis.Rule) bool {
		return func(r *analysis.Rule) bool { return slices.Contains(ids, r.ID) || r == unused }
	}
	for _, test := range []struct {
		names   string
		enabled func(*analysis.Rule) bool
		want    string
		ignored string
	}{
		{"a-x", only("a-x", "a-y"), "warning a-y", "a-x"},
		{"a-y,a-x", only("a-x", "a-y"), "", "a-x a-y"},
		{"a", only("a-x", "a-y"), "", "a-x a-y"},
		{"a-x", only("a-y"), "warning a-y", ""}, // disabled: it may be needed
		{"a-image", only("a-image"), "not run a-image: needs an image", ""},
		{"a-none", only("a-x"), "warning ignore-unused; warning a-x", ""},
	} {
		res := check(t, target(test.names), Options{Analyzers: all, Enabled: test.enabled})
		var ignored []string
		for _, i := range res.Ignored {
			ignored = append(ignored, i.Rule.ID)
			if i.Severity != analysis.Warning || i.By.Line != 2 || i.By.Reason != "why" {
				t.Errorf("%s: %+v", test.names, i)
			}
		}
		if got := text(res); got != test.want || strings.Join(ignored, " ") != test.ignored {
			t.Errorf("%s: %s, ignored %q, want %s, ignored %s", test.names, got, ignored, test.want, test.ignored)
		}
	}
	// a check that failed may have found it
	broken := &analysis.Analyzer{Name: "b", Rules: []*analysis.Rule{rule("b-x", nil)}, Run: func(*analysis.Pass) error { return errors.New("no") }}
	if got := text(check(t, target("a-none"), Options{Analyzers: []*analysis.Analyzer{about, broken}})); strings.Contains(got, "ignore-unused") {
		t.Errorf("after an error: %s", got)
	}
}
