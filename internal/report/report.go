package report

import (
	"io"
	"slices"
)

// A Format is a form of the document.
type Format struct {
	Name  string // as --format takes it
	Write func(io.Writer, *Document, Options) error
}

// Formats are all of them: the first is the default.
var Formats = []Format{
	{"text", Text},
	{"line", Line},
	{"json", JSON},
	{"sarif", SARIF},
	{"html", HTML},
	{"markdown", Markdown},
	{"github", GitHub},
	{"gitlab", GitLab},
	{"junit", JUnit},
}

// Options are how a report is written.
type Options struct {
	Color   bool // for a terminal
	Links   bool // for a terminal that has links: a rule leads to its page
	Width   int  // of the terminal, in columns: text is wrapped; 0: it is not
	Notes   bool // text shows notes too, and not only how many there are
	Verbose bool // text names all files that a finding names, and not only three
	Quiet   bool // text shows findings and what could not be judged alone
}

// FormatOf returns the format of that name.
func FormatOf(name string) (Format, bool) {
	i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return Formats[i], true
}

// Names lists the formats.
func Names() (names []string) {
	for _, f := range Formats {
		names = append(names, f.Name)
	}
	return names
}
