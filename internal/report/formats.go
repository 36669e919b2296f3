package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
)

// A placed is a finding with its target.
type placed struct {
	*Finding
	target *Target
}

// ranked are the findings of all targets, the worst first, and of one severity those that save most.
func (d *Document) ranked() (list []placed) {
	for i := range d.Targets {
		for j := range d.Targets[i].Findings {
			list = append(list, placed{&d.Targets[i].Findings[j], &d.Targets[i]})
		}
	}
	bytes := func(p placed) int64 {
		if p.Bytes == nil {
			return 0
		}
		return p.Bytes.Unpacked
	}
	slices.SortStableFunc(list, func(a, b placed) int {
		rank := func(p placed) int { return slices.Index(analysis.Severities, p.Severity) }
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(bytes(b), bytes(a)))
	})
	return list
}

// Line writes one finding a line, as editors and grep take it: PATH:LINE: severity: message [rule].
func Line(w io.Writer, d *Document, opt Options) error {
	b := &strings.Builder{}
	for i := range d.Targets {
		t := &d.Targets[i]
		for _, err := range t.Errors {
			fmt.Fprintf(b, "%s: could not be judged: %s\n", redact.Printable(t.Name), redact.Printable(err))
		}
		for j := range t.Findings {
			if f := &t.Findings[j]; f.Severity != analysis.Note || opt.Notes {
				fmt.Fprintf(b, "%s: %s: %s [%s]\n", redact.Printable(f.Location.String()), f.Severity, redact.Printable(f.Message), f.Rule)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// maxAnnotations is how many annotations of one level GitHub shows of a step (docs.github.com, "Workflow
// commands"; actions/toolkit, "Limitations").
const maxAnnotations = 10

// GitHub writes workflow commands, which GitHub shows as annotations: the worst of each level, and a line that says how
// many more there are. What is not at a line of a file stands in the log alone.
func GitHub(w io.Writer, d *Document, _ Options) error {
	levels := map[analysis.Severity]string{analysis.Error: "error", analysis.Warning: "warning", analysis.Note: "notice"}
	b := &strings.Builder{}
	for i := range d.Targets {
		for _, err := range d.Targets[i].Errors {
			fmt.Fprintf(b, "::error title=could not be judged::%s\n", data(d.Targets[i].Name+": "+err))
		}
	}
	said := map[analysis.Severity]int{}
	for _, p := range d.ranked() {
		if said[p.Severity]++; said[p.Severity] > maxAnnotations {
			continue
		}
		at := ""
		if p.Location.Layer == "" && p.Location.Path != "" {
			at = "file=" + property(p.target.Place.in(p.Location.Path)) + ","
			if p.Location.Line > 0 {
				at += fmt.Sprintf("line=%d,endLine=%d,", p.Location.Line, max(p.Location.Line, p.Location.End))
			}
		}
		message := p.Message
		if at == "" {
			message = p.target.Name + ": " + p.Location.String() + ": " + message
		}
		fmt.Fprintf(b, "::%s %stitle=%s::%s\n", levels[p.Severity], at, property(p.Rule), data(message))
	}
	for _, s := range analysis.Severities {
		if n := said[s] - maxAnnotations; n > 0 {
			fmt.Fprintf(b, "%d more %s: GitHub shows %d of a level\n", n, plural(string(s), n), maxAnnotations)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// data is text for the message of a workflow command, property for one of its properties (actions/toolkit, "command.ts").
func data(s string) string {
	return strings.ReplaceAll(redact.Printable(s), "%", "%25")
}

func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(s))
}

// maxMarkdown is how many bytes a comment of a pull request may have, with some room (GitHub refuses 65,536 characters).
const maxMarkdown = 60_000

// Markdown writes the report for a job's summary or a comment: what the images weigh, what to do first, and the
// findings by file. What is too long for a comment is counted.
func Markdown(w io.Writer, d *Document, opt Options) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "### Tare: %s\n", d.counts())
	for i := range d.Targets {
		t := &d.Targets[i]
		for _, err := range t.Errors {
			fmt.Fprintf(b, "\n**%s could not be judged**: %s\n", redact.Markdown(t.Name), redact.Markdown(err))
		}
		if im := t.Image; im != nil && im.UnpackedBytes != nil {
			fmt.Fprintf(b, "\n%s: **%s** unpacked", redact.Code(im.Name), analysis.Bytes(*im.UnpackedBytes))
			if im.CompressedBytes != nil {
				fmt.Fprintf(b, ", **%s** to download", analysis.Bytes(*im.CompressedBytes))
			}
			if s := t.Savings; s != nil {
				fmt.Fprintf(b, "; %s need not be there", analysis.Bytes(s.Unpacked))
			}
			b.WriteString("\n")
		}
		if steps := t.advice(); len(steps) > 0 {
			b.WriteString("\n| | saves | where | what to do |\n|---:|---:|---|---|\n")
			for n, s := range steps {
				fmt.Fprintf(b, "| %d | %s | %s | %s |\n", n+1, s.size(), redact.Code(s.Location.String()),
					redact.Markdown(analysis.Clip(s.Message, 400)))
			}
		}
	}
	last, left := "", 0
	for _, p := range d.ranked() {
		if p.Severity == analysis.Note && !opt.Notes || p.Bytes != nil && !p.OfBase {
			continue // it stands above
		}
		line := fmt.Sprintf("- %s %s: %s `%s`\n", p.Severity, redact.Markdown(p.Location.String()),
			redact.Markdown(analysis.Clip(p.Message, 1000)), p.Rule)
		if b.Len()+len(line) > maxMarkdown {
			left++
			continue
		}
		if last == "" {
			b.WriteString("\n")
		}
		last = p.Rule
		b.WriteString(line)
	}
	if left > 0 {
		fmt.Fprintf(b, "\n%d more %s: the JSON report has all\n", left, plural("finding", left))
	}
	text := b.String()
	if len(text) > maxMarkdown+1000 {
		text = text[:strings.LastIndexByte(text[:maxMarkdown], '\n')+1] + "\nmore is in the JSON report\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// counts is how many findings there are, by severity.
func (d *Document) counts() string {
	n := map[analysis.Severity]int{}
	broken := 0
	for _, t := range d.Targets {
		broken += len(t.Errors)
		for _, f := range t.Findings {
			n[f.Severity]++
		}
	}
	var parts []string
	for _, s := range analysis.Severities {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], plural(string(s), n[s])))
		}
	}
	if broken > 0 {
		parts = append(parts, fmt.Sprintf("%d could not be judged", broken))
	}
	if len(parts) == 0 {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

// An advised is one change of those that save bytes.
type advised struct{ *Finding }

// size is what a change saves, for a table.
func (a advised) size() string {
	if a.Bytes.Unpacked > 0 {
		return analysis.Bytes(a.Bytes.Unpacked).String()
	}
	return analysis.Bytes(a.Bytes.Download).About() + " to download"
}

// advice is the changes that save bytes, those that save most first: each byte once, so that what another base
// would save is not said again.
func (t *Target) advice() (list []advised) {
	swap := slices.ContainsFunc(t.Findings, func(f Finding) bool { return f.Swap && f.Bytes != nil && f.Bytes.Unpacked > 0 })
	for i := range t.Findings {
		if f := &t.Findings[i]; f.Bytes != nil && (f.Bytes.Unpacked > 0 || f.Bytes.Download > 0) && !(f.OfBase && swap) {
			list = append(list, advised{f})
		}
	}
	slices.SortStableFunc(list, func(a, b advised) int {
		return cmp.Or(cmp.Compare(max(b.Bytes.Unpacked, b.Bytes.Download), max(a.Bytes.Unpacked, a.Bytes.Download)),
			cmp.Compare(b.Bytes.Download, a.Bytes.Download))
	})
	return list
}

// JUnit writes findings as failures of test cases, a suite for each target, as CI systems read it
// (the schema of Jenkins' xunit plugin).
func JUnit(w io.Writer, d *Document, _ Options) error {
	type failure struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Name    string   `xml:"name,attr"`
		Class   string   `xml:"classname,attr"`
		File    string   `xml:"file,attr,omitempty"`
		Failure *failure `xml:"failure,omitempty"`
		Error   *failure `xml:"error,omitempty"`
	}
	type suite struct {
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Cases    []testcase `xml:"testcase"`
	}
	var all struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []suite  `xml:"testsuite"`
	}
	for i := range d.Targets {
		t := &d.Targets[i]
		s := suite{Name: redact.Printable(t.Name)}
		for _, err := range t.Errors {
			s.Errors++
			s.Cases = append(s.Cases, testcase{Name: "could not be judged", Class: "tare", Error: &failure{"error", redact.Printable(err), ""}})
		}
		for j := range t.Findings {
			f := &t.Findings[j]
			at := redact.Printable(f.Location.String())
			c := testcase{Name: at + " " + f.Rule, Class: f.Rule, Failure: &failure{string(f.Severity), redact.Printable(f.Message), at}}
			if f.Location.Layer == "" {
				c.File = redact.Printable(f.Location.Path)
			}
			if f.Severity == analysis.Note { // it fails nothing
				c.Failure = nil
			} else {
				s.Failures++
			}
			s.Cases = append(s.Cases, c)
		}
		if len(s.Cases) == 0 {
			s.Cases = append(s.Cases, testcase{Name: "no findings", Class: "tare"})
		}
		s.Tests = len(s.Cases)
		all.Suites = append(all.Suites, s)
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	b.WriteString("\n")
	_, err := w.Write(b.Bytes())
	return err
}

// GitLab writes findings as GitLab's code quality reads them (docs.gitlab.com, "Code Quality report format"). What is at no
// line of a file stands on the first of the Dockerfile, or of the target's name.
func GitLab(w io.Writer, d *Document, _ Options) error {
	type lines struct {
		Begin int `json:"begin"`
	}
	type location struct {
		Path  string `json:"path"`
		Lines lines  `json:"lines"`
	}
	type issue struct {
		Description string   `json:"description"`
		Check       string   `json:"check_name"`
		Fingerprint string   `json:"fingerprint"`
		Severity    string   `json:"severity"`
		Location    location `json:"location"`
	}
	levels := map[analysis.Severity]string{analysis.Error: "major", analysis.Warning: "minor", analysis.Note: "info"}
	list := []issue{}
	for _, p := range d.ranked() {
		at := location{p.target.Place.in(p.Location.Path), lines{max(1, p.Location.Line)}}
		if p.Location.Layer != "" || p.Location.Path == "" {
			at = location{p.target.Name, lines{1}}
			if f := p.target.Dockerfile; f != nil {
				at.Path = p.target.Place.in(f.Path)
			}
		}
		at.Path = redact.Printable(at.Path)
		list = append(list, issue{redact.Printable(p.Message), p.Rule, p.Fingerprint, levels[p.Severity], at})
	}
	raw, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(redact.JSON(append(raw, '\n')))
	return err
}
