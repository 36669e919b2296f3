package report

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/driver"
)

type Image struct {
	Name            string    `json:"name"`
	Source          string    `json:"source"`
	Digest          *string   `json:"digest"` // null where the source has none
	Platform        string    `json:"platform"`
	CompressedBytes *int64    `json:"compressedBytes"` // null where the source has no compressed layers
	UnpackedBytes   *int64    `json:"unpackedBytes"`   // null where the layers were not read
	Base            ImageBase `json:"base"`
	Unaligned       string    `json:"unaligned,omitempty"` // why the layers do not stand on the Dockerfile's lines
	Layers          []Layer   `json:"layers"`
	Packages        []Package `json:"packages"`
	Tree            []Dir     `json:"tree"`  // directories that hold one percent of the image or more
	Files           []File    `json:"files"` // the largest that a container sees, of 1 MB or more, the largest first
}

type ImageBase struct {
	Ref    string `json:"ref"`
	Digest string `json:"digest"`
	Layers int    `json:"layers"`
	How    string `json:"how"`
}

type Layer struct {
	DiffID          string  `json:"diffID"`
	Digest          *string `json:"digest"`
	CompressedBytes *int64  `json:"compressedBytes"`
	UnpackedBytes   *int64  `json:"unpackedBytes"`
	Base            bool    `json:"base"`
	CreatedBy       string  `json:"createdBy"` // without the values of build arguments
	AttributedBy    string  `json:"attributedBy"`
	Instructions    []Lines `json:"instructions"`
	// Its files are those that its table of contents tells: its bytes were not read, but for what was wanted.
	Listed bool `json:"listed,omitempty"`
}

// Lines are lines of a file, 1-based and inclusive.
type Lines struct {
	Path string `json:"path"`
	Line int    `json:"line"`
	End  int    `json:"end"`
}

type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Type    string `json:"type"`
	Layer   string `json:"layer"` // diffID
	Bytes   int64  `json:"bytes"`
}

type Dir struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"` // of the files below it that a container sees; a hard link counts where its first name is
}

// A File is a regular file that a container sees; of several hard links it is the first.
type File struct {
	Path  string `json:"path"`
	Layer string `json:"layer"` // diffID
	Bytes int64  `json:"bytes"`
}

// LargeFile is how many bytes a file has at least that a report lists, and MaxFiles how many it lists.
const (
	LargeFile = 1_000_000
	MaxFiles  = 500
)

func newImage(res *driver.Result) *Image {
	im := res.Image
	size := im.Size()
	out := &Image{
		Name:            redact.Credentials(im.Name),
		Source:          im.Source,
		Digest:          optional(im.Digest),
		Platform:        im.Platform,
		CompressedBytes: optional(size.Download),
		Base:            ImageBase{redact.Credentials(im.Base.Ref), im.Base.Digest, im.Base.Layers, im.Base.How},
		Unaligned:       im.Aligned,
		Layers:          []Layer{},
		Packages:        []Package{},
		Tree:            []Dir{},
		Files:           []File{},
	}
	if im.Indexed {
		out.UnpackedBytes = new(size.Unpacked)
		out.Tree, out.Files = tree(im), largest(im)
	}
	for _, l := range im.Layers {
		x := Layer{
			DiffID: l.DiffID, Digest: optional(l.Digest), CompressedBytes: optional(l.Size.Download), Base: l.Base,
			CreatedBy: redact.History(l.CreatedBy), Instructions: []Lines{}, Listed: l.Listed,
		}
		if im.Indexed {
			x.UnpackedBytes = new(l.Size.Unpacked) // a copy: a pointer into the layer would hold all of it
		}
		if l.Base || len(l.Instructions) > 0 {
			x.AttributedBy = im.Base.How
		}
		for _, inst := range l.Instructions {
			at := inst.Location()
			x.Instructions = append(x.Instructions, Lines{at.Path, at.Line, at.End})
		}
		out.Layers = append(out.Layers, x)
	}
	for _, p := range res.Packages {
		x := Package{Name: strings.Clone(p.Name), Version: strings.Clone(p.Version), Type: string(p.Type), Bytes: p.Bytes()}
		if p.Layer != nil {
			x.Layer = p.Layer.DiffID
		}
		out.Packages = append(out.Packages, x)
	}
	return out
}

// largest are the files of LargeFile bytes or more, MaxFiles at most.
func largest(im *analysis.Image) []File {
	out := []File{}
	seen := map[*analysis.File]bool{}
	for p, f := range im.Inodes() {
		if f.Size >= LargeFile && !seen[f] {
			seen[f] = true
			out = append(out, File{p, f.Layer.DiffID, f.Size})
		}
	}
	slices.SortFunc(out, func(a, b File) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Path, b.Path)) })
	out = slices.Clip(out[:min(MaxFiles, len(out))])
	for i := range out {
		out[i].Path = strings.Clone(out[i].Path) // it is a part of what the whole index may stand in
	}
	return out
}

// treeDepth is how many levels deep directories are summed.
const treeDepth = 3

// top is the directory of a file, or the one above it that is treeDepth levels deep.
func top(p string) string {
	end := 0
	for range treeDepth {
		i := strings.IndexByte(p[end:], '/')
		if i < 0 {
			break
		}
		end += i + 1
	}
	return p[:max(0, end-1)]
}

// tree sums the files that a container sees by directory, treeDepth levels deep,
// and keeps what holds one percent or more.
func tree(im *analysis.Image) []Dir {
	sums := map[string]int64{}
	var total, here int64
	dir := ""
	flush := func() { // what was found in dir counts for it and the directories above
		for d := dir; here > 0 && d != "." && d != ""; d = path.Dir(d) {
			sums[d] += here
		}
		here = 0
	}
	for p, f := range im.Files() {
		if !f.Mode.IsRegular() || f.Hard {
			continue
		}
		if d := top(p); d != dir {
			flush()
			dir = d
		}
		here += f.Size
		total += f.Size
	}
	flush()
	out := []Dir{}
	for p, n := range sums {
		if n > 0 && n*100 >= total {
			out = append(out, Dir{strings.Clone(p), n}) // p is a part of what the whole index may stand in
		}
	}
	slices.SortFunc(out, func(a, b Dir) int { return cmp.Compare(a.Path, b.Path) })
	return out
}
