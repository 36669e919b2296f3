package diff

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/report"
)

// A Format is a form of a Diff.
type Format struct {
	Name  string
	Write func(w io.Writer, d *Diff, color bool) error
}

// Formats are all of them: the first is the default.
var Formats = []Format{{"text", text}, {"markdown", markdown}, {"json", asJSON}, {"html", page}}

// Names lists the formats.
func Names() (names []string) {
	for _, f := range Formats {
		names = append(names, f.Name)
	}
	return names
}

// most lines of a section are shown; the JSON form has all.
const shown = 15

// A line is one row of a section: by how much, and what.
type line struct {
	Change int64
	What   string // foreign text
	Detail string // "2.4 -> 2.6", "new", "gone"
	Place  string // "Dockerfile:4"; "" if it has none
}

// A section is rows of one kind.
type section struct {
	Title string
	Lines []line
	More  int // that are not shown
}

// Bytes is the change of a row for people.
func (l line) Bytes() string { return analysis.Bytes(l.Change).Signed() }

// sections are the rows that every form for people shows.
func (d *Diff) sections() (out []section) {
	add := func(title string, lines []line) {
		if len(lines) == 0 {
			return
		}
		more := max(0, len(lines)-shown)
		out = append(out, section{title, lines[:len(lines)-more], more})
	}
	var lines []line
	state := func(old, now bool) string {
		switch {
		case !old:
			return "new"
		case !now:
			return "gone"
		}
		return ""
	}
	layers := slices.Clone(d.Layers)
	slices.SortStableFunc(layers, func(a, b Layer) int { return most(a.Change(), b.Change()) })
	for _, l := range layers {
		x := line{Change: l.Change(), What: analysis.Clip(analysis.Made(l.Made), 100), Detail: state(l.Old != nil, l.New != nil)}
		if x.What == "" {
			x.What = "a layer without a record of what made it"
		}
		if l.Base {
			x.Detail = strings.TrimSpace(x.Detail + " (base)")
		}
		if l.Place.Line > 0 {
			x.Place = fmt.Sprintf("%s:%d", l.Place.Path, l.Place.Line)
		}
		lines = append(lines, x)
	}
	add("layers, by the instruction that made them", lines)
	lines = nil
	for _, p := range d.Packages {
		x := line{Change: p.Change(), What: p.Name, Detail: strings.Join(p.Old, ", ") + " -> " + strings.Join(p.New, ", ")}
		switch {
		case len(p.Old) == 0:
			x.Detail = strings.Join(p.New, ", ") + ", new"
		case len(p.New) == 0:
			x.Detail = strings.Join(p.Old, ", ") + ", gone"
		case slices.Equal(p.Old, p.New):
			x.Detail = strings.Join(p.New, ", ")
		}
		x.Detail += " (" + p.Type + ")"
		lines = append(lines, x)
	}
	add("packages", lines)
	lines = nil
	for _, f := range d.Files {
		lines = append(lines, line{Change: f.Change(), What: f.Path, Detail: listed(f, analysis.Bytes(d.Listed))})
	}
	add(fmt.Sprintf("files of %s and more", analysis.Bytes(d.Listed)), lines)
	return out
}

// listed says of a file that one of the lists does not have that it may be too small for it.
func listed(f File, least analysis.Bytes) string {
	switch {
	case f.Old == nil:
		return fmt.Sprintf("new, or below %s before", least)
	case f.New == nil:
		return fmt.Sprintf("gone, or below %s now", least)
	}
	return ""
}

// A total is one row of what the images weigh.
type total struct{ What, Old, New, Change string }

func (d *Diff) totals() (out []total) {
	add := func(what string, old, now *int64) {
		if old == nil || now == nil {
			return
		}
		t := total{what, analysis.Bytes(*old).String(), analysis.Bytes(*now).String(), analysis.Bytes(*now - *old).Signed()}
		if *old > 0 {
			t.Change += fmt.Sprintf(" (%+.1f%%)", float64(*now-*old)*100/float64(*old))
		}
		out = append(out, t)
	}
	add("unpacked", d.Old.Unpacked, d.New.Unpacked)
	add("to download", d.Old.Download, d.New.Download)
	return out
}

// A verdict is findings that came or went.
type verdict struct {
	Title string
	List  []report.Finding
}

func (d *Diff) verdicts() []verdict { return []verdict{{"new", d.Found}, {"fixed", d.Fixed}} }

// Head is what is compared, as one line of foreign text.
func (d *Diff) head() string { return d.Old.Name + " -> " + d.New.Name }

func text(w io.Writer, d *Diff, color bool) error {
	b := &strings.Builder{}
	paint := func(code, s string) string {
		if !color {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	tint := func(n int64, s string) string {
		if n > 0 {
			return paint("31", s)
		}
		return paint("32", s)
	}
	fmt.Fprintln(b, paint("1", redact.Printable(d.head())))
	for _, t := range d.totals() {
		fmt.Fprintf(b, "  %-12s %8s -> %8s  %s\n", t.What, t.Old, t.New, t.Change)
	}
	for _, s := range d.sections() {
		fmt.Fprintf(b, "%s\n", paint("2", s.Title))
		for _, l := range s.Lines {
			rest := strings.TrimSpace(l.Detail)
			if l.Place != "" {
				rest = strings.TrimSpace(rest + " " + l.Place)
			}
			if rest != "" {
				rest = "  " + paint("2", redact.Printable(rest))
			}
			fmt.Fprintf(b, "  %s  %s%s\n", tint(l.Change, fmt.Sprintf("%9s", l.Bytes())), redact.Printable(l.What), rest)
		}
		if s.More > 0 {
			fmt.Fprintf(b, "  %9s  and %d more\n", "", s.More)
		}
	}
	for _, v := range d.verdicts() {
		if len(v.List) == 0 {
			continue
		}
		fmt.Fprintln(b, paint("2", fmt.Sprintf("findings: %d %s", len(v.List), v.Title)))
		for _, f := range v.List {
			fmt.Fprintf(b, "  %s: %s: %s [%s]\n", redact.Printable(f.Location.String()), f.Severity, redact.Printable(f.Message), f.Rule)
		}
	}
	if len(d.Layers)+len(d.Packages)+len(d.Files)+len(d.Fixed)+len(d.Found) == 0 {
		fmt.Fprintln(b, "no difference")
	}
	for _, r := range d.Remarks {
		fmt.Fprintf(b, "%s %s\n", paint("2", "note:"), redact.Printable(r))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdown(w io.Writer, d *Diff, _ bool) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "### %s → %s\n\n| | old | new | change |\n|---|---:|---:|---:|\n", redact.Code(d.Old.Name), redact.Code(d.New.Name))
	for _, t := range d.totals() {
		fmt.Fprintf(b, "| %s | %s | %s | **%s** |\n", t.What, t.Old, t.New, t.Change)
	}
	for _, s := range d.sections() {
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n\n| change | what | |\n|---:|---|---|\n", s.Title)
		for _, l := range s.Lines {
			fmt.Fprintf(b, "| %s | %s | %s |\n", l.Bytes(), redact.Code(l.What), redact.Markdown(strings.TrimSpace(l.Detail+" "+l.Place)))
		}
		if s.More > 0 {
			fmt.Fprintf(b, "| | and %d more | |\n", s.More)
		}
		b.WriteString("\n</details>\n")
	}
	for _, v := range d.verdicts() {
		if len(v.List) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n**%d %s %s**\n\n", len(v.List), v.Title, map[bool]string{true: "finding", false: "findings"}[len(v.List) == 1])
		for _, f := range v.List[:min(shown, len(v.List))] {
			fmt.Fprintf(b, "- %s %s: %s `%s`\n", f.Severity, redact.Markdown(f.Location.String()), redact.Markdown(f.Message), f.Rule)
		}
		if n := len(v.List) - shown; n > 0 {
			fmt.Fprintf(b, "- and %d more\n", n)
		}
	}
	for _, r := range d.Remarks {
		fmt.Fprintf(b, "\n> %s\n", redact.Markdown(r))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func asJSON(w io.Writer, d *Diff, _ bool) error { return report.Encode(w, d) }

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"clean": redact.Printable}).Parse(pageText))

// page is one file that needs nothing else.
func page(w io.Writer, d *Diff, _ bool) error {
	type row struct {
		line
		Width int // of its bar, in percent of the widest
		Grew  bool
	}
	type table struct {
		Title string
		Rows  []row
		More  int
	}
	var tables []table
	for _, s := range d.sections() {
		var widest int64 = 1
		for _, l := range s.Lines {
			widest = max(widest, l.Change, -l.Change)
		}
		t := table{s.Title, nil, s.More}
		for _, l := range s.Lines {
			t.Rows = append(t.Rows, row{l, int(max(l.Change, -l.Change) * 100 / widest), l.Change > 0})
		}
		tables = append(tables, t)
	}
	return pageTemplate.Execute(w, map[string]any{
		"Head": d.head(), "Totals": d.totals(), "Tables": tables, "Verdicts": d.verdicts(), "Remarks": d.Remarks,
	})
}
