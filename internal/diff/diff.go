// Package diff compares the reports of two images: what each weighs, by the instruction that made
// it, by package, by file, and which findings came and went.
package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tareweight/tare/internal/report"
)

// Version is that of the JSON form.
const Version = 1

// A Diff is what is different between two images. What is the same is left out.
type Diff struct {
	Version  int              `json:"version"`
	Tool     report.Tool      `json:"tool"`
	Old      Side             `json:"old"`
	New      Side             `json:"new"`
	Layers   []Layer          `json:"layers"`   // those that differ: of the new image in their order, then those that are gone
	Packages []Package        `json:"packages"` // what changed most first
	Files    []File           `json:"files"`    // of those that a report lists, what changed most first
	Listed   int64            `json:"listed"`   // bytes: smaller files are not in the lists
	Fixed    []report.Finding `json:"fixed"`
	Found    []report.Finding `json:"found"` // what the old one did not have
	Remarks  []string         `json:"remarks"`
}

// A Side is one of the two images.
type Side struct {
	Name     string  `json:"name"`
	Digest   *string `json:"digest"`
	Platform string  `json:"platform"`
	Layers   int     `json:"layers"`
	Download *int64  `json:"compressedBytes"` // null where the source has no compressed layers
	Unpacked *int64  `json:"unpackedBytes"`   // null where the layers were not read
}

// A Layer is what one instruction made before and now: null where it made none.
type Layer struct {
	Made     string       `json:"createdBy"`
	Place    report.Lines `json:"place"` // of the Dockerfile, where the new report knows it, else the old one's; line 0: not known
	Base     bool         `json:"base"`
	Old      *int64       `json:"oldBytes"` // unpacked, or, where that is not known, to download
	New      *int64       `json:"newBytes"`
	Download *int64       `json:"downloadChange"` // null where it is not known
}

// Change is by how many bytes the layer grew.
func (l Layer) Change() int64 { return change(l.Old, l.New) }

// A Package is one kind and name: of several environments together.
type Package struct {
	Type  string   `json:"type"`
	Name  string   `json:"name"`
	Old   []string `json:"oldVersions"`
	New   []string `json:"newVersions"`
	Was   int64    `json:"oldBytes"`
	Bytes int64    `json:"newBytes"`
}

// Change is by how many bytes the package grew.
func (p Package) Change() int64 { return p.Bytes - p.Was }

// A File is null where it is not there, or too small to be listed.
type File struct {
	Path string `json:"path"`
	Old  *int64 `json:"oldBytes"`
	New  *int64 `json:"newBytes"`
}

// Change is by how many bytes the file grew.
func (f File) Change() int64 { return change(f.Old, f.New) }

func change(old, now *int64) (n int64) {
	if now != nil {
		n += *now
	}
	if old != nil {
		n -= *old
	}
	return n
}

// Compare compares what two targets of reports say of their images: both have one.
func Compare(old, now *report.Target) *Diff {
	d := &Diff{
		Version: Version, Old: side(old.Image), New: side(now.Image),
		Layers: layers(old.Image, now.Image), Packages: packages(old.Image.Packages, now.Image.Packages),
		Listed: max(least(old.Image), least(now.Image)), Fixed: []report.Finding{}, Found: []report.Finding{}, Remarks: []string{},
	}
	d.Files = files(old.Image, now.Image, d.Listed)
	all := func(t *report.Target) []report.Finding { return slices.Concat(t.Findings, t.Known) }
	d.Fixed, d.Found = lacking(all(old), all(now)), lacking(all(now), all(old))
	for _, t := range []*report.Target{old, now} {
		for _, err := range t.Errors {
			d.Remarks = append(d.Remarks, fmt.Sprintf("%s: %s", t.Image.Name, err))
		}
	}
	if old.Image.Platform != now.Image.Platform {
		d.Remarks = append(d.Remarks, fmt.Sprintf("the images are for two platforms: %s and %s", old.Image.Platform, now.Image.Platform))
	}
	if old.Image.UnpackedBytes == nil || now.Image.UnpackedBytes == nil {
		d.Remarks = append(d.Remarks, "the layers of an image were not read: packages and files are not compared")
		d.Packages, d.Files = []Package{}, []File{}
	}
	return d
}

func side(im *report.Image) Side {
	return Side{im.Name, im.Digest, im.Platform, len(im.Layers), im.CompressedBytes, im.UnpackedBytes}
}

// lacking are the findings of a that b does not have. Of an image alone places are layers, whose
// numbers change: what it is about tells then.
func lacking(a, b []report.Finding) []report.Finding {
	out := []report.Finding{}
	count := map[string]int{}
	key := func(f report.Finding) string {
		if f.Location.Layer != "" || f.Location.Path == "" {
			return f.Rule + "\x00" + f.Key
		}
		return f.Fingerprint
	}
	for _, f := range b {
		count[key(f)]++
	}
	for _, f := range a {
		if count[key(f)]--; count[key(f)] < 0 {
			out = append(out, f)
		}
	}
	return out
}

// maxLayers is how many layers of each image are set beside each other one by one.
const maxLayers = 1000

// layers sets the layers of two images beside each other: what both have is left out, the rest is
// paired by the instruction that made it, in order.
func layers(old, now *report.Image) []Layer {
	a, b := old.Layers[:min(maxLayers, len(old.Layers))], now.Layers[:min(maxLayers, len(now.Layers))]
	shared := map[string]int{}
	for _, l := range a {
		shared[l.DiffID]++
	}
	var restB []report.Layer
	both := map[string]int{}
	for _, l := range b {
		if shared[l.DiffID] > both[l.DiffID] {
			both[l.DiffID]++
			continue
		}
		restB = append(restB, l)
	}
	var restA []report.Layer
	for _, l := range a {
		if both[l.DiffID] > 0 {
			both[l.DiffID]--
			continue
		}
		restA = append(restA, l)
	}
	pairs := align(restA, restB)
	out := []Layer{}
	used := map[int]bool{}
	for j := range restB {
		var was *report.Layer
		if i, ok := pairs[j]; ok {
			used[i] = true
			was = &restA[i]
		}
		out = append(out, layer(was, &restB[j]))
	}
	for i := range restA {
		if !used[i] {
			out = append(out, layer(&restA[i], nil))
		}
	}
	return out
}

func layer(old, now *report.Layer) Layer {
	one := cmp.Or(now, old)
	l := Layer{Made: one.CreatedBy, Base: one.Base}
	for _, x := range []*report.Layer{now, old} {
		if x != nil && len(x.Instructions) > 0 && l.Place.Line == 0 {
			l.Place = x.Instructions[0]
		}
	}
	size := func(x *report.Layer) *int64 {
		if x == nil {
			return nil
		}
		return cmp.Or(x.UnpackedBytes, x.CompressedBytes)
	}
	l.Old, l.New = size(old), size(now)
	var download int64
	for _, x := range []struct {
		of   *report.Layer
		sign int64
	}{{now, 1}, {old, -1}} {
		switch {
		case x.of == nil:
		case x.of.CompressedBytes == nil:
			return l
		default:
			download += x.sign * *x.of.CompressedBytes
		}
	}
	l.Download = &download
	return l
}

// align pairs layers of the same instruction: the longest common subsequence, so that of equal
// instructions those pair that stand in the same order. The result is by the place in b.
func align(a, b []report.Layer) map[int]int {
	n, m := len(a), len(b)
	best := make([]int32, (n+1)*(m+1))
	at := func(i, j int) int { return i*(m+1) + j }
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			best[at(i, j)] = max(best[at(i+1, j)], best[at(i, j+1)])
			if a[i].CreatedBy == b[j].CreatedBy {
				best[at(i, j)] = max(best[at(i, j)], best[at(i+1, j+1)]+1)
			}
		}
	}
	pairs := map[int]int{}
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case a[i].CreatedBy == b[j].CreatedBy && best[at(i, j)] == best[at(i+1, j+1)]+1:
			pairs[j] = i
			i, j = i+1, j+1
		case best[at(i+1, j)] >= best[at(i, j+1)]:
			i++
		default:
			j++
		}
	}
	return pairs
}

func packages(old, now []report.Package) []Package {
	byKey := map[string]*Package{}
	sum := func(list []report.Package, into func(*Package, report.Package)) {
		for _, x := range list {
			key := x.Type + "\x00" + strings.ToLower(x.Name)
			if byKey[key] == nil {
				byKey[key] = &Package{Type: x.Type, Name: x.Name, Old: []string{}, New: []string{}}
			}
			into(byKey[key], x)
		}
	}
	version := func(list []string, v string) []string {
		if slices.Contains(list, v) {
			return list
		}
		return append(list, v)
	}
	sum(old, func(p *Package, x report.Package) { p.Old, p.Was = version(p.Old, x.Version), p.Was+x.Bytes })
	sum(now, func(p *Package, x report.Package) { p.New, p.Bytes = version(p.New, x.Version), p.Bytes+x.Bytes })
	out := []Package{}
	for _, p := range byKey {
		slices.Sort(p.Old)
		slices.Sort(p.New)
		if p.Change() != 0 || !slices.Equal(p.Old, p.New) {
			out = append(out, *p)
		}
	}
	slices.SortFunc(out, func(a, b Package) int {
		return cmp.Or(most(a.Change(), b.Change()), strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	})
	return out
}

// least is the size of the smallest file that the list of an image is sure to have.
func least(im *report.Image) int64 {
	if n := len(im.Files); n == report.MaxFiles {
		return im.Files[n-1].Bytes
	}
	return report.LargeFile
}

func files(old, now *report.Image, listed int64) []File {
	byPath := map[string]*File{}
	at := func(p string) *File {
		if byPath[p] == nil {
			byPath[p] = &File{Path: p}
		}
		return byPath[p]
	}
	for _, f := range old.Files {
		if f.Bytes >= listed {
			at(f.Path).Old = new(f.Bytes)
		}
	}
	for _, f := range now.Files {
		if f.Bytes >= listed {
			at(f.Path).New = new(f.Bytes)
		}
	}
	out := []File{}
	for _, f := range byPath {
		if f.Change() != 0 {
			out = append(out, *f)
		}
	}
	slices.SortFunc(out, func(a, b File) int { return cmp.Or(most(a.Change(), b.Change()), strings.Compare(a.Path, b.Path)) })
	return out
}

// most orders changes: those of most bytes first, whichever way.
func most(a, b int64) int {
	return cmp.Compare(max(b, -b), max(a, -a))
}
