package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/report"
)

// written is a document in a format.
func written(t testing.TB, name string, d *report.Document) string {
	t.Helper()
	f, ok := report.FormatOf(name)
	if !ok {
		t.Fatal(name)
	}
	var b bytes.Buffer
	if err := f.Write(&b, d, report.Options{Notes: true}); err != nil {
		t.Fatal(name, err)
	}
	return b.String()
}

// sized is a document of one image, two findings of bytes and one without.
func sized() *report.Document {
	size := func(n int64) *int64 { return &n }
	at := func(line int) []report.Lines { return []report.Lines{{Path: "Dockerfile", Line: line, End: line}} }
	return &report.Document{Version: report.Version, Tool: report.Tool{Name: "tare"}, Targets: []report.Target{{
		Name: "Dockerfile", Dockerfile: &report.Dockerfile{Path: "Dockerfile"},
		Savings: &report.Bytes{Unpacked: 30e6, Download: 9e6},
		Image: &report.Image{
			Name: "app:1", Platform: "linux/amd64", UnpackedBytes: size(100e6), CompressedBytes: size(40e6), Base: report.ImageBase{Ref: "python:3.13", How: "tag", Layers: 1},
			Layers: []report.Layer{
				{DiffID: "sha256:1", UnpackedBytes: size(50e6), CompressedBytes: size(20e6), Base: true, CreatedBy: "ADD rootfs.tar / # buildkit"},
				{DiffID: "sha256:2", UnpackedBytes: size(40e6), CompressedBytes: size(15e6), CreatedBy: "RUN /bin/sh -c pip install -r requirements.txt # buildkit", Instructions: at(2)},
				{DiffID: "sha256:3", UnpackedBytes: size(10e6), CompressedBytes: size(5e6), CreatedBy: "COPY . /app # buildkit", Instructions: at(3)},
			},
			Packages: []report.Package{{Name: "sympy", Layer: "sha256:2", Bytes: 15e6}},
		},
		Findings: []report.Finding{
			{Rule: "waste-tests", Severity: analysis.Note, Message: "ships tests", Fingerprint: "a", Bytes: &report.Bytes{Unpacked: 5e6}, Location: report.Location{Path: "Dockerfile", Line: 3}},
			{Rule: "waste-bytecode", Severity: analysis.Warning, Message: "ships bytecode", Fingerprint: "b", Bytes: &report.Bytes{Unpacked: 25e6, Download: 9e6}, Location: report.Location{Path: "Dockerfile", Line: 2}},
			{Rule: "sizebudget-app", Severity: analysis.Error, Message: "too large, by 100%: a", Fingerprint: "c", Location: report.Location{}},
		},
	}}}
}

// TestGitHub: the worst of each level, and how many more there are; what is at no line stands in the log.
func TestGitHub(t *testing.T) {
	d := sized()
	for i := range 12 {
		d.Targets[0].Findings = append(d.Targets[0].Findings, report.Finding{Rule: "r", Severity: analysis.Warning, Message: "m", Location: report.Location{Path: "a,b:c", Line: i + 1, End: i + 3}})
	}
	d.Targets[0].Place.Prefix = "sub"
	lines := strings.Split(strings.TrimSpace(written(t, "github", d)), "\n")
	if len(lines) != 1+10+1+1 || lines[0] != "::error title=sizebudget-app::Dockerfile: image: too large, by 100%25: a" ||
		lines[1] != "::warning file=sub/Dockerfile,line=2,endLine=2,title=waste-bytecode::ships bytecode" ||
		lines[2] != "::warning file=sub/a%2Cb%3Ac,line=1,endLine=3,title=r::m" || lines[12] != "3 more warnings: GitHub shows 10 of a level" {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
}

// TestMarkdown: what it weighs, what to do first, and the rest; never more than a comment may have.
func TestMarkdown(t *testing.T) {
	text := written(t, "markdown", sized())
	for _, want := range []string{
		"### Tare: 1 error, 1 warning, 1 note\n", "`app:1`: **100 MB** unpacked, **40 MB** to download; 30 MB need not be there",
		"| 1 | 25 MB | `Dockerfile:2` | ships bytecode |\n| 2 | 5.0 MB | `Dockerfile:3` | ships tests |\n", "- error image: too large, by 100%\\: a `sizebudget-app`",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	d := sized()
	for range 2000 {
		d.Targets[0].Findings = append(d.Targets[0].Findings, report.Finding{Rule: "r", Severity: analysis.Warning, Message: strings.Repeat("long ", 30)})
	}
	if text := written(t, "markdown", d); len(text) > 65_000 || !strings.Contains(text, "more findings: the JSON report has all") {
		t.Errorf("%d bytes: %s", len(text), text[len(text)-200:])
	}
	d = sized()
	for range 2000 {
		d.Targets[0].Findings = append(d.Targets[0].Findings, report.Finding{Rule: "r", Severity: analysis.Warning, Message: strings.Repeat("long ", 30), Bytes: &report.Bytes{Unpacked: 1}})
	}
	if text := written(t, "markdown", d); len(text) > 65_000 || !strings.Contains(text, "more is in the JSON report") {
		t.Errorf("%d bytes of advice", len(text))
	}
}

func TestJUnitAndGitLab(t *testing.T) {
	d := sized()
	d.Targets = append(d.Targets, report.Target{Name: "clean"}, report.Target{Name: "gone", Errors: []string{"no such image"}})
	var suites struct {
		Suites []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Errors   int    `xml:"errors,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(written(t, "junit", d)), &suites); err != nil || fmt.Sprint(suites.Suites) != "[{Dockerfile 3 2 0} {clean 1 0 0} {gone 1 0 1}]" {
		t.Errorf("%v, %v", suites, err)
	}
	var issues []struct {
		Fingerprint, Severity string
		Location              struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal([]byte(written(t, "gitlab", d)), &issues); err != nil || fmt.Sprint(issues) != "[{c major {Dockerfile {1}}} {b minor {Dockerfile {2}}} {a info {Dockerfile {3}}}]" {
		t.Errorf("%v, %v", issues, err)
	}
}

// TestLine: one finding a line, as an editor takes it.
func TestLine(t *testing.T) {
	want := "Dockerfile:3: note: ships tests [waste-tests]\nDockerfile:2: warning: ships bytecode [waste-bytecode]\nimage: error: too large, by 100%: a [sizebudget-app]\n"
	if got := written(t, "line", sized()); got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestHTML: each finding is linked to its box and back, boxes lie in the drawing and do not cover each other, and the
// page asks for nothing.
func TestHTML(t *testing.T) {
	text := written(t, "html", sized())
	ids, links := map[string]bool{}, []string{}
	type rect struct{ x, y, w, h float64 }
	var boxes []rect
	dec := xml.NewDecoder(strings.NewReader(text))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Name.Local] = a.Value
		}
		if attr["id"] != "" {
			if ids[attr["id"]] {
				t.Errorf("id %q twice", attr["id"])
			}
			ids[attr["id"]] = true
		}
		switch n.Name.Local {
		case "a":
			links = append(links, attr["href"])
		case "script", "link", "img", "iframe", "object":
			t.Errorf("a %s", n.Name.Local)
		case "rect":
			if attr["class"] != "" {
				var r rect
				if _, err := fmt.Sscan(attr["x"]+" "+attr["y"]+" "+attr["width"]+" "+attr["height"], &r.x, &r.y, &r.w, &r.h); err != nil {
					t.Fatal(err)
				}
				boxes = append(boxes, r)
			}
		}
	}
	for _, l := range links {
		if !strings.HasPrefix(l, "#") || !ids[l[1:]] {
			t.Errorf("link %q leads nowhere", l)
		}
	}
	if len(boxes) < 6 || strings.Count(text, `class="waste"`) != 2 || !strings.Contains(text, `href="#t0of1"`) || !strings.Contains(text, `href="#t0f1"`) {
		t.Errorf("%d boxes:\n%s", len(boxes), text)
	}
	inside := func(a, b rect) bool {
		return a.x >= b.x-1 && a.y >= b.y-1 && a.x+a.w <= b.x+b.w+1 && a.y+a.h <= b.y+b.h+1
	}
	for i, a := range boxes {
		if !inside(a, rect{0, 0, 1000, 520}) {
			t.Errorf("box %v is outside", a)
		}
		for _, b := range boxes[:i] {
			over := min(a.x+a.w, b.x+b.w)-max(a.x, b.x) > 1 && min(a.y+a.h, b.y+b.h)-max(a.y, b.y) > 1
			if over && !inside(a, b) && !inside(b, a) {
				t.Errorf("boxes %v and %v cover each other", a, b)
			}
		}
	}
}

// FuzzForeign: no text of an image, a file or a registry breaks any format, or is markup or a command in it.
func FuzzForeign(f *testing.F) {
	for _, s := range []string{"</li><script>x</script>", "](http://evil) @team #1", "a\n::error::b", "`|`", "%0A::error::", "\x1b[2J", "]]>", "\xff\xfe", "<!--", "**b** _i_ ~~s~~", "| a | b |"} {
		f.Add(s)
	}
	command := regexp.MustCompile(`^(::(error|warning|notice) [^\n]*::|\d+ more )`)
	f.Fuzz(func(t *testing.T, evil string) {
		d := sized()
		x := &d.Targets[0]
		x.Name, x.Errors, x.Image.Name, x.Image.Base.Ref = evil, []string{evil}, evil, evil
		x.Image.Layers[1].CreatedBy, x.Image.Packages[0].Name = evil, evil
		for i := range x.Findings {
			x.Findings[i].Message, x.Findings[i].Location.Path, x.Findings[i].Snippet = evil, evil, evil
		}
		for _, format := range report.Formats {
			text := written(t, format.Name, d)
			switch format.Name {
			case "json", "sarif", "gitlab":
				if !json.Valid([]byte(text)) {
					t.Errorf("%s: not valid", format.Name)
				}
			case "junit":
				dec := xml.NewDecoder(strings.NewReader(text))
				for {
					if _, err := dec.Token(); err == io.EOF {
						break
					} else if err != nil {
						t.Fatalf("junit: %v\n%s", err, text)
					}
				}
			case "github":
				for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
					if !command.MatchString(line) {
						t.Errorf("github: %q", line)
					}
				}
			case "line":
				if n := strings.Count(text, "\n"); n != 4 {
					t.Errorf("line: %d lines: %q", n, text)
				}
			case "html":
				if n := strings.Count(text, "<script"); n > 0 {
					t.Errorf("html: %s", text)
				}
				if n := strings.Count(text, "<li"); n != 5 {
					t.Errorf("html: %d list items", n)
				}
			case "markdown":
				if strings.Count(text, "\n") != strings.Count(written(t, "markdown", harmless(d)), "\n") {
					t.Errorf("markdown: other lines\n%s", text)
				}
			}
		}
	})
}

// harmless is a document of the same form.
func harmless(d *report.Document) *report.Document {
	out := sized()
	out.Targets[0].Errors = []string{"x"}
	return out
}

// TestTextOrder: what it weighs first, then what saves most, then the rest.
func TestTextOrder(t *testing.T) {
	text := written(t, "text", sized())
	at := -1
	for _, want := range []string{"app:1 (linux/amd64): 100 MB unpacked", "what to do first", "ships bytecode", "ships tests", "too large", "1 error, 1 warning, 1 note"} {
		i := strings.Index(text, want)
		if i <= at {
			t.Errorf("%q stands at %d, behind what should follow it:\n%s", want, i, text)
		}
		at = i
	}
	var b bytes.Buffer
	d := sized()
	d.Targets[0].Findings[1].Message = strings.Repeat("some words ", 30) + strings.Repeat("x", 100)
	if err := report.Text(&b, d, report.Options{Width: 90}); err != nil {
		t.Fatal(err)
	}
	wide := 0
	for line := range strings.Lines(b.String()) {
		if len([]rune(strings.TrimSuffix(line, "\n"))) > 90 {
			wide++
		}
	}
	if wide != 1 { // of the word that does not fit
		t.Errorf("%d lines are wider than the terminal:\n%s", wide, b.String())
	}
	if words := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(words, strings.Repeat("some words ", 30)+strings.Repeat("x", 100)+" [waste-bytecode]") {
		t.Errorf("words are lost:\n%s", b.String())
	}
}
