package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/report"
)

// document has every kind of place, and text that formats must escape.
func document() *report.Document {
	digest, size := "sha256:00", int64(5)
	finding := func(key, message, path string, line int, layer string) report.Finding {
		return report.Finding{
			Rule: "toolchain-shipped", Severity: analysis.Warning, Key: key, Message: message, Fingerprint: "0123456789abcdef",
			Location: report.Location{Path: path, Line: line, End: line, Layer: layer}, Related: []report.Related{}, Fixes: []report.Fix{},
		}
	}
	src := finding("a", "on a [line](1)", "sub/Dockerfile", 2, "")
	src.Snippet = "  RUN x \\\n    y"
	src.Related = []report.Related{{Message: "here", Location: report.Location{Path: "usr/bin/gcc", Layer: digest}}}
	src.Fixes = []report.Fix{{Message: "mend it", Edits: []report.Edit{{Path: "sub/Dockerfile", Line: 2, End: 3, New: "RUN z"}}}}
	evil := finding("b", "in a layer", "usr/bin/\x1b]0;owned\x07\u202egcc\xff", 0, digest)
	return &report.Document{
		Version: report.Version, Tool: report.Tool{Name: "tare", Version: "v1.2.3"}, Now: "2026-11-22",
		Rules: []report.Rule{{ID: "toolchain-shipped", Title: "the image holds a compiler", Severity: analysis.Warning, Help: "Decided from the image.\n\nMore."}},
		Targets: []report.Target{{
			Name:       "sub/Dockerfile",
			Dockerfile: &report.Dockerfile{Path: "sub/Dockerfile", Target: "stage 0", Stages: []report.Stage{{Line: 1}}},
			Image:      &report.Image{Name: "debian:11", Platform: "linux/amd64", CompressedBytes: &size},
			Findings:   []report.Finding{src, evil, finding("c", "the image", "", 0, "")},
			NotRun:     []report.NotRun{{Rule: "toolchain-shipped", Reason: "why"}},
			Errors:     []string{"broken"}, Remarks: []string{},
		}, {
			Name: "debian:11", Image: &report.Image{Name: "docker://reg.example.com:5000/a/b:11@sha256:00", Platform: "linux/amd64"},
			Findings: []report.Finding{finding("d", "alone", "", 0, digest)},
		}},
	}
}

// TestSARIF validates against the schema of OASIS (testdata, from Microsoft's
// SARIF tools), and what GitHub refuses besides.
func TestSARIF(t *testing.T) {
	var buf bytes.Buffer
	if err := report.SARIF(&buf, document(), report.Options{}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/sarif-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	schema, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("sarif.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(buf.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, buf.Bytes())
	}
	var log struct {
		Runs []struct {
			AutomationDetails struct{ ID string }
			Results           []struct {
				Message             struct{ Text string }
				PartialFingerprints map[string]string
				Locations           []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(buf.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	var uris []string
	for _, r := range log.Runs {
		if ids[r.AutomationDetails.ID] {
			t.Errorf("two runs of category %q", r.AutomationDetails.ID)
		}
		ids[r.AutomationDetails.ID] = true
		for _, res := range r.Results {
			if len(res.Locations) != 1 || res.PartialFingerprints["primaryLocationLineHash"] != "0123456789abcdef:1" {
				t.Errorf("result %q: %+v", res.Message.Text, res)
				continue
			}
			p := res.Locations[0].PhysicalLocation
			uris = append(uris, p.ArtifactLocation.URI)
			if p.Region.StartLine < 1 || p.Region.StartColumn < 1 || p.Region.EndLine < p.Region.StartLine || p.Region.EndColumn < 1 {
				t.Errorf("result %q: region %+v", res.Message.Text, p.Region)
			}
		}
	}
	// no scheme, no tag, no digest: a path of the repository, or the image's
	if got := strings.Join(uris, " "); got != "sub/Dockerfile sub/Dockerfile sub/Dockerfile a/b" {
		t.Errorf("uris: %s", got)
	}
}

func TestText(t *testing.T) {
	var buf bytes.Buffer
	if err := report.Text(&buf, document(), report.Options{}); err != nil {
		t.Fatal(err)
	}
	text := buf.String()
	for _, want := range []string{
		"sub/Dockerfile:2: warning: on a [line](1) [toolchain-shipped]\n     2 |   RUN x \\ ...\n       |   ^~~~~~~\n",
		`layer 0: usr/bin/\u001b]0;owned\u0007\u202egcc\xff: warning: in a layer`,
		"4 warnings\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	// What could not be judged comes first, and alone: what was not run because of it is not said.
	if !strings.HasPrefix(text, "could not be judged: sub/Dockerfile: broken\n") || strings.Contains(text, "not run") {
		t.Errorf("the error is not first, or not alone:\n%s", text)
	}
	if strings.ContainsAny(text, "\x1b\x07\u202e") {
		t.Error("an escape sequence of an image reaches the terminal")
	}
	buf.Reset()
	if err := report.Text(&buf, document(), report.Options{Color: true}); err != nil || !strings.Contains(buf.String(), "\x1b[1;33mwarning:\x1b[0m") {
		t.Errorf("colours: %v", err)
	}
}

func TestJSON(t *testing.T) {
	var buf bytes.Buffer
	want := document()
	want.Targets[0].Findings[1].Location.Path = "x" // JSON is UTF-8: what is not is replaced
	if err := report.JSON(&buf, want, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var got report.Document
	dec := json.NewDecoder(bytes.NewReader(buf.Bytes()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := report.JSON(&again, &got, report.Options{}); err != nil || again.String() != buf.String() {
		t.Errorf("the document changes by a round trip: %v", err)
	}
}

// TestObeyed: no text of a stranger is carried out by a terminal or by a runner
// of GitHub's, in any format, and no credential is shown.
func TestObeyed(t *testing.T) {
	const evil = "##[add-path]/x \x1b]0;owned\a \u202e \x9b31m https://u:CANARY@h/ \u2028::error::x"
	d := document()
	for i := range d.Targets {
		target := &d.Targets[i]
		target.Name, target.Errors, target.Remarks = "::error::"+evil, []string{"::error::" + evil}, []string{evil}
		target.Configuration.Settings = []report.Setting{{Path: evil, Key: "stage", Value: evil, Line: 1}}
		target.Ignored = []report.Ignored{{By: report.Location{Path: "::error::" + evil, Line: 1}, Reason: evil, Finding: target.Findings[0]}}
		target.NotRun = append(target.NotRun, report.NotRun{Rule: "toolchain-shipped", Reason: evil, Location: report.Location{Path: evil, Line: 1}})
		if target.Image != nil {
			target.Image.Name = evil
		}
		for j := range target.Findings {
			f := &target.Findings[j]
			f.Message, f.Snippet, f.Location.Path = "::add-mask::"+evil, "::add-mask::"+evil+"\n::x::", evil
			f.Related = append(f.Related, report.Related{Message: evil})
		}
	}
	for _, format := range report.Formats {
		name := format.Name
		var out bytes.Buffer
		if err := format.Write(&out, d, report.Options{Notes: true}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			if name == "github" { // its own commands, of whose properties none is a stranger's
				line = regexp.MustCompile(`^::(error|warning|notice) (file=[^:,]*,)?(line=\d+,endLine=\d+,)?title=[a-z ]+(-[a-z]+)*::`).ReplaceAllString(line, "")
			}
			strange := func(r rune) bool {
				return !unicode.IsPrint(r) && r != '\ufffd' && !(name == "markdown" && r == '\u200b')
			}
			if strings.HasPrefix(strings.TrimSpace(line), "::") && name != "github" || strings.Contains(line, "##[") || strings.ContainsFunc(line, strange) {
				t.Errorf("%s: %q is obeyed", name, line)
			}
		}
		if name == "text" && strings.Contains(out.String(), "CANARY") { // the others redact as the document is made
			t.Errorf("%s shows a credential", name)
		}
	}
}

// TestSARIFBounds: many targets are one run, of no more results than GitHub keeps,
// the worst ones; two targets of one name collide with nothing.
func TestSARIFBounds(t *testing.T) {
	d := document()
	many := d.Targets[0]
	many.Findings = nil
	for i := range 30_000 {
		f := document().Targets[0].Findings[0]
		f.Severity = []analysis.Severity{analysis.Note, analysis.Warning, analysis.Note}[i%3]
		if i == 29_999 {
			f.Severity = analysis.Error
		}
		many.Findings = append(many.Findings, f)
	}
	d.Targets = append(d.Targets, many, many, d.Targets[0])
	var buf bytes.Buffer
	if err := report.SARIF(&buf, d, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Runs []struct {
			Results     []struct{ Level string }
			Invocations []struct {
				ToolExecutionNotifications []struct{ Message struct{ Text string } }
			}
		}
	}
	if err := json.Unmarshal(buf.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	if len(log.Runs) != 1 {
		t.Fatalf("%d runs", len(log.Runs))
	}
	counts := map[string]int{}
	for _, r := range log.Runs[0].Results {
		counts[r.Level]++
	}
	if counts["error"] != 2 || counts["warning"] != 4998 || counts["note"] != 0 {
		t.Errorf("%v", counts)
	}
	notes := log.Runs[0].Invocations[0].ToolExecutionNotifications
	if last := notes[len(notes)-1].Message.Text; !strings.Contains(last, "of 60007 findings the 5000 of the highest severity") {
		t.Errorf("%q", last)
	}

	exact := document() // as many as are kept
	exact.Targets = exact.Targets[:1]
	for len(exact.Targets[0].Findings) < 5000 {
		f := exact.Targets[0].Findings[0]
		f.Key = fmt.Sprint(len(exact.Targets[0].Findings))
		exact.Targets[0].Findings = append(exact.Targets[0].Findings, f)
	}
	buf.Reset()
	if err := report.SARIF(&buf, exact, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(buf.String(), "code scanning keeps no more") || strings.Count(buf.String(), `"ruleId"`) != 5000 {
		t.Errorf("%d results", strings.Count(buf.String(), `"ruleId"`))
	}
}
