// Package baseline tells new findings from those that a report of before has, so that a
// project can begin with what it has.
package baseline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tareweight/tare/internal/checkout"
	"github.com/tareweight/tare/internal/report"
)

// Limits of a baseline: the file may be of who proposes a change.
const (
	MaxSize     = 64 << 20 // bytes
	maxFindings = 200_000  // of a target
)

var errFindings = fmt.Errorf("more than the limit of %d findings", maxFindings)

// A Baseline is what is known of a report of before.
type Baseline struct {
	Version int `json:"version"`
	Tool    struct {
		Name string `json:"name"`
	} `json:"tool"`
	Targets []struct {
		Name     string   `json:"name"`
		Findings findings `json:"findings"`
		Known    findings `json:"known"`
	} `json:"targets"`
}

// A finding is what of one tells whether another is the same.
type finding struct {
	Fingerprint string        `json:"fingerprint"`
	Measured    *int64        `json:"measured"`
	Bytes       *report.Bytes `json:"bytes"`
}

// findings are those of a target.
type findings []*finding

// UnmarshalJSON implements json.Unmarshaler: it takes no more than the limit.
func (f *findings) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if token, err := d.Token(); err != nil || token == nil {
		return err
	}
	for d.More() {
		x := new(finding)
		if err := d.Decode(x); err != nil {
			return err
		}
		if *f = append(*f, x); len(*f) > maxFindings {
			return errFindings
		}
	}
	return nil
}

// Of is what a report of this run is to the next one.
func Of(d *report.Document) (*Baseline, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	b := new(Baseline)
	return b, json.Unmarshal(text, b)
}

// Read reads a JSON report. The error says what the file is instead.
func Read(path string) (*Baseline, error) {
	root, err := checkout.Find(path)
	if err != nil {
		return nil, fmt.Errorf("read baseline %q: %w", path, err)
	}
	defer root.Close()
	text, err := root.ReadFile(path, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("read baseline %q: %w", path, err)
	}
	b := new(Baseline)
	switch err := json.Unmarshal(text, b); {
	case errors.Is(err, errFindings):
		return nil, fmt.Errorf("read baseline %q: a target has %w: turn off the rules that find most, and --write-baseline %s makes it anew",
			path, err, path)
	case err != nil || b.Tool.Name == "":
		return nil, fmt.Errorf("read baseline %q: it is no JSON report of Tare: --write-baseline %s makes one", path, path)
	}
	if b.Version != report.Version {
		return nil, fmt.Errorf("read baseline %q: it is a report of version %d, and this is version %d: --write-baseline %s makes it anew",
			path, b.Version, report.Version, path)
	}
	return b, nil
}

// Apply takes out of d the findings that old has, and says how many: they are known. A
// finding of a size that has grown by more than a twentieth is new.
func Apply(d *report.Document, old *Baseline, path string) {
	before := map[string][]*finding{} // by target
	known := map[string][]*finding{}  // by fingerprint
	for i := range old.Targets {
		t := &old.Targets[i]
		for _, x := range slices.Concat(t.Findings, t.Known) {
			known[x.Fingerprint] = append(known[x.Fingerprint], x)
			before[t.Name] = append(before[t.Name], x)
		}
	}
	d.Baseline = &report.Baseline{Path: path}
	found := map[*finding]bool{}
	for i := range d.Targets {
		t := &d.Targets[i]
		t.Findings = slices.DeleteFunc(t.Findings, func(f report.Finding) bool {
			list := known[f.Fingerprint]
			at := slices.IndexFunc(list, func(x *finding) bool { return !found[x] && !grown(x, &f) })
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
func grown(before *finding, now *report.Finding) bool {
	larger := func(before, now int64) bool { return now > before+before/20 }
	if before.Measured != nil && now.Measured != nil && larger(*before.Measured, *now.Measured) {
		return true
	}
	return before.Bytes != nil && now.Bytes != nil && larger(before.Bytes.Unpacked, now.Bytes.Unpacked)
}
