package baseline_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tareweight/tare/internal/baseline"
	"github.com/tareweight/tare/internal/report"
)

func target(name string, findings ...report.Finding) report.Target {
	return report.Target{Name: name, Findings: findings}
}

func finding(fingerprint string, measured, unpacked int64) report.Finding {
	f := report.Finding{Fingerprint: fingerprint}
	if measured > 0 {
		f.Measured = &measured
	}
	if unpacked > 0 {
		f.Bytes = &report.Bytes{Unpacked: unpacked}
	}
	return f
}

// TestApply: what a report of before has does not count, as often as it has it; what has
// grown by more than a twentieth does.
func TestApply(t *testing.T) {
	type F = report.Finding
	for name, test := range map[string]struct {
		old, now []report.Target
		want     string // findings of each target; known, gone
	}{
		"nothing":         {nil, []report.Target{target("t", finding("a", 0, 0))}, "[a] 0 0"},
		"the same":        {[]report.Target{target("t", finding("a", 0, 0))}, []report.Target{target("t", finding("a", 0, 0), finding("b", 0, 0))}, "[b] 1 0"},
		"once of two":     {[]report.Target{target("t", finding("a", 0, 0))}, []report.Target{target("t", finding("a", 0, 0), finding("a", 0, 0))}, "[a] 1 0"},
		"another target":  {[]report.Target{target("t", finding("a", 0, 0))}, []report.Target{target("u", finding("a", 0, 0))}, "[] 1 0"},
		"gone":            {[]report.Target{target("t", finding("a", 0, 0), finding("b", 0, 0)), target("u", finding("c", 0, 0))}, []report.Target{target("t", finding("b", 0, 0))}, "[] 1 1"},
		"measured, 5 %":   {[]report.Target{target("t", finding("a", 1000, 0))}, []report.Target{target("t", finding("a", 1050, 0))}, "[] 1 0"},
		"measured, more":  {[]report.Target{target("t", finding("a", 1000, 0))}, []report.Target{target("t", finding("a", 1051, 0))}, "[a] 0 1"},
		"measured, less":  {[]report.Target{target("t", finding("a", 1000, 0))}, []report.Target{target("t", finding("a", 10, 0))}, "[] 1 0"},
		"bytes, 5 %":      {[]report.Target{target("t", finding("a", 0, 1000))}, []report.Target{target("t", finding("a", 0, 1050))}, "[] 1 0"},
		"bytes, more":     {[]report.Target{target("t", finding("a", 0, 1000))}, []report.Target{target("t", finding("a", 0, 1051))}, "[a] 0 1"},
		"bytes, were not": {[]report.Target{target("t", finding("a", 0, 0))}, []report.Target{target("t", finding("a", 0, 1051))}, "[] 1 0"},
		"the fitting one": {[]report.Target{target("t", finding("a", 10, 0), finding("a", 1000, 0))}, []report.Target{target("t", finding("a", 1000, 0))}, "[] 1 1"},
		"was known":       {[]report.Target{{Name: "t", Known: []F{finding("a", 0, 0)}}}, []report.Target{target("t", finding("a", 0, 0))}, "[] 1 0"},
		"was ignored":     {[]report.Target{{Name: "t", Ignored: []report.Ignored{{Finding: finding("a", 0, 0)}}}}, []report.Target{target("t", finding("a", 0, 0))}, "[a] 0 0"},
	} {
		d := &report.Document{Targets: test.now}
		old, err := baseline.Of(&report.Document{Targets: test.old})
		if err != nil {
			t.Fatal(err)
		}
		baseline.Apply(d, old, "base.json")
		var got []string
		for _, x := range d.Targets {
			var left []string
			for _, f := range x.Findings {
				left = append(left, f.Fingerprint)
			}
			got = append(got, fmt.Sprint(left))
		}
		if s := fmt.Sprintf("%s %d %d", strings.Join(got, " "), d.Baseline.Known, d.Baseline.Gone); s != test.want {
			t.Errorf("%s: %s, want %s", name, s, test.want)
		}
	}
}

// TestRead: a report is read as it was written; anything else says what it is.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	d := report.New(report.Tool{Name: "tare", Version: "v1"}, "2026-01-01", nil, nil)
	d.Targets = []report.Target{target("t", finding("a", 1, 2))}
	var b bytes.Buffer
	if err := report.JSON(&b, d, report.Options{}); err != nil {
		t.Fatal(err)
	}
	got, err := baseline.Read(write("good.json", b.String()))
	if err != nil || len(got.Targets) != 1 || *got.Targets[0].Findings[0].Measured != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"{":                                      "it is no JSON report of Tare",
		"{}":                                     "it is no JSON report of Tare",
		`{"version": 2, "tool": {"driver": {}}}`: "it is no JSON report of Tare",
		strings.Replace(b.String(), `"version": 2`, `"version": 1`, 1): "a report of version 1, and this is version 2: --write-baseline",
	} {
		if _, err := baseline.Read(write("bad.json", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
	many := func(n int) string {
		return `{"version": 2, "tool": {"name": "tare"}, "targets": [{"findings": [{}` + strings.Repeat(",{}", n-1) + `]}]}`
	}
	if _, err := baseline.Read(write("most.json", many(200_000))); err != nil {
		t.Errorf("as many findings as may be: %v", err)
	}
	_, err = baseline.Read(write("more.json", many(200_001)))
	if err == nil || !strings.Contains(err.Error(), "more than the limit of 200000 findings: turn off") {
		t.Errorf("one finding more: %v", err)
	}
	large := write("large.json", "")
	if err := os.Truncate(large, baseline.MaxSize+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{large: "more than the limit", filepath.Join(dir, "none"): "no such file"} {
		if _, err := baseline.Read(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}
