// Package baseline tells new findings from those that a report of before has, so that a
// project can begin with what it has.
package baseline

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/report"
)

// MaxSize is how many bytes a baseline may have: some 100,000 findings.
const MaxSize = 256 << 20

// Read reads a JSON report. The error says what the file is instead.
func Read(path string) (*report.Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read baseline %q: %w", path, err)
	}
	defer f.Close()
	text, err := checkout.ReadLimited(f, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("read baseline %q: %w", path, err)
	}
	var d report.Document
	if err := json.Unmarshal(text, &d); err != nil || d.Tool.Name == "" {
		return nil, fmt.Errorf("read baseline %q: it is no JSON report of Tare: --write-baseline %s makes one", path, path)
	}
	if d.Version != report.Version {
		return nil, fmt.Errorf("read baseline %q: it is a report of version %d, and this is version %d: --write-baseline %s makes it anew",
			path, d.Version, report.Version, path)
	}
	return &d, nil
}

// Apply takes out of d the findings that old has, and says how many: they are known. A
// finding of a size that has grown by more than a twentieth is new.
func Apply(d, old *report.Document, path string) {
	known := map[string][]*report.Finding{} // by fingerprint
	for i := range old.Targets {
		t := &old.Targets[i]
		for j := range t.Findings {
			known[t.Findings[j].Fingerprint] = append(known[t.Findings[j].Fingerprint], &t.Findings[j])
		}
		for j := range t.Known {
			known[t.Known[j].Fingerprint] = append(known[t.Known[j].Fingerprint], &t.Known[j])
		}
	}
	d.Baseline = &report.Baseline{Path: path}
	names := map[string]bool{}
	for i := range d.Targets {
		t := &d.Targets[i]
		names[t.Name] = true
		t.Findings = slices.DeleteFunc(t.Findings, func(f report.Finding) bool {
			list := known[f.Fingerprint]
			at := slices.IndexFunc(list, func(before *report.Finding) bool { return !grown(before, &f) })
			if at < 0 {
				return false
			}
			known[f.Fingerprint] = slices.Delete(list, at, at+1)
			t.Known = append(t.Known, f)
			d.Baseline.Known++
			return true
		})
	}
	for i := range old.Targets {
		if t := &old.Targets[i]; names[t.Name] {
			for _, f := range slices.Concat(t.Findings, t.Known) {
				d.Baseline.Gone += min(1, len(known[f.Fingerprint]))
			}
		}
	}
}

// grown reports whether what a finding is about is larger by more than a twentieth.
func grown(before, now *report.Finding) bool {
	larger := func(before, now int64) bool { return now > before+before/20 }
	if before.Measured != nil && now.Measured != nil && larger(*before.Measured, *now.Measured) {
		return true
	}
	return before.Bytes != nil && now.Bytes != nil && larger(before.Bytes.Unpacked, now.Bytes.Unpacked)
}
