package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"clean": redact.Printable}).Parse(pageText))

// A row is one layer of the page's table.
type row struct {
	Line, Command, Size, Download string
	Share                         float64 // of the image, in percent
	Base                          bool
}

// A shownFinding is a finding of the page.
type shownFinding struct {
	*Finding
	ID    string
	Box   string // of the treemap; "" if it has none
	Saves string
	Place string
}

// A section is one target of the page.
type section struct {
	*Target
	ID       string
	Size     string
	Boxes    []*box
	Rows     []row
	Advice   []shownFinding
	Findings []shownFinding
}

// maxPage is how many findings of a target the page lists: 2 MB hold some thousand.
const maxPage = 2000

// HTML writes one page that needs nothing else: what each image is made of, what to do first, and what was found.
func HTML(w io.Writer, d *Document, _ Options) error {
	var list []section
	for i := range d.Targets {
		t := &d.Targets[i]
		if t.isFile() && len(t.Findings) == 0 {
			continue
		}
		s := section{Target: t, ID: fmt.Sprintf("t%d", i)}
		boxes := map[int]string{}
		for _, b := range treemap(t) {
			b.ID = s.ID + b.ID
			if b.Finding >= 0 {
				boxes[b.Finding] = b.ID
			}
			s.Boxes = append(s.Boxes, b)
		}
		index := map[*Finding]int{}
		show := func(f *Finding) shownFinding {
			x := shownFinding{Finding: f, ID: fmt.Sprintf("%sf%d", s.ID, index[f]), Box: boxes[index[f]], Place: f.Location.String()}
			if f.Bytes != nil {
				x.Saves = advised{f}.size()
			}
			return x
		}
		for j := range t.Findings {
			index[&t.Findings[j]] = j
			if j < maxPage {
				s.Findings = append(s.Findings, show(&t.Findings[j]))
			}
		}
		for _, a := range t.advice() {
			s.Advice = append(s.Advice, show(a.Finding))
		}
		s.layers()
		list = append(list, s)
	}
	return pageTemplate.Execute(w, map[string]any{
		"Counts": d.counts(), "Sections": list, "Now": d.Now, "Tool": d.Tool, "Width": mapWidth, "Height": mapHeight,
	})
}

// layers fills the table of layers, and what the image weighs.
func (s *section) layers() {
	im := s.Image
	if im == nil {
		return
	}
	if im.UnpackedBytes != nil {
		s.Size = analysis.Bytes(*im.UnpackedBytes).String() + " unpacked"
	}
	if im.CompressedBytes != nil {
		if s.Size != "" {
			s.Size += ", "
		}
		s.Size += analysis.Bytes(*im.CompressedBytes).String() + " to download"
	}
	for i, l := range im.Layers {
		r := row{Command: analysis.Clip(layerName(&l, i), 200), Base: l.Base}
		if l.UnpackedBytes != nil {
			r.Size = analysis.Bytes(*l.UnpackedBytes).String()
			if im.UnpackedBytes != nil && *im.UnpackedBytes > 0 {
				r.Share = float64(*l.UnpackedBytes) * 100 / float64(*im.UnpackedBytes)
			}
		}
		if l.CompressedBytes != nil {
			r.Download = analysis.Bytes(*l.CompressedBytes).String()
		}
		s.Rows = append(s.Rows, r)
	}
}
