package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
)

// A painter writes colours and links, or nothing.
type painter struct{ color, links bool }

// rule is a rule's name in brackets, which leads to its page where the terminal has links (OSC 8).
func (p painter) rule(name string) string {
	text := p.paint("2", "["+name+"]")
	check, _, ok := strings.Cut(name, "-")
	if p.links && ok && reRule.MatchString(name) { // that of a stored report may be anything
		return "\x1b]8;;" + Pages + check + "/README.md#" + name + "\x1b\\" + text + "\x1b]8;;\x1b\\"
	}
	return text
}

func (p painter) paint(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

var severityColors = map[analysis.Severity]string{analysis.Error: "1;31", analysis.Warning: "1;33", analysis.Note: "1;36"}

// Text writes a report for people: of each target what it weighs, the changes that save bytes, those that
// save most first, and the other findings by file, each with its place and the line it is about; many
// of one kind in one file as one. What is the same of all targets is said once, at the end.
func Text(w io.Writer, d *Document, opt Options) error {
	b := &strings.Builder{}
	p := painter{opt.Color, opt.Links}
	many := map[string]string{}
	for _, r := range d.Rules {
		many[r.ID] = r.Many
	}
	for i := range d.Targets {
		t := &d.Targets[i]
		for _, err := range t.Errors { // first, and alone: nothing else is as sure
			if len(d.Targets) > 1 && !strings.Contains(err, t.Name) {
				err = t.Name + ": " + err
			}
			fmt.Fprintf(b, "%s %s\n", p.paint("1;31", "could not be judged:"), redact.Printable(err))
		}
		if !opt.Quiet {
			summary(b, p, t)
		}
		first := t.advice()
		if t.Image != nil && !opt.Quiet && slices.ContainsFunc(first, func(a advised) bool { return a.Severity != analysis.Note || opt.Notes }) {
			fmt.Fprintf(b, "\n%s\n", p.paint("1", "what to do first, by what it saves"))
		}
		advised := map[*Finding]bool{}
		hidden := 0
		for _, a := range first {
			if t.Image == nil {
				break
			}
			advised[a.Finding] = true
			if a.Severity == analysis.Note && !opt.Notes {
				hidden++
				continue
			}
			textFinding(b, p, a.Finding, opt.Width)
			files(b, p, a.Finding, opt)
		}
		if len(advised) > hidden {
			b.WriteString("\n")
		}
		last := ""
		for _, list := range grouped(t, many) {
			f := list[0]
			if f.Severity == analysis.Note && !opt.Notes || advised[f] {
				continue
			}
			if place := f.Location.Path + f.Location.Layer; place != last && last != "" {
				b.WriteString("\n")
			}
			last = f.Location.Path + f.Location.Layer
			if len(list) > 1 {
				textGroup(b, p, list, many[f.Rule])
			} else {
				textFinding(b, p, f, opt.Width)
				files(b, p, f, opt)
			}
		}
		if last != "" {
			b.WriteString("\n")
		}
		if !opt.Quiet {
			ignored(b, p, t)
		}
	}
	if !opt.Quiet {
		inForce(b, p, d)
		undone(b, p, d)
		total(b, p, d, opt)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fewest is how many findings of one kind in one file are said as one.
const fewest = 3

// grouped are the findings of a target in their order, those together that are said as
// one. Each list has one at least.
func grouped(t *Target, many map[string]string) (lists [][]*Finding) {
	type kind struct {
		rule, path string
		severity   analysis.Severity
	}
	of := func(f *Finding) kind { return kind{f.Rule, f.Location.Path, f.Severity} }
	count := map[kind]int{}
	for i := range t.Findings {
		count[of(&t.Findings[i])]++
	}
	at := map[kind]int{}
	for i := range t.Findings {
		f := &t.Findings[i]
		k := of(f)
		if many[f.Rule] == "" || f.Location.Layer != "" || f.Location.Path == "" || count[k] < fewest {
			lists = append(lists, []*Finding{f})
			continue
		}
		if n, ok := at[k]; ok {
			lists[n] = append(lists[n], f)
			continue
		}
		at[k] = len(lists)
		lists = append(lists, []*Finding{f})
	}
	return lists
}

// maxNamed is how many lines of a group are named.
const maxNamed = 8

// textGroup writes findings of one kind in one file: how many, which, and what is said of
// the first.
func textGroup(b *strings.Builder, p painter, list []*Finding, many string) {
	f := list[0]
	count := fmt.Sprint(len(list))
	if f.Among >= len(list) {
		count = fmt.Sprintf("%d of %d", len(list), f.Among)
	}
	var names []string
	for _, x := range list {
		line, _, _ := strings.Cut(x.Snippet, "\n")
		line, _, _ = strings.Cut(line, " #")
		names = append(names, analysis.Clip(strings.TrimRight(strings.TrimSpace(line), " \\"), 40))
	}
	fmt.Fprintf(b, "%s %s %s %s\n", p.paint("1", redact.Printable(f.Location.String())+":"),
		p.paint(severityColors[f.Severity], string(f.Severity)+":"),
		redact.Printable(fmt.Sprintf("%s lines of %s %s: %s", count, f.Location.Path, many, analysis.And(names, maxNamed))),
		p.rule(f.Rule))
	fmt.Fprintf(b, "%s %s%s\n", p.paint("2", "       |"), redact.Printable(f.Message), redact.Printable(also(f)))
}

// also names the other targets of a finding.
func also(f *Finding) string {
	if len(f.Targets) == 0 {
		return ""
	}
	return " (and of " + analysis.And(f.Targets, 4) + ")"
}

// maxFiles is how many files or directories of a finding are named.
const maxFiles = 3

// files names what the bytes of a finding are in, the largest first.
func files(b *strings.Builder, p painter, f *Finding, opt Options) {
	var names []string
	for _, r := range f.Related {
		if r.Location.Layer != "" && r.Location.Path != "" {
			names = append(names, fmt.Sprintf("%s (%s)", r.Location.Path, r.Message))
		}
	}
	if len(names) == 0 {
		return
	}
	rest := ""
	if len(names) > maxFiles && !opt.Verbose {
		names, rest = names[:maxFiles], " ..."
	}
	for _, line := range wrapped(redact.Printable(strings.Join(names, ", "))+rest, 0, opt.Width-9) {
		fmt.Fprintf(b, "%s %s\n", p.paint("2", "       |"), line)
	}
}

func textFinding(b *strings.Builder, p painter, f *Finding, width int) {
	place := redact.Printable(f.Location.String()) + ":"
	head := utf8.RuneCountInString(place) + len(f.Severity) + 3
	lines := wrapped(redact.Printable(f.Message+also(f))+" ["+f.Rule+"]", head, width)
	last := &lines[len(lines)-1]
	*last = strings.TrimSuffix(*last, "["+f.Rule+"]") + p.rule(f.Rule)
	fmt.Fprintf(b, "%s %s %s\n", p.paint("1", place), p.paint(severityColors[f.Severity], string(f.Severity)+":"),
		strings.Join(lines, "\n    "))
	line, _, more := strings.Cut(f.Snippet, "\n")
	line = redact.Printable(strings.ReplaceAll(strings.TrimRight(line, " \t\r"), "\t", "    "))
	if line == "" {
		return
	}
	body := strings.TrimLeft(line, " ")
	indent := strings.Repeat(" ", len(line)-len(body))
	if more {
		body += " ..."
	}
	if room := width - 9 - len(indent); width >= leastWidth && utf8.RuneCountInString(body) > room {
		body = string([]rune(body)[:max(1, room-1)]) + "…"
	}
	gutter := fmt.Sprintf("%6d | ", f.Location.Line)
	underline := "^" + strings.Repeat("~", max(0, utf8.RuneCountInString(strings.TrimSuffix(body, " ..."))-1))
	fmt.Fprintf(b, "%s%s%s\n%s%s%s\n", p.paint("2", gutter), indent, body, p.paint("2", "       | "), indent,
		p.paint(severityColors[f.Severity], underline))
}

// leastWidth is how narrow a terminal is that text is wrapped for.
const leastWidth = 40

// wrapped cuts a text into lines of a width, the first of which has so many columns before it, the others
// four; it is one line where the width is none.
func wrapped(text string, head, width int) (lines []string) {
	if width < leastWidth {
		return []string{text}
	}
	line, room := "", width-head
	for _, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		if line != "" && utf8.RuneCountInString(line)+1+n > room {
			lines = append(lines, line)
			line, room = "", width-4
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// String is the place as a terminal's user clicks it.
func (l Location) String() string {
	switch {
	case l.Layer != "" && l.Path != "":
		return fmt.Sprintf("layer %d: %s", l.Index, l.Path)
	case l.Layer != "":
		return fmt.Sprintf("layer %d", l.Index)
	case l.Path == "":
		return "image"
	case l.Line == 0:
		return l.Path
	}
	return fmt.Sprintf("%s:%d", l.Path, l.Line)
}

func plural(s string, n int) string {
	if n == 1 {
		return s
	}
	return s + "s"
}
