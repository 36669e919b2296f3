package driver

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/ignore"
	"github.com/tareweight/tare/internal/source"
)

func pod(kind, name, container string, line int) Pod {
	return Pod{
		Container: &analysis.Container{
			Workload: &analysis.Workload{Kind: kind, Name: name}, Name: container, At: analysis.Location{Path: "k.yaml", Line: line, End: line},
		},
		Manifest: Manifest{Path: "k.yaml"},
	}
}

// TestPods: what runs an image is judged with it. Each container has its findings, and keys that no other has; what is said of all of them
// is said once; and facts of the image are derived once.
func TestPods(t *testing.T) {
	onPod := rule("a-pod", needs(analysis.InputWorkload))
	onImage := rule("a-image", needs(analysis.InputDockerfile))
	closed := rule("a-closed", needs(analysis.InputWorkload|analysis.InputFiles))
	both := rule("a-both", func(r *analysis.Rule) { r.Any = analysis.InputDockerfile | analysis.InputWorkload })
	derived := 0
	shared := &analysis.Fact[int]{Name: "shared", Compute: func(*analysis.Pass) (int, error) { derived++; return derived, nil }}
	own := &analysis.Fact[string]{Name: "own", Pod: true, Compute: func(p *analysis.Pass) (string, error) {
		if p.Container == nil {
			return "", nil
		}
		return p.Container.Workload.Name, nil
	}}
	a := &analysis.Analyzer{
		Name: "a", Rules: []*analysis.Rule{onPod, onImage, closed, both}, Needs: analysis.Needs{Facts: []analysis.AnyFact{shared, own}},
		Run: func(p *analysis.Pass) error {
			shared.Of(p)
			if p.Container == nil {
				if len(p.RunBy) != 2 {
					t.Errorf("the image is run by %d containers, not 2", len(p.RunBy))
				}
				p.Reportf(onImage, p.Dockerfile.Target, "image", "of the image")
				p.Reportf(both, p.Dockerfile.Target, "image", "of the image")
				return nil
			}
			if own.Of(p) != p.Container.Workload.Name {
				t.Errorf("the fact of %q is that of %q", p.Container.Workload.Name, own.Of(p))
			}
			p.Reportf(onPod, p.Container, p.Container.Name, "of the pod")
			return nil
		},
	}
	comments := 0
	target := file
	target.Pods = []Pod{pod("Deployment", "one", "web", 5), pod("Deployment", "two", "web", 15)}
	for i := range target.Pods {
		target.Pods[i].Manifest.Comments = func() []*ignore.Ignore { comments++; return nil }
	}
	res := check(t, target, Options{Analyzers: []*analysis.Analyzer{a}})
	var got []string
	for _, f := range res.Findings {
		got = append(got, f.Location.String()+" "+f.Rule.ID+" "+f.Key)
	}
	want := []string{
		"Dockerfile:1 a-both image", "Dockerfile:1 a-image image",
		"k.yaml:5 a-pod Deployment one: web", "k.yaml:15 a-pod Deployment two: web",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(res.NotRun) != 1 || res.NotRun[0].Rule != closed || res.NotRun[0].Reason != "needs an image" {
		t.Errorf("not run: %v", res.NotRun)
	}
	if derived != 1 {
		t.Errorf("the fact of the image was derived %d times", derived)
	}
	if comments != 1 {
		t.Errorf("the comments of the manifest were read %d times", comments)
	}
}

// TestPodsOnly: what a container runs is not opened for rules that are not about containers, and those are not run.
func TestPodsOnly(t *testing.T) {
	target := Target{Name: "t", Pods: []Pod{pod("Pod", "one", "web", 5)}, PodsOnly: true}
	target.OpenImage = func(context.Context) (*source.Image, error) { return nil, errors.New("opened") }
	a := reports(nowhere, rule("a-files", needs(analysis.InputFiles)), rule("a-pod", needs(analysis.InputWorkload)))
	if got := text(check(t, target, Options{Analyzers: []*analysis.Analyzer{a}})); got != "warning a-pod" {
		t.Errorf("got %q", got)
	}
}

// TestPodsBeside: a container that is judged apart from what it runs knows the Dockerfile, and says nothing of it.
func TestPodsBeside(t *testing.T) {
	unused := rule("ignore-unused", nil)
	about := &analysis.Analyzer{Name: "ignore", Rules: []*analysis.Rule{unused}, Run: func(*analysis.Pass) error { return nil }}
	onPod := rule("a-pod", func(r *analysis.Rule) {
		r.Needs, r.Any = analysis.InputWorkload, analysis.InputDockerfile|analysis.InputFiles
	})
	a := &analysis.Analyzer{Name: "a", Rules: []*analysis.Rule{onPod}, Run: func(p *analysis.Pass) error {
		p.Reportf(onPod, p.Container, "key", "of %s", p.Dockerfile.Target.From)
		return nil
	}}
	target := Target{Name: "t", Path: "Dockerfile", Pods: []Pod{pod("Pod", "one", "web", 5)}, PodsOnly: true}
	for source, want := range map[string]string{
		"# tare: ignore=a-none -- why\nFROM a:1\n": "warning a-pod",
		"FROM\n": "not run a-pod: needs a Dockerfile or an image",
	} {
		target.Dockerfile = []byte(source)
		res := check(t, target, Options{Analyzers: []*analysis.Analyzer{a, about}})
		if got := text(res); got != want || res.Dockerfile != nil {
			t.Errorf("%q: got %q, want %q", source, got, want)
		}
	}
}

// TestPodsUndecided: without an image a rule may have said nothing for the want of it, and a comment that ignores it is not unused.
func TestPodsUndecided(t *testing.T) {
	unused := rule("ignore-unused", nil)
	about := &analysis.Analyzer{Name: "ignore", Rules: []*analysis.Rule{unused}, Run: func(*analysis.Pass) error { return nil }}
	may := func(r *analysis.Rule) {
		r.Needs, r.Any = analysis.InputWorkload, analysis.InputDockerfile|analysis.InputFiles
	}
	silent := &analysis.Analyzer{
		Name: "a", Rules: []*analysis.Rule{rule("a-may", may), rule("a-sure", needs(analysis.InputWorkload))},
		Run: func(*analysis.Pass) error { return nil },
	}
	for name, want := range map[string]string{"a-may": "", "a-sure": "warning ignore-unused"} {
		target := file
		target.Pods = []Pod{pod("Pod", "one", "web", 5)}
		target.Pods[0].Manifest.Comments = func() []*ignore.Ignore {
			return ignore.Read("k.yaml", []byte("# tare: ignore="+name+" -- why\nkind: Pod\n"), nil)
		}
		if got := text(check(t, target, Options{Analyzers: []*analysis.Analyzer{silent, about}})); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestPodsProvisional: nobody runs a stage for development by its name, and what a manifest says is no less for it.
func TestPodsProvisional(t *testing.T) {
	r := rule("a-runtime", func(r *analysis.Rule) { r.Any, r.Runtime = analysis.InputDockerfile|analysis.InputWorkload, true })
	a := &analysis.Analyzer{Name: "a", Rules: []*analysis.Rule{r}, Run: func(p *analysis.Pass) error {
		if p.Container != nil {
			p.Reportf(r, p.Container, "key", "of the pod")
		} else {
			p.Reportf(r, p.Dockerfile.Target, "key", "of the stage")
		}
		return nil
	}}
	target := file
	target.Dockerfile, target.Pods = []byte("FROM a:1 AS prod\nFROM prod AS dev\n"), []Pod{pod("Pod", "one", "web", 5)}
	if got := text(check(t, target, Options{Analyzers: []*analysis.Analyzer{a}})); got != "note a-runtime; warning a-runtime" {
		t.Errorf("got %q", got)
	}
}
