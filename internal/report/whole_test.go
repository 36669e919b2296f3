package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/report"
)

// several is a report of several targets: what they share, and what they do not.
func several() *report.Document {
	found := func(rule string, severity analysis.Severity, path string, line int, snippet, message string) report.Finding {
		return report.Finding{
			Rule: rule, Severity: severity, Message: message, Snippet: snippet, Fingerprint: fmt.Sprint(path, line),
			Location: report.Location{Path: path, Line: line, End: line}, Related: []report.Related{}, Fixes: []report.Fix{},
		}
	}
	pin := func(path string, line int, snippet string) report.Finding {
		f := found("pinned-requirement", analysis.Warning, path, line, snippet, snippet+" is open")
		f.Among, f.Targets = 5, []string{"b"}
		return f
	}
	layer := func(n int) report.Finding {
		f := found("pinned-requirement", analysis.Warning, "etc/req.txt", 0, "", fmt.Sprint("in a layer ", n))
		f.Location.Layer, f.Location.Index = "sha256:1", 3
		return f
	}
	ignored := func(line, by int, until string) report.Ignored {
		return report.Ignored{
			Finding: found("slimbase-full", analysis.Warning, "svc/Dockerfile", line, "", "m"), Reason: "ours", Until: until,
			By: report.Location{Path: "svc/Dockerfile", Line: by, End: by},
		}
	}
	setting := func(path string, line int, key, value string) report.Setting {
		return report.Setting{Path: path, Line: line, Key: key, Value: value}
	}
	notRun := func(rule, why string) report.NotRun { return report.NotRun{Rule: rule, Reason: why} }
	place := report.NotRun{Rule: "slimbase-full", Reason: "its base is not known", Location: report.Location{Path: "svc/Dockerfile", Line: 9, End: 9}}
	d := &report.Document{
		Version: report.Version, Tool: report.Tool{Name: "tare", Version: "v1"},
		Rules: []report.Rule{
			{ID: "pinned-requirement", Title: "t", Severity: analysis.Warning, Many: "are not pinned"}, {ID: "pinned-inline", Title: "t", Severity: analysis.Warning},
			{ID: "slimbase-full", Title: "t", Severity: analysis.Warning}, {ID: "ignore-unused", Title: "t", Severity: analysis.Note},
		},
		Baseline: &report.Baseline{Path: "base.json", Known: 1, Gone: 2},
	}
	first := report.Target{
		Name: "svc/Dockerfile", Context: ".",
		Dockerfile: &report.Dockerfile{Path: "svc/Dockerfile", Target: "run", Stages: []report.Stage{{Name: "run", Line: 1}}},
		Configuration: report.Configuration{Settings: []report.Setting{
			setting(".tare.yaml", 1, "a", "1"), setting("svc/.tare.yaml", 2, "b", "2"), setting(".tare.yaml", 3, "c", "3"),
		}},
		Findings: []report.Finding{
			found("slimbase-full", analysis.Warning, "svc/Dockerfile", 1, "FROM x", "too full"), found("slimbase-full", analysis.Note, "svc/Dockerfile", 2, "FROM y", "a note"),
			pin("req.txt", 1, "flask"), pin("req.txt", 2, "pydantic>=2 # why"), pin("req.txt", 4, "  gunicorn \\"), pin("other.txt", 1, "a"), pin("other.txt", 2, "b"),
			layer(1), layer(2), layer(3),
		},
		Ignored: []report.Ignored{ignored(3, 2, "2027-01-31"), ignored(4, 2, "2027-01-31"), ignored(6, 5, "")},
		NotRun:  []report.NotRun{notRun("pinned-inline", "needs an image"), place},
	}
	second := report.Target{
		Name: "b", Context: "b", Dockerfile: &report.Dockerfile{Path: "b/Dockerfile"},
		Configuration: report.Configuration{Settings: []report.Setting{setting(".tare.yaml", 1, "a", "1"), setting(".tare.yaml", 3, "c", "3")}},
		NotRun:        []report.NotRun{notRun("pinned-inline", "needs an image"), notRun("slimbase-full", "no base is set"), place},
	}
	broken := report.Target{Name: "t3", Errors: []string{"read x: no", "of t3: too"}, NotRun: []report.NotRun{notRun("pinned-inline", "it cannot be read")}}
	file := report.Target{Name: ".tare.yaml", Findings: []report.Finding{found("ignore-unused", analysis.Warning, ".tare.yaml", 7, "", "unused")}}
	d.Targets = []report.Target{first, second, broken, file}
	return d
}

// TestSeveral: what several targets share is said once, what one of them alone has with its
// name; many findings of a kind in one file are one line; an error is the first word.
func TestSeveral(t *testing.T) {
	const want = `svc/Dockerfile:1: warning: too full [slimbase-full]
     1 | FROM x
       | ^~~~~~

req.txt:1: warning: 3 of 5 lines of req.txt are not pinned: flask, pydantic>=2 and gunicorn [pinned-requirement]
       | flask is open (and of b)

other.txt:1: warning: a is open (and of b) [pinned-requirement]
     1 | a
       | ^
other.txt:2: warning: b is open (and of b) [pinned-requirement]
     2 | b
       | ^

layer 3: etc/req.txt: warning: in a layer 1 [pinned-requirement]
layer 3: etc/req.txt: warning: in a layer 2 [pinned-requirement]
layer 3: etc/req.txt: warning: in a layer 3 [pinned-requirement]

ignored: svc/Dockerfile by line 2, 2 findings of slimbase-full, until 2027-01-31: ours
ignored: svc/Dockerfile by line 5, 1 finding of slimbase-full: ours
could not be judged: t3: read x: no
could not be judged: of t3: too
.tare.yaml:7: warning: unused [ignore-unused]

svc/Dockerfile: build context: .
svc/Dockerfile and b: settings of .tare.yaml: a 1, c 3
svc/Dockerfile: settings of svc/.tare.yaml: b 2
not decided: svc/Dockerfile:9: slimbase-full: its base is not known
not run: pinned-inline (needs an image)
not run: slimbase-full (no base is set, of 1 of 2 targets)
known: 1 finding of base.json, not counted; 2 gone
10 warnings, 1 note (--notes shows it)
`
	var b bytes.Buffer
	if err := report.Text(&b, several(), report.Options{}); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
	for _, test := range []struct {
		opt       report.Options
		there     []string
		not       []string
		firstLine string
	}{
		{report.Options{Notes: true}, []string{"a note", "10 warnings, 1 note\n"}, nil, ""},
		{report.Options{Quiet: true}, []string{"too full", "could not be judged: t3", "unused"}, []string{"settings", "not run", "known", "ignored:", "10 warnings", "a note"}, ""},
	} {
		b.Reset()
		if err := report.Text(&b, several(), test.opt); err != nil {
			t.Fatal(err)
		}
		for _, s := range test.there {
			if !strings.Contains(b.String(), s) {
				t.Errorf("%+v: want %q", test.opt, s)
			}
		}
		for _, s := range test.not {
			if strings.Contains(b.String(), s) {
				t.Errorf("%+v: %q is there", test.opt, s)
			}
		}
	}
	one := several()
	one.Targets = one.Targets[:1]
	b.Reset()
	if err := report.Text(&b, one, report.Options{}); err != nil || !strings.Contains(b.String(), "\nbuild context: .\nsettings of .tare.yaml: a 1, c 3\nsettings of svc/.tare.yaml: b 2\n") {
		t.Errorf("%v, one target is named:\n%s", err, b.String())
	}
	one.Targets = several().Targets[2:3]
	b.Reset()
	if err := report.Text(&b, one, report.Options{}); err != nil || b.String() != "could not be judged: read x: no\ncould not be judged: of t3: too\nknown: 1 finding of base.json, not counted; 2 gone\n" {
		t.Errorf("%v, a target that cannot be judged:\n%s", err, b.String())
	}
	two := several() // two alike are listed, three are one
	two.Targets[0].Findings = two.Targets[0].Findings[2:4]
	b.Reset()
	if err := report.Text(&b, two, report.Options{}); err != nil || strings.Contains(b.String(), "lines of") || strings.Count(b.String(), "is open") != 2 {
		t.Errorf("%v, two findings:\n%s", err, b.String())
	}
}

// TestFiles: the largest files of a finding are named, three, and with Verbose all.
func TestFiles(t *testing.T) {
	d := &report.Document{Targets: []report.Target{{Name: "t", Findings: []report.Finding{{
		Rule: "r", Severity: analysis.Warning, Message: "m", Location: report.Location{Path: "Dockerfile", Line: 1}, Snippet: "RUN x",
		Related: []report.Related{{Message: "installed here", Location: report.Location{Path: "Dockerfile", Line: 2}}},
	}}}}}
	for n, name := range []string{"a", "b", "c", "d"} {
		f := &d.Targets[0].Findings[0]
		f.Related = append(f.Related, report.Related{Message: fmt.Sprint(9-n, " MB"), Location: report.Location{Path: "usr/" + name, Layer: "sha256:1"}})
		for verbose, want := range map[bool]string{
			false: []string{"usr/a (9 MB)\n", "usr/a (9 MB), usr/b (8 MB)\n", "usr/a (9 MB), usr/b (8 MB), usr/c (7 MB)\n", "usr/a (9 MB), usr/b (8 MB), usr/c (7 MB) ...\n"}[n],
			true:  []string{"usr/a (9 MB)\n", "usr/a (9 MB), usr/b (8 MB)\n", "usr/a (9 MB), usr/b (8 MB), usr/c (7 MB)\n", "usr/a (9 MB), usr/b (8 MB), usr/c (7 MB), usr/d (6 MB)\n"}[n],
		} {
			var b bytes.Buffer
			if err := report.Text(&b, d, report.Options{Verbose: verbose}); err != nil || !strings.Contains(b.String(), "^~~~~\n       | "+want) {
				t.Errorf("%d files, verbose %v: %v, %s", n+1, verbose, err, b.String())
			}
		}
	}
}

// TestJoin: the same finding of several targets stands in the first, with the places of all.
func TestJoin(t *testing.T) {
	at := func(path string, line int) report.Location { return report.Location{Path: path, Line: line} }
	finding := func(key string, l report.Location, related ...int) report.Finding {
		f := report.Finding{Rule: "r", Key: key, Severity: analysis.Warning, Location: l}
		for _, n := range related {
			f.Related = append(f.Related, report.Related{Message: "here", Location: at("D", n)})
		}
		return f
	}
	image := report.Location{}
	layer := report.Location{Path: "usr", Layer: "sha256:1"}
	note := finding("a", at("f", 1))
	note.Severity = analysis.Note
	d := &report.Document{Targets: []report.Target{
		{Name: "x", Findings: []report.Finding{finding("a", at("f", 1), 1), finding("a", at("f", 1), 9), finding("i", image), finding("l", layer)}},
		{Name: "y", Findings: []report.Finding{finding("a", at("f", 1), 2, 1), finding("b", at("f", 1)), finding("a", at("f", 2)), finding("a", at("g", 1)), note, finding("i", image), finding("l", layer)}},
		{Name: "z", Findings: []report.Finding{finding("a", at("f", 1), 3), finding("b", at("f", 1))}},
	}}
	d.Join()
	var got []string
	for _, x := range d.Targets {
		for _, f := range x.Findings {
			s := fmt.Sprintf("%s %s %s:%d %s%v", x.Name, f.Key, f.Location.Path, f.Location.Line, f.Severity[:1], f.Targets)
			for _, r := range f.Related {
				s += fmt.Sprint(" ", r.Location.Line)
			}
			got = append(got, s)
		}
	}
	want := []string{"x a f:1 w[y z] 1 2 3", "x a f:1 w[] 9", "x i :0 w[]", "x l usr:0 w[]", "y b f:1 w[z]", "y a f:2 w[]", "y a g:1 w[]", "y a f:1 n[]", "y i :0 w[]", "y l usr:0 w[]"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestJoinPlatforms: what is the same in the layers of several platforms of an image stands once, what
// differs in bytes for each.
func TestJoinPlatforms(t *testing.T) {
	target := func(name, image, layer, message string) report.Target {
		return report.Target{Name: name, Image: &report.Image{Name: image}, Findings: []report.Finding{
			{Rule: "r", Key: "k", Message: message, Location: report.Location{Path: "usr", Layer: layer, Index: 1}},
			{Rule: "r", Key: "image", Message: message},
		}}
	}
	d := &report.Document{Targets: []report.Target{
		target("a", "app", "sha256:1", "same"), target("b", "app", "sha256:2", "same"), target("c", "app", "sha256:3", "other"),
		target("d", "else", "sha256:1", "same"),
	}}
	d.Join()
	got := ""
	for _, x := range d.Targets {
		got += fmt.Sprint(x.Name, len(x.Findings), " ")
	}
	if got != "a2 b0 c2 d2 " || !slices.Equal(d.Targets[0].Findings[0].Targets, []string{"b"}) {
		t.Errorf("%s %v", got, d.Targets[0].Findings[0].Targets)
	}
}

// TestSavings: each byte once. What of the base another base would save is not counted twice, for
// each of the two sizes.
func TestSavings(t *testing.T) {
	f := func(unpacked, download int64, kind string) report.Finding {
		return report.Finding{Rule: "r", Bytes: &report.Bytes{Unpacked: unpacked, Download: download}, OfBase: kind == "base", Swap: kind == "swap"}
	}
	for i, test := range []struct {
		list []report.Finding
		want string
	}{
		{nil, "null"},
		{[]report.Finding{{Rule: "r"}}, "null"},
		{[]report.Finding{f(10, 4, ""), f(5, 1, "")}, `{"unpacked":15,"download":5}`},
		{[]report.Finding{f(10, 4, ""), f(7, 3, "base")}, `{"unpacked":17,"download":7}`},
		{[]report.Finding{f(10, 4, ""), f(7, 3, "base"), f(90, 30, "swap")}, `{"unpacked":100,"download":34}`},
		{[]report.Finding{f(10, 4, ""), f(7, 3, "base"), f(0, 30, "swap")}, `{"unpacked":17,"download":7}`},
	} {
		got, err := json.Marshal(report.Savings(test.list))
		if err != nil || string(got) != test.want {
			t.Errorf("%d: got %s, %v, want %s", i, got, err, test.want)
		}
	}
}

// TestJoinMany: a finding of very many targets names all of them, and 50 places.
func TestJoinMany(t *testing.T) {
	d := &report.Document{}
	for i := range 60 {
		d.Targets = append(d.Targets, report.Target{Name: fmt.Sprint(i), Findings: []report.Finding{{
			Rule: "r", Location: report.Location{Path: "f", Line: 1}, Related: []report.Related{{Location: report.Location{Path: fmt.Sprint(i), Line: 1}}},
		}}})
	}
	d.Join()
	if f := d.Targets[0].Findings[0]; len(f.Targets) != 59 || len(f.Related) != 50 || f.Related[49].Location.Path != "49" {
		t.Errorf("%d targets, %d places", len(f.Targets), len(f.Related))
	}
}

// TestJoinIgnored: what is ignored for several targets stands once, and its comment is used.
func TestJoinIgnored(t *testing.T) {
	by := report.Location{Path: "f", Line: 1, End: 1}
	ignored := func(line int) report.Ignored {
		return report.Ignored{Finding: report.Finding{Rule: "r", Key: "k", Location: report.Location{Path: "f", Line: line}}, By: by}
	}
	unused := func(line int) report.Finding {
		return report.Finding{Rule: "ignore-unused", Location: report.Location{Path: "f", Line: line, End: line}}
	}
	layer := ignored(0)
	layer.Location.Layer = "sha256:1"
	whole := ignored(0)
	whole.Location.Path = ""
	d := &report.Document{Targets: []report.Target{
		{Name: "a", Findings: []report.Finding{unused(1), unused(5)}},
		{Name: "b", Ignored: []report.Ignored{ignored(2), ignored(2), ignored(4), layer, whole}},
		{Name: "c", Ignored: []report.Ignored{ignored(2), ignored(3), ignored(4), layer, whole}, Findings: []report.Finding{unused(1)}},
	}}
	d.Join()
	var got []string
	for _, x := range d.Targets {
		got = append(got, fmt.Sprint(x.Name, len(x.Findings), len(x.Ignored)))
	}
	if s := strings.Join(got, " "); s != "a1 0 b0 5 c0 3" {
		t.Error(s)
	}
}

// TestSARIFSeveral: notifications, links, suppressions, and whose a result is.
func TestSARIFSeveral(t *testing.T) {
	d := several()
	d.Targets[0].Findings[0].Related = nil
	for i := range 12 {
		what := "made here"
		if i > 2 {
			what = fmt.Sprint("place ", i)
		}
		d.Targets[0].Findings[0].Related = append(d.Targets[0].Findings[0].Related, report.Related{Message: what, Location: report.Location{Path: "svc/Dockerfile", Line: i + 1, End: i + 1}})
	}
	d.Targets[0].Ignored[2].Configured = true
	d.Targets[1].Known = []report.Finding{d.Targets[0].Findings[5]}
	d.Targets[0].Findings[0].Fixes = []report.Fix{{Message: "use z", Edits: []report.Edit{{Path: "svc/Dockerfile", Line: 2, End: 3, New: "FROM z"}}}}
	var b bytes.Buffer
	if err := report.SARIF(&b, d, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Runs []struct {
			Invocations []struct {
				ExecutionSuccessful        bool
				ToolExecutionNotifications []struct {
					Level          string
					Message        struct{ Text string }
					AssociatedRule struct{ ID string }
				}
			}
			Results []struct {
				Message          struct{ Text string }
				RelatedLocations []struct{ ID int }
				Suppressions     []struct{ Kind, Justification string }
				Properties       struct {
					Target  string
					Targets []string
				}
				Fixes []struct {
					ArtifactChanges []struct {
						Replacements []struct {
							DeletedRegion   struct{ StartLine, EndLine int }
							InsertedContent struct{ Text string }
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil || len(log.Runs) != 1 {
		t.Fatal(err)
	}
	run := log.Runs[0]
	var said []string
	for _, n := range run.Invocations[0].ToolExecutionNotifications {
		said = append(said, strings.TrimSpace(n.Level+" "+n.Message.Text+" "+n.AssociatedRule.ID))
	}
	want := []string{
		"note svc/Dockerfile: settings of .tare.yaml: a 1, c 3; settings of svc/.tare.yaml: b 2", "note needs an image pinned-inline",
		"note svc/Dockerfile: svc/Dockerfile:9: its base is not known slimbase-full", "note b: settings of .tare.yaml: a 1, c 3", "note no base is set slimbase-full", "note b: svc/Dockerfile:9: its base is not known slimbase-full", "error t3: read x: no", "error t3: of t3: too",
		"note it cannot be read pinned-inline",
	}
	if strings.Join(said, "\n") != strings.Join(want, "\n") || run.Invocations[0].ExecutionSuccessful {
		t.Errorf("%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	first := run.Results[0]
	if want := "too full ([made here](1), [2](2), [3](3), [place 3](4), [place 4](5), [place 5](6), [place 6](7), [place 7](8), [place 8](9), [place 9](10))"; first.Message.Text != want {
		t.Errorf("%s\nwant\n%s", first.Message.Text, want)
	}
	if len(first.RelatedLocations) != 12 || first.RelatedLocations[0].ID != 1 || first.RelatedLocations[11].ID != 12 {
		t.Errorf("related %+v", first.RelatedLocations)
	}
	if r := first.Fixes[0].ArtifactChanges[0].Replacements[0]; r.DeletedRegion.StartLine != 2 || r.DeletedRegion.EndLine != 4 || r.InsertedContent.Text != "FROM z\n" {
		t.Errorf("fix %+v", r)
	}
	var suppressed []string
	for _, r := range run.Results {
		for _, s := range r.Suppressions {
			suppressed = append(suppressed, s.Kind+" "+s.Justification)
		}
	}
	if got := strings.Join(suppressed, ", "); got != "inSource ours, inSource ours, external ours, external the baseline has it" {
		t.Error(got)
	}
	if p := run.Results[2].Properties; p.Target != "svc/Dockerfile" || fmt.Sprint(p.Targets) != "[b]" {
		t.Errorf("%+v", p)
	}
	d.Targets = d.Targets[1:2]
	b.Reset()
	if err := report.SARIF(&b, d, report.Options{}); err != nil || !strings.Contains(b.String(), `"executionSuccessful": true`) {
		t.Errorf("a run without errors is not successful: %v", err)
	}
}
