package scan

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/report"
)

// A Format is a form of a Rollup.
type Format struct {
	Name  string
	Write func(w io.Writer, u *Rollup, color bool) error
}

// Formats are all of them: the first is the default.
var Formats = []Format{{"text", text}, {"markdown", markdown}, {"json", asJSON}, {"html", page}}

// Line is a result as one line of JSON.
func (r *Result) Line() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, err
	}
	return redact.JSON(b.Bytes()), nil
}

// A table is rows for people: cells of foreign text, the first of each right-aligned.
type table struct {
	Title string
	Heads []string
	Rows  [][]string
}

func size(n int64) string { return analysis.Bytes(n).String() }

// tables are what every form for people shows.
func (u *Rollup) tables() (out []table) {
	t := table{"bases, by what a smaller one would save in pulls", []string{"pulls", "saves", "images", "base"}, nil}
	for _, b := range u.Bases {
		saves := ""
		if b.Saves > 0 {
			saves = size(b.Saves)
		}
		t.Rows = append(t.Rows, []string{size(b.Pulls), saves, fmt.Sprint(b.Images), b.Ref})
	}
	out = append(out, t)
	t = table{"rules, by what their findings save", []string{"unpacked", "images", "findings", "rule"}, nil}
	for _, r := range u.Rules {
		t.Rows = append(t.Rows, []string{size(r.Bytes.Unpacked), fmt.Sprint(r.Images), fmt.Sprint(r.Findings), r.Rule})
	}
	out = append(out, t)
	t = table{"instructions that bring most of what need not be there", []string{"unpacked", "images", "rule", "instruction"}, nil}
	for _, l := range u.Lines {
		t.Rows = append(t.Rows, []string{size(l.Bytes.Unpacked), fmt.Sprint(l.Images), l.Rule, analysis.Clip(l.Made, 100)})
	}
	out = append(out, t)
	t = table{"images of which most need not be there", []string{"need not be there", "unpacked", "findings", "image"}, nil}
	for _, im := range u.Worst {
		t.Rows = append(t.Rows, []string{size(im.Savings.Unpacked), size(im.Unpacked), fmt.Sprint(im.Findings), im.Ref})
	}
	out = append(out, t)
	t = table{"could not be judged", []string{"image", "why"}, nil}
	for _, f := range u.Failed[:min(top, len(u.Failed))] {
		t.Rows = append(t.Rows, []string{f.Ref, f.Why})
	}
	if n := len(u.Failed) - top; n > 0 {
		t.Rows = append(t.Rows, []string{"", fmt.Sprintf("and %d more", n)})
	}
	return append(out, t)
}

// head is the sums in one sentence.
func (u *Rollup) head() string {
	s := fmt.Sprintf("%s (%s), %s: %s to pull, %s stored; %s unpacked and about %s to download need not be there",
		many(u.Images, "image"), many(u.References, "reference"), many(u.Layers, "layer"),
		size(u.Download), size(u.Stored), size(u.Savings.Unpacked), analysis.Bytes(u.Savings.Download).About())
	if u.Known == 1 {
		s += "; 1 was judged before"
	} else if u.Known > 0 {
		s += fmt.Sprintf("; %d were judged before", u.Known)
	}
	if u.Interrupt {
		s += "; the run was stopped: the next one goes on"
	}
	return s
}

// many is a number of things.
func many(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// counts is how many findings there are, by severity.
func (u *Rollup) counts() string {
	var parts []string
	for _, s := range analysis.Severities {
		if n := u.Findings[s]; n > 0 {
			parts = append(parts, many(n, string(s)))
		}
	}
	if n := len(u.Failed); n > 0 {
		parts = append(parts, fmt.Sprintf("%d could not be judged", n))
	}
	if len(parts) == 0 {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

func text(w io.Writer, u *Rollup, color bool) error {
	b := &strings.Builder{}
	dim := func(s string) string {
		if !color {
			return s
		}
		return "\x1b[2m" + s + "\x1b[0m"
	}
	for _, t := range u.tables() {
		if len(t.Rows) == 0 {
			continue
		}
		fmt.Fprintln(b, dim(t.Title))
		width := make([]int, len(t.Heads))
		for _, row := range append([][]string{t.Heads}, t.Rows...) {
			for i, cell := range row {
				width[i] = max(width[i], utf8.RuneCountInString(redact.Printable(cell)))
			}
		}
		write := func(row []string) string {
			line := " "
			for i, cell := range row {
				cell = redact.Printable(cell)
				switch {
				case i == len(row)-1:
					line += "  " + cell
				case len(row) == 2: // a failure
					line += " " + cell + ":"
				default:
					line += fmt.Sprintf(" %*s", width[i], cell)
				}
			}
			return line + "\n"
		}
		if len(t.Heads) > 2 {
			b.WriteString(dim(strings.TrimSuffix(write(t.Heads), "\n")) + "\n")
		}
		for _, row := range t.Rows {
			b.WriteString(write(row))
		}
	}
	fmt.Fprintf(b, "%s\n%s\n", u.head(), u.counts())
	for _, r := range u.Remarks {
		fmt.Fprintf(b, "%s %s\n", dim("note:"), redact.Printable(r))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdown(w io.Writer, u *Rollup, _ bool) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "## %s\n\n%s\n", u.counts(), redact.Markdown(u.head()))
	for _, t := range u.tables() {
		if len(t.Rows) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n### %s\n\n| %s |\n|%s\n", t.Title, strings.Join(t.Heads, " | "), strings.Repeat("---|", len(t.Heads)))
		for _, row := range t.Rows {
			for i, cell := range row {
				if i == len(row)-1 || len(row) == 2 {
					cell = redact.Code(cell)
				}
				fmt.Fprintf(b, "| %s ", cell)
			}
			b.WriteString("|\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func asJSON(w io.Writer, u *Rollup, _ bool) error { return report.Encode(w, u) }

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"clean": redact.Printable, "last": func(i int, row []string) bool { return i == len(row)-1 || len(row) == 2 },
}).Parse(pageText))

func page(w io.Writer, u *Rollup, _ bool) error {
	return pageTemplate.Execute(w, map[string]any{"Head": u.head(), "Counts": u.counts(), "Tables": u.tables()})
}
