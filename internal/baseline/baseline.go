// Package baseline tells new findings from those that a report of before has, so that a
// project can begin with what it has.
package baseline

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/report"
)

// MaxSize is how many bytes a baseline may have: some 100,000 findings.
const MaxSize = 256 << 20

// Read reads a JSON report. The error says what the file is instead.
func Read(path string) (*report.Document, error) {
	root, err := checkout.Find(path)
	if err != nil {
		return nil, fmt.Errorf("read baseline %q: %w", path, err)
	}
	defer root.Close()
	text, err := root.ReadFile(path, MaxSize)
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
	before := map[string][]*report.Finding{} // by target
	known := map[string][]*report.Finding{}  // by fingerprint
	for i := range old.Targets {
		t := &old.Targets[i]
		for _, list := range [][]report.Finding{t.Findings, t.Known} {
			for j := range list {
				known[list[j].Fingerprint] = append(known[list[j].Fingerprint], &list[j])
				before[t.Name] = append(before[t.Name], &list[j])
			}
		}
	}
	d.Baseline = &report.Baseline{Path: path}
	found := map[*report.Finding]bool{}
	for i := range d.Targets {
		t := &d.Targets[i]
		t.Findings = slices.DeleteFunc(t.Findings, func(f report.Finding) bool {
			list := known[f.Fingerprint]
			at := slices.IndexFunc(list, func(x *report.Finding) bool { return !found[x] && !grown(x, &f) })
			if at < 0 {
				return false
			}
			found[list[at]] = true
			t.Known = append(t.Known, f)
			d.Baseline.Known++
			return true
		})
	}
	for _, t := range d.Targets {
		for _, x := range before[t.Name] {
			if !found[x] {
				d.Baseline.Gone++
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
