package scan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/internal/report"
)

// A Rollup is what was found of all images together. It grows by a few lines for each image.
type Rollup struct {
	Version    int                       `json:"version"`
	Tool       report.Tool               `json:"tool"`
	Images     int                       `json:"images"` // digests that were judged
	Known      int                       `json:"known"`  // of them, those that an earlier run judged
	References int                       `json:"references"`
	Layers     int                       `json:"layers"`   // each once
	Download   int64                     `json:"download"` // bytes to download of all images, as each node pulls them
	Stored     int64                     `json:"stored"`   // bytes of the layers, each once
	Savings    report.Bytes              `json:"savings"`  // what of the images need not be there
	Findings   map[analysis.Severity]int `json:"findings"`
	Rules      []RuleSum                 `json:"rules"`  // what findings save by rule, most first
	Bases      []BaseSum                 `json:"bases"`  // images that others stand on, by what is pulled of them
	Lines      []LineSum                 `json:"lines"`  // instructions that bring most of what need not be there
	Worst      []ImageSum                `json:"worst"`  // images of which most need not be there
	Failed     []Failure                 `json:"failed"` // what could not be judged
	Interrupt  bool                      `json:"interrupted"`
	Remarks    []string                  `json:"remarks"`

	layers map[string]int64
	rules  map[string]*RuleSum
	bases  map[string]*BaseSum
	lines  map[string]*LineSum
	all    []ImageSum
}

// A RuleSum is what one rule finds.
type RuleSum struct {
	Rule     string       `json:"rule"`
	Images   int          `json:"images"`
	Findings int          `json:"findings"`
	Bytes    report.Bytes `json:"bytes"`
}

// A BaseSum is an image under others.
type BaseSum struct {
	Ref    string `json:"ref"`
	Images int    `json:"images"`
	Bytes  int64  `json:"bytes"` // to download, or, where that is not known, unpacked
	Pulls  int64  `json:"pulls"` // bytes, over its images
	Saves  int64  `json:"saves"` // to download, over its images, on the base's smaller sibling; 0 where that is not known
}

// A LineSum is an instruction, over the images that it made a layer of.
type LineSum struct {
	Made   string       `json:"createdBy"`
	Rule   string       `json:"rule"`
	Images int          `json:"images"`
	Bytes  report.Bytes `json:"bytes"`
}

// An ImageSum is one image.
type ImageSum struct {
	Ref      string       `json:"ref"`
	Digest   string       `json:"digest"`
	Unpacked int64        `json:"unpacked"`
	Download int64        `json:"download"`
	Savings  report.Bytes `json:"savings"`
	Findings int          `json:"findings"`
}

// NewRollup returns one without images.
func NewRollup(tool report.Tool) *Rollup {
	return &Rollup{
		Version: 1, Tool: tool, Findings: map[analysis.Severity]int{}, Rules: []RuleSum{}, Bases: []BaseSum{}, Lines: []LineSum{},
		Remarks: []string{}, Worst: []ImageSum{}, Failed: []Failure{},
		layers: map[string]int64{}, rules: map[string]*RuleSum{}, bases: map[string]*BaseSum{},
		lines: map[string]*LineSum{},
	}
}

func addBytes(to *report.Bytes, b *report.Bytes) {
	if b != nil {
		to.Unpacked += b.Unpacked
		to.Download += b.Download
	}
}

// Add adds one image.
func (u *Rollup) Add(r *Result) {
	u.References += len(r.Refs)
	if len(r.Errors) > 0 || r.Image == nil {
		why := "it was not judged"
		if len(r.Errors) > 0 {
			why = r.Errors[0]
		}
		u.Failed = append(u.Failed, Failure{r.Refs[0], why})
		return
	}
	if r.apart != "" {
		u.Failed = append(u.Failed, Failure{r.Refs[0], "what was found is not attached to it: " + r.apart})
	}
	u.Images++
	if r.Known {
		u.Known++
	}
	im := ImageSum{Ref: r.Refs[0], Digest: r.Digest, Findings: len(r.Findings)}
	if n := r.Image.UnpackedBytes; n != nil {
		im.Unpacked = *n
	}
	if n := r.Image.CompressedBytes; n != nil {
		im.Download = *n
		u.Download += *n
	}
	addBytes(&im.Savings, r.Savings)
	addBytes(&u.Savings, r.Savings)
	made := map[string]string{}
	var base int64
	for _, l := range r.Image.Layers {
		made[l.DiffID] = l.CreatedBy
		size := cmp.Or(l.CompressedBytes, l.UnpackedBytes)
		if size == nil {
			continue
		}
		u.layers[l.DiffID] = *size
		if l.Base {
			base += *size
		}
	}
	swap := int64(0)
	seen := map[string]bool{}
	for _, f := range r.Findings {
		u.Findings[f.Severity]++
		sum := u.rules[f.Rule]
		if sum == nil {
			sum = &RuleSum{Rule: f.Rule}
			u.rules[f.Rule] = sum
		}
		if sum.Findings++; !seen[f.Rule] {
			seen[f.Rule] = true
			sum.Images++
		}
		addBytes(&sum.Bytes, f.Bytes)
		if f.Bytes == nil {
			continue
		}
		if f.Swap {
			swap = f.Bytes.Download
		}
		if key := f.Rule + "\x00" + made[f.Location.Layer]; made[f.Location.Layer] != "" && !f.Swap {
			if u.lines[key] == nil && len(u.lines) < maxLines {
				u.lines[key] = &LineSum{Made: analysis.Clip(made[f.Location.Layer], 160), Rule: f.Rule}
			}
			if l := u.lines[key]; l != nil {
				l.Images++
				addBytes(&l.Bytes, f.Bytes)
			}
		}
	}
	if ref := r.Image.Base.Ref; ref != "" {
		b := u.bases[ref]
		if b == nil {
			b = &BaseSum{Ref: ref, Bytes: base}
			u.bases[ref] = b
		}
		b.Images++
		b.Pulls += base
		b.Saves += swap
	}
	u.all = append(u.all, im)
}

// maxLines is how many instructions are counted: a registry of strangers has any number.
const maxLines = 100_000

// top is how many of each list are shown.
const top = 20

// Finish sorts the lists, and cuts off their ends.
func (u *Rollup) Finish() {
	u.Layers = len(u.layers)
	u.Stored = 0
	for _, n := range u.layers {
		u.Stored += n
	}
	u.Rules, u.Bases, u.Lines = []RuleSum{}, []BaseSum{}, []LineSum{}
	for _, x := range u.rules {
		u.Rules = append(u.Rules, *x)
	}
	for _, x := range u.bases {
		u.Bases = append(u.Bases, *x)
	}
	for _, x := range u.lines {
		u.Lines = append(u.Lines, *x)
	}
	slices.SortFunc(u.Rules, func(a, b RuleSum) int {
		return cmp.Or(cmp.Compare(b.Bytes.Unpacked, a.Bytes.Unpacked), cmp.Compare(b.Findings, a.Findings), strings.Compare(a.Rule, b.Rule))
	})
	slices.SortFunc(u.Bases, func(a, b BaseSum) int {
		return cmp.Or(cmp.Compare(b.Saves, a.Saves), cmp.Compare(b.Pulls, a.Pulls), strings.Compare(a.Ref, b.Ref))
	})
	slices.SortFunc(u.Lines, func(a, b LineSum) int {
		return cmp.Or(cmp.Compare(b.Bytes.Unpacked, a.Bytes.Unpacked), strings.Compare(a.Made, b.Made), strings.Compare(a.Rule, b.Rule))
	})
	slices.SortFunc(u.all, func(a, b ImageSum) int {
		return cmp.Or(cmp.Compare(b.Savings.Unpacked, a.Savings.Unpacked), cmp.Compare(b.Unpacked, a.Unpacked), strings.Compare(a.Ref, b.Ref))
	})
	slices.SortFunc(u.Failed, func(a, b Failure) int { return cmp.Or(strings.Compare(a.Ref, b.Ref), strings.Compare(a.Why, b.Why)) })
	u.Bases, u.Lines = u.Bases[:min(top, len(u.Bases))], u.Lines[:min(top, len(u.Lines))]
	u.Worst = u.all[:min(top, len(u.all))]
}
