package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/driver"
	"github.com/tareweight/tare/internal/ignore"
	"github.com/tareweight/tare/internal/report"
)

// TestRedacted: no text of a result, wherever it comes from, brings a credential
// into the document.
func TestRedacted(t *testing.T) {
	const evil = "https://user:CANARY@example.com/x"
	at := analysis.Location{Path: "Dockerfile", Line: 1}
	rule := &analysis.Rule{ID: "r"}
	for name, res := range map[string]*driver.Result{
		"target":   {Target: driver.Target{Name: evil}},
		"setting":  {Target: driver.Target{Config: driver.Config{Settings: []driver.Setting{{Key: "image", Value: evil}}}}},
		"key":      {Findings: []analysis.Finding{{Rule: rule, Location: at, Key: evil}}},
		"message":  {Findings: []analysis.Finding{{Rule: rule, Location: at, Message: evil}}},
		"related":  {Findings: []analysis.Finding{{Rule: rule, Location: at, Related: []analysis.Related{{Message: evil}}}}},
		"fix":      {Findings: []analysis.Finding{{Rule: rule, Location: at, Fixes: []analysis.Fix{{Message: evil}}}}},
		"snippet":  {Findings: []analysis.Finding{{Rule: rule, Location: at}}},
		"ignored":  {Ignored: []driver.Ignored{{Finding: analysis.Finding{Rule: rule, Location: at, Message: evil}, By: &ignore.Ignore{Reason: evil}}}},
		"not run":  {NotRun: []analysis.Undecided{{Rule: rule, Reason: evil}}},
		"error":    {Errors: []error{errors.New(evil)}},
		"remark":   {Remarks: []string{evil}},
		"image":    {Image: &analysis.Image{Name: evil}},
		"base":     {Image: &analysis.Image{Base: analysis.Base{Ref: evil}}},
		"history":  {Image: &analysis.Image{Layers: []*analysis.Layer{{CreatedBy: "RUN pip install -i " + evil}}}},
		"argument": {Image: &analysis.Image{Layers: []*analysis.Layer{{CreatedBy: "|1 TOKEN=CANARY /bin/sh -c x"}}}},
	} {
		d := report.New(report.Tool{Name: "tare"}, "2026-11-25", nil, nil)
		d.Targets = append(d.Targets, report.NewTarget(res, func(string, int, int) []string { return []string{"RUN x " + evil} }))
		for _, format := range report.Formats {
			var out bytes.Buffer
			if err := format.Write(&out, d, report.Options{}); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), "CANARY") {
				t.Errorf("%s: %s shows the credential", name, format.Name)
			}
		}
	}
}

// TestFingerprint: what makes two findings the same one, and what does not.
func TestFingerprint(t *testing.T) {
	result := func() *driver.Result {
		return &driver.Result{
			Target:     driver.Target{Name: "svc"},
			Dockerfile: &analysis.Dockerfile{Path: "Dockerfile", Target: &analysis.Stage{Name: "run"}},
			Findings: []analysis.Finding{{
				Rule: &analysis.Rule{ID: "r"}, Location: analysis.Location{Path: "Dockerfile", Line: 3}, Key: "flask", Message: "m",
			}},
		}
	}
	of := func(change func(*driver.Result)) string {
		res := result()
		change(res)
		return report.NewTarget(res, func(string, int, int) []string { return nil }).Findings[0].Fingerprint
	}
	first := of(func(*driver.Result) {})
	for name, change := range map[string]func(*driver.Result){
		"rule":  func(r *driver.Result) { r.Findings[0].Rule = &analysis.Rule{ID: "q"} },
		"path":  func(r *driver.Result) { r.Findings[0].Location.Path = "requirements.txt" },
		"stage": func(r *driver.Result) { r.Dockerfile.Target.Name = "test" },
		"key":   func(r *driver.Result) { r.Findings[0].Key = "django" },
	} {
		if of(change) == first {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
	for name, change := range map[string]func(*driver.Result){
		"target":   func(r *driver.Result) { r.Target.Name = "other" },
		"line":     func(r *driver.Result) { r.Findings[0].Location.Line = 9 },
		"message":  func(r *driver.Result) { r.Findings[0].Message = "12 MB" },
		"bytes":    func(r *driver.Result) { r.Findings[0].Bytes.Unpacked = 7 },
		"severity": func(r *driver.Result) { r.Findings[0].Severity = analysis.Error },
	} {
		if of(change) != first {
			t.Errorf("another %s has another fingerprint", name)
		}
	}
}

// TestURI: a path becomes a relative reference of RFC 3986 that leads back to it,
// whatever it is called: a colon must not make a scheme of it, nor a slash a host.
func TestURI(t *testing.T) {
	for _, name := range []string{"Dockerfile", "a b/Dockerfile", "http:x", "a:b/c", "50%", "a?b", "a#b", "größe"} {
		d := document()
		d.Targets = d.Targets[:1]
		d.Targets[0].Findings = d.Targets[0].Findings[:1]
		d.Targets[0].Findings[0].Location.Path = name
		var out bytes.Buffer
		if err := report.SARIF(&out, d, report.Options{}); err != nil {
			t.Fatal(err)
		}
		var log struct {
			Runs []struct {
				Results []struct {
					Locations []struct {
						PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
					}
				}
			}
		}
		if err := json.Unmarshal(out.Bytes(), &log); err != nil {
			t.Fatal(err)
		}
		uri := log.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || u.Path != name {
			t.Errorf("%q: %q, which leads to %+v, %v", name, uri, u, err)
		}
	}
}

// TestPlaces: where code scanning shows a finding. Columns count characters from
// one, the end is behind the last (SARIF 2.1.0, section 3.30); what is in an image
// stands on the judged stage's FROM, or, alone, on the image's repository.
func TestPlaces(t *testing.T) {
	stages := []report.Stage{{Index: 0, Name: "build", Line: 1}, {Index: 1, Name: "run", Line: 5}, {Index: 2, Line: 9}}
	for name, test := range map[string]struct {
		target   report.Target
		location report.Location
		snippet  string
		want     string // uri line:column-line:column logical
	}{
		"a line":           {location: report.Location{Path: "r.txt", Line: 3, End: 3}, snippet: "  größe", want: "r.txt 3:3-3:8 "},
		"lines":            {location: report.Location{Path: "Dockerfile", Line: 3, End: 5}, snippet: "RUN a \\\n  b \\\n\tcd", want: "Dockerfile 3:1-5:4 "},
		"without its text": {location: report.Location{Path: "r.txt", Line: 3, End: 4}, want: "r.txt 3:1-4:1 "},
		"one, without":     {location: report.Location{Path: "r.txt", Line: 3, End: 3}, want: "r.txt 3:1-3:2 "},
		"blanks":           {location: report.Location{Path: "r.txt", Line: 3, End: 3}, snippet: "   ", want: "r.txt 3:4-3:5 "},
		"a file":           {location: report.Location{Path: "r.txt"}, want: "r.txt 1:1-1:2 "},
		"an image":         {want: "image 1:1-1:2 image"},
		"a named image":    {target: report.Target{Image: &report.Image{Name: "docker://h:5000/a/b:1@sha256:0"}}, want: "a/b 1:1-1:2 image"},
		"a layer": {
			target: report.Target{Image: &report.Image{Name: "h.example/a:1"}}, location: report.Location{Path: "usr/bin/gcc", Layer: "sha256:0"},
			want: "a 1:1-1:2 " + report.Location{Path: "usr/bin/gcc", Layer: "sha256:0"}.String(),
		},
		"a named stage": {
			target: report.Target{Image: &report.Image{Name: "h/a:1"}, Dockerfile: &report.Dockerfile{Path: "d/Dockerfile", Target: "run", Stages: stages}},
			want:   "d/Dockerfile 5:1-5:2 image",
		},
		"a numbered stage": {
			target: report.Target{Dockerfile: &report.Dockerfile{Path: "Dockerfile", Target: "stage 2", Stages: stages}},
			want:   "Dockerfile 9:1-9:2 image",
		},
	} {
		d := document()
		f := report.Finding{Rule: "toolchain-shipped", Severity: analysis.Warning, Location: test.location, Snippet: test.snippet, Message: "a [b](c)"}
		test.target.Name, test.target.Findings = "t", []report.Finding{f}
		d.Targets = []report.Target{test.target}
		var out bytes.Buffer
		if err := report.SARIF(&out, d, report.Options{}); err != nil {
			t.Fatal(err)
		}
		var log struct {
			Runs []struct {
				Results []struct {
					Message   struct{ Text string }
					Locations []struct {
						PhysicalLocation struct {
							ArtifactLocation struct{ URI string }
							Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
						}
						LogicalLocations []struct{ FullyQualifiedName string }
					}
				}
			}
		}
		if err := json.Unmarshal(out.Bytes(), &log); err != nil {
			t.Fatal(err)
		}
		res := log.Runs[0].Results[0]
		if res.Message.Text != `a \[b\](c)` {
			t.Errorf("%s: %q is read as a link", name, res.Message.Text)
		}
		l, logical := res.Locations[0], ""
		if len(l.LogicalLocations) > 0 {
			logical = l.LogicalLocations[0].FullyQualifiedName
		}
		r := l.PhysicalLocation.Region
		got := fmt.Sprintf("%s %d:%d-%d:%d %s", l.PhysicalLocation.ArtifactLocation.URI, r.StartLine, r.StartColumn, r.EndLine, r.EndColumn, logical)
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// TestTotal: what was not decided at a place, or not judged at all, is not clean.
func TestTotal(t *testing.T) {
	at := report.Location{Path: "f", Line: 1}
	for want, target := range map[string]report.Target{
		"\nno findings\n": {NotRun: []report.NotRun{{Rule: "r", Reason: "needs an image"}}},
		"\nno findings, and 1 not decided (--strict": {NotRun: []report.NotRun{{Rule: "r", Location: at, Reason: "why"}}},
		"\n1 warning\n":              {Findings: []report.Finding{{Severity: analysis.Warning}}, NotRun: []report.NotRun{{Rule: "r", Location: at, Reason: "why"}}},
		"\ncould not be judged: x\n": {Errors: []string{"x"}, NotRun: []report.NotRun{{Rule: "r", Location: at, Reason: "why"}}},
	} {
		var out bytes.Buffer
		if err := report.Text(&out, &report.Document{Targets: []report.Target{target}}, report.Options{}); err != nil {
			t.Fatal(err)
		}
		if text := "\n" + out.String(); !strings.Contains(text, want) || len(target.Errors) > 0 && strings.Contains(text, "no findings") {
			t.Errorf("%q, want %q", text, want)
		}
	}
}
