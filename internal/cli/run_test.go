package cli

import (
	"sync/atomic"

	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tareweight/tare/analyzers"
	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/requirements"
	"github.com/tareweight/tare/internal/dockerfile"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/report"
	"github.com/tareweight/tare/internal/source"
)

// TestStatusOf: each status, and which of two counts.
func TestStatusOf(t *testing.T) {
	finding := func(s analysis.Severity) report.Target {
		return report.Target{Findings: []report.Finding{{Severity: s}}}
	}
	place := report.Target{NotRun: []report.NotRun{{Rule: "r", Location: report.Location{Path: "Dockerfile", Line: 1}}}}
	whole := report.Target{NotRun: []report.NotRun{{Rule: "r"}}}
	broken := report.Target{Errors: []string{"x"}}
	const errorOnly, warnings, notes, never = "error", "warning", "note", "never"
	for i, test := range []struct {
		targets []report.Target
		failOn  string
		strict  bool
		want    int
	}{
		{nil, warnings, true, Clean},
		{[]report.Target{finding(analysis.Error)}, errorOnly, false, Findings},
		{[]report.Target{finding(analysis.Warning)}, errorOnly, false, Clean},
		{[]report.Target{finding(analysis.Warning)}, warnings, false, Findings},
		{[]report.Target{finding(analysis.Note)}, warnings, false, Clean},
		{[]report.Target{finding(analysis.Note)}, notes, false, Findings},
		{[]report.Target{finding(analysis.Error)}, never, false, Clean},
		{[]report.Target{{}, finding(analysis.Warning), {}}, warnings, false, Findings},
		{[]report.Target{place}, warnings, false, Clean},
		{[]report.Target{place}, warnings, true, Findings},
		{[]report.Target{place}, never, true, Findings},
		{[]report.Target{whole}, warnings, true, Clean},
		{[]report.Target{finding(analysis.Error), broken}, warnings, true, Broken},
		{[]report.Target{broken}, never, false, Broken},
	} {
		for i := range test.targets {
			test.targets[i].Name = fmt.Sprint(i)
			test.targets[i].Configuration = report.Configuration{FailOn: test.failOn, Strict: test.strict}
		}
		if got := statusOf(&report.Document{Targets: test.targets}); got != test.want {
			t.Errorf("case %d: status %d, want %d", i, got, test.want)
		}
	}
}

// TestStatusOfEach: each target has its own threshold; what two have fails where it fails
// one of them.
func TestStatusOfEach(t *testing.T) {
	for _, test := range []struct {
		first, second string
		want          int
	}{{"error", "error", Clean}, {"warning", "error", Findings}, {"error", "warning", Findings}, {"never", "never", Clean}} {
		d := &report.Document{Targets: []report.Target{
			{Name: "a", Configuration: report.Configuration{FailOn: test.first}, Findings: []report.Finding{{Severity: analysis.Warning, Targets: []string{"b"}}}},
			{Name: "b", Configuration: report.Configuration{FailOn: test.second}},
		}}
		if got := statusOf(d); got != test.want {
			t.Errorf("%s and %s: %d, want %d", test.first, test.second, got, test.want)
		}
	}
}

// TestOutputs: two formats never write over each other, by whatever name the file
// is called.
func TestOutputs(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		formats []string
		output  string
		want    string // name=file of each, or the error
	}{
		{nil, "", "text="},
		{[]string{"json"}, "", "json="},
		{[]string{"json"}, "out", "json=out"},
		{[]string{"json=-"}, "", "json="},
		{[]string{"json"}, "-", "json="},
		{[]string{"json=a", "sarif=b", "text"}, "", "json=a sarif=b text="},
		{[]string{"json=a", "text"}, "b", "json=a text=b"},
		{[]string{"json=a", "sarif=./a"}, "", "would both be written"},
		{[]string{"json=a", "sarif=" + filepath.Join(wd, "a")}, "", "would both be written"},
		{[]string{"json", "sarif"}, "out", "would both be written"},
		{[]string{"json=/dev/null", "sarif=/dev/null"}, "", "json=/dev/null sarif=/dev/null"},
		{[]string{"json", "text"}, "", "2 formats would go to standard output"},
		{[]string{"xml"}, "", `unknown format "xml": want one of ` + strings.Join(report.Names(), ", ")},
	} {
		outs, err := destinations(test.formats, test.output, report.Names())
		var names []string
		for _, o := range outs {
			names = append(names, o.name+"="+o.file)
		}
		if got := strings.Join(names, " "); err == nil && got != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q, -o %q: %q, %v, want %q", test.formats, test.output, got, err, test.want)
		}
	}
}

// TestReplaceFile: a report is written whole, over the last one, with the rights
// of an ordinary file; where it cannot be, the last one stays.
func TestReplaceFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, text := range []string{"first and long", "second"} {
		if err := replaceFile("out", []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("out")
		if err != nil || string(got) != text {
			t.Errorf("%q, %v, want %q", got, err, text)
		}
	}
	info, err := os.Stat("out")
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	if err := replaceFile("none/out", nil); err == nil {
		t.Error("a directory that is not there is no error")
	}
}

// TestSnippets: the lines that are asked for, of the file that is asked for, and
// nothing from outside of the context.
func TestSnippets(t *testing.T) {
	target := driver.Target{ContextDir: "svc", Context: fstest.MapFS{
		"a.txt":     {Data: []byte("one\r\ntwo\n\nfour")},
		"b.txt":     {Data: []byte("b\n")},
		"large.txt": {Data: bytes.Repeat([]byte("x\n"), maxSnippetFile)},
	}}
	read := snippets(target)
	for _, test := range []struct {
		name        string
		first, last int
		want        string
	}{
		{"svc/a.txt", 1, 1, "[one]"}, {"svc/a.txt", 1, 2, "[one two]"}, {"svc/a.txt", 3, 4, "[ four]"}, {"svc/a.txt", 4, 9, "[four]"},
		{"svc/a.txt", 0, 1, "[]"}, {"svc/a.txt", 5, 5, "[]"}, {"svc/b.txt", 1, 2, "[b]"}, {"svc/a.txt", 2, 2, "[two]"},
		{"svc/none.txt", 1, 1, "[]"}, {"a.txt", 1, 1, "[]"}, {"svc/../../etc/passwd", 1, 1, "[]"}, {"svc/large.txt", 1, 1, "[]"},
	} {
		if got := fmt.Sprint(read(test.name, test.first, test.last)); got != test.want {
			t.Errorf("%s, lines %d to %d: %s, want %s", test.name, test.first, test.last, got, test.want)
		}
	}
	if got := snippets(driver.Target{})("a.txt", 1, 1); got != nil {
		t.Errorf("without a context: %q", got)
	}
}

// judging runs judge over the targets and names what comes of it, in order.
func judging(ctx context.Context, targets []target, limit time.Duration) (done, skipped []string, err error) {
	err = judge(ctx, targets, driver.Options{Analyzers: []*analysis.Analyzer{}}, limit,
		func(j judged) {
			r := j.report
			done = append(done, strings.Join(append([]string{r.Name}, r.Errors...), ": "))
		},
		func(why string) { skipped = append(skipped, why) })
	return done, skipped, err
}

func file(name, text string) target {
	return target{Target: driver.Target{Name: name, Path: name, Dockerfile: []byte(text)}}
}

// TestJudge: reports come in the order of their targets, however long each takes.
func TestJudge(t *testing.T) {
	var targets []target
	var want []string
	for i := range 50 {
		name := fmt.Sprintf("%02d", i)
		targets = append(targets, file(name, "FROM a"+strings.Repeat("\nRUN x", (50-i)*20)+"\n"))
		want = append(want, name)
	}
	done, _, err := judging(context.Background(), targets, 0)
	if err != nil || fmt.Sprint(done) != fmt.Sprint(want) {
		t.Errorf("%q, %v", done, err)
	}
}

// TestJudgeStage: of several targets, those without the stage are left out with a
// word; where none has it, it is wrong usage.
func TestJudgeStage(t *testing.T) {
	with := func(name, stage string) target {
		f := file(name, "FROM a AS "+stage+"\n")
		f.Build = dockerfile.Options{Target: "run"}
		return f
	}
	done, skipped, err := judging(context.Background(), []target{with("a", "run"), with("b", "test"), with("c", "run")}, 0)
	if err != nil || fmt.Sprint(done) != "[a c]" || fmt.Sprint(skipped) != `[b is left out: it has no stage "run"]` {
		t.Errorf("%q, skipped %q, %v", done, skipped, err)
	}
	for _, targets := range [][]target{{with("a", "test")}, {with("a", "test"), with("b", "test")}} {
		var status *statusError
		if _, _, err := judging(context.Background(), targets, 0); !errors.As(err, &status) || status.status != Usage {
			t.Errorf("%d targets, none with the stage: %v", len(targets), err)
		}
	}
}

// TestJudgeTime: what is not judged when the time is over is reported as that, and
// what was judged before is not lost; an interrupt ends the run.
func TestJudgeTime(t *testing.T) {
	slow := target{Target: driver.Target{Name: "slow", OpenImage: func(ctx context.Context) (*source.Image, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}}}
	needs := &analysis.Analyzer{Rules: []*analysis.Rule{{ID: "r", Needs: analysis.InputManifest}}, Run: func(*analysis.Pass) error { return nil }}
	run := func(ctx context.Context, limit time.Duration) (done []string, err error) {
		err = judge(ctx, []target{file("a", "FROM a\n"), slow}, driver.Options{Analyzers: []*analysis.Analyzer{needs}}, limit,
			func(j judged) {
				r := j.report
				done = append(done, strings.Join(append([]string{r.Name}, r.Errors...), ": "))
			}, nil)
		return done, err
	}
	done, err := run(context.Background(), 100*time.Millisecond)
	if err != nil || len(done) != 2 || done[0] != "a" || !strings.Contains(done[1], "longer than the limit of 100ms (--timeout)") {
		t.Errorf("%q, %v", done, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := run(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestErrorStream: what is said beside a report that goes to a file cannot move a
// terminal either: an error quotes the file, a note its name.
func TestErrorStream(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"broken": "\x1b]0;owned\a\n", "\x1b[2J.Dockerfile": "FROM a AS api\nFROM a AS worker\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		Main([]string{"check", "--no-config", "--no-cache", "-f", "json", "-o", "out", name}, Streams{Out: &out, Err: &errs}, analyzers.All...)
		if errs.Len() == 0 || strings.ContainsAny(errs.String(), "\x1b\a") {
			t.Errorf("%q: %q", name, errs.String())
		}
	}
}

// TestNamedTooLarge: a file of requirements that is named and cannot be read for its
// size is not judged, and that is no clean run.
func TestNamedTooLarge(t *testing.T) {
	t.Chdir(t.TempDir())
	for size, want := range map[int64]int{requirements.MaxSize: Clean, requirements.MaxSize + 1: Broken} {
		text := bytes.Repeat([]byte("#"), int(size))
		if err := os.WriteFile("requirements.txt", text, 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		status := Main([]string{"check", "--no-config", "--no-cache", "requirements.txt"}, Streams{Out: &out, Err: &errs}, analyzers.All...)
		if status != want || want == Broken && !strings.Contains(out.String(), "more than the limit of 4194304") {
			t.Errorf("%d bytes: status %d, %s", size, status, out.Bytes())
		}
	}
}

// TestOneIndex: however many targets are judged at once, the layers of one image
// alone are in memory.
func TestOneIndex(t *testing.T) {
	var now, most atomic.Int32
	files := &analysis.Analyzer{Name: "a", Rules: []*analysis.Rule{{ID: "r", Needs: analysis.InputFiles}}, Run: func(*analysis.Pass) error {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
		return nil
	}}
	var targets []target
	for i := range 12 {
		targets = append(targets, target{Target: driver.Target{Name: fmt.Sprint(i), OpenImage: func(context.Context) (*source.Image, error) {
			return &source.Image{Name: "i", Kind: "registry", Platform: "linux/amd64", Config: &v1.ConfigFile{}}, nil
		}}})
	}
	done := 0
	err := judge(context.Background(), targets, driver.Options{Analyzers: []*analysis.Analyzer{files}, Limits: source.DefaultLimits}, 0,
		func(j judged) {
			if done++; len(j.report.Errors) > 0 {
				t.Error(j.report.Errors)
			}
		}, nil)
	if err != nil || done != 12 || most.Load() != 1 {
		t.Errorf("%d judged, %d at once, %v", done, most.Load(), err)
	}
}
