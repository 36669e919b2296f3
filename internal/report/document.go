// Package report writes results. The JSON document is the lossless form: every
// other format is made from it.
package report

import (
	"cmp"
	"path"
	"strings"
	"time"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/redact"
	"github.com/tareweight/tare/internal/driver"
)

// Version is that of the document's form.
const Version = 2

// A Document is a report of all targets of a run.
type Document struct {
	Version int    `json:"version"`
	Tool    Tool   `json:"tool"`
	Now     string `json:"now"` // the day, UTC: YYYY-MM-DD
	// Baseline is the report whose findings are known, and do not count; null if there is none.
	Baseline *Baseline `json:"baseline,omitempty"`
	Rules    []Rule    `json:"rules"`
	Targets  []Target  `json:"targets"`
	Remarks  []string  `json:"remarks"` // about what was judged: what is left out, and why
}

// A Tool is the program that made the document.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// A Rule is one that was enabled.
type Rule struct {
	ID       string            `json:"id"`
	Title    string            `json:"title"`
	Severity analysis.Severity `json:"severity"`
	Help     string            `json:"help"` // Markdown: the rule's section of its check's page
	HelpURI  string            `json:"helpUri"`
	Many     string            `json:"many,omitempty"` // what is said of many findings in one file
}

// A Target is what was judged together.
type Target struct {
	Name          string        `json:"name"`
	Place         Place         `json:"place"`
	Context       string        `json:"context"` // the build context, a directory; "" if there is none
	Configuration Configuration `json:"configuration"`
	Dockerfile    *Dockerfile   `json:"dockerfile"`           // null if there is none, or if it does not parse
	Image         *Image        `json:"image"`                // null if there is none, or if no rule needed it
	Containers    []Container   `json:"containers,omitempty"` // of manifests, that run it
	Savings       *Bytes        `json:"savings"`              // what need not be there, each byte once; null where nothing is known to be
	Findings      []Finding     `json:"findings"`
	Ignored       []Ignored     `json:"ignored"`         // findings that do not count, as a comment or the configuration says so
	Known         []Finding     `json:"known,omitempty"` // findings that do not count, as the baseline has them
	NotRun        []NotRun      `json:"notRun"`
	Errors        []string      `json:"errors"`  // what could not be judged
	Remarks       []string      `json:"remarks"` // what was chosen without being asked for
}

// A Container is one of a manifest.
type Container struct {
	Name     string   `json:"name"` // with the object that has its pods: "Deployment web, container app"
	Location Location `json:"location"`
	Image    string   `json:"image"` // as the manifest has it
}

// A Place says where a target's paths are in their repository.
type Place struct {
	Prefix string `json:"prefix"` // of the working directory, below the repository's top: it stands before each path; "" is the top
	Top    string `json:"top"`    // of the repository, where the working directory is not in it; else ""
}

// in is a path of a report in its repository.
func (p Place) in(name string) string {
	if p.Top != "" {
		if rest, ok := strings.CutPrefix(name, strings.TrimSuffix(p.Top, "/")+"/"); ok {
			return rest
		}
	}
	if path.IsAbs(name) || p.Prefix == "" {
		return name
	}
	return path.Join(p.Prefix, name)
}

// A Configuration is what is in force for a target. Its files may be of who proposes the
// change that is judged.
type Configuration struct {
	Files    []string  `json:"files"`    // the outermost first
	Settings []Setting `json:"settings"` // what they set in the place of defaults
	FailOn   string    `json:"failOn"`   // the lowest severity that fails, or "never"
	Strict   bool      `json:"strict"`   // what could not be decided at a place fails too
}

// A Setting is a key of a file of the configuration.
type Setting struct {
	Path  string `json:"path"` // of the file
	Line  int    `json:"line"`
	Key   string `json:"key"` // with the keys above it: "sizebudget.download"
	Value string `json:"value"`
}

// String says it in one line: "settings of .tare.yaml: stage runtime"; "" if nothing is set.
func (c Configuration) String() string { return strings.Join(c.lines(), "; ") }

// lines are what each file sets.
func (c Configuration) lines() (parts []string) {
	var paths []string
	by := map[string][]string{}
	for _, s := range c.Settings {
		if by[s.Path] == nil {
			paths = append(paths, s.Path)
		}
		by[s.Path] = append(by[s.Path], s.Key+" "+s.Value)
	}
	for _, p := range paths {
		parts = append(parts, "settings of "+p+": "+strings.Join(by[p], ", "))
	}
	return parts
}

// A Baseline is a report of before.
type Baseline struct {
	Path  string `json:"path"`
	Known int    `json:"known"` // findings of this run that it has
	Gone  int    `json:"gone"`  // its findings of the same targets that this run has no more
}

type Dockerfile struct {
	Path   string  `json:"path"`
	Target string  `json:"target"` // the judged stage: its name, else its number
	Stages []Stage `json:"stages"`
}

type Stage struct {
	Index   int    `json:"index"`
	Name    string `json:"name"`
	Line    int    `json:"line"`
	Base    Base   `json:"base"`
	Root    string `json:"root"` // the external image at the end of the FROM chain; "" if unknown
	Reached bool   `json:"reached"`
}

// A Base is that of a stage.
type Base struct {
	Written  string `json:"written"`
	Expanded string `json:"expanded"` // "" if unknown
}

type Finding struct {
	Rule        string            `json:"rule"`
	Severity    analysis.Severity `json:"severity"`
	Key         string            `json:"key"`
	Message     string            `json:"message"`
	Bytes       *Bytes            `json:"bytes"`              // null where nothing is saved
	OfBase      bool              `json:"ofBase,omitempty"`   // bytes are of the base: another base saves them too
	Swap        bool              `json:"swap,omitempty"`     // bytes are what another base saves
	Measured    *int64            `json:"measured,omitempty"` // bytes that it complains of
	Packages    []string          `json:"packages,omitempty"` // that it is about
	Among       int               `json:"among,omitempty"`    // how many things of its kind were judged in its file
	Targets     []string          `json:"targets,omitempty"`  // others of which the same was found: it stands in the first alone
	Fingerprint string            `json:"fingerprint"`
	Snippet     string            `json:"snippet"` // the lines of the place, at most ten
	Location    Location          `json:"location"`
	Related     []Related         `json:"related"`
	Fixes       []Fix             `json:"fixes"`
}

// An Ignored is a finding that a comment ignores, or an entry of the configuration.
type Ignored struct {
	Finding
	By     Location `json:"by"` // the comment or the entry
	Reason string   `json:"reason"`
	Until  string   `json:"until"` // the last day, YYYY-MM-DD; "" if there is none
	// Configured says that it is an entry of the configuration.
	Configured bool `json:"configured,omitempty"`
}

type Bytes struct {
	Unpacked int64 `json:"unpacked"`
	Download int64 `json:"download"`
}

// A Location is lines of a file, or a path in a layer, or, where all is empty,
// the image itself.
type Location struct {
	Path  string `json:"path"`
	Line  int    `json:"line"`
	End   int    `json:"end"`
	Layer string `json:"layer,omitempty"` // diffID
	Index int    `json:"layerIndex,omitempty"`
}

type Related struct {
	Message  string   `json:"message"`
	Location Location `json:"location"`
}

type Fix struct {
	Message string `json:"message"`
	Edits   []Edit `json:"edits"`
}

type Edit struct {
	Path string `json:"path"`
	Line int    `json:"line"`
	End  int    `json:"end"`
	New  string `json:"new"`
}

type NotRun struct {
	Rule     string   `json:"rule"`
	Reason   string   `json:"reason"`
	Location Location `json:"location"`
}

// Pages is where the pages of checks are.
const Pages = "https://github.com/tareweight/tare/blob/main/analyzers/"

// New makes a document without targets.
func New(tool Tool, now string, analyzers []*analysis.Analyzer, enabled func(*analysis.Rule) bool) *Document {
	d := &Document{Version: Version, Tool: tool, Now: now, Rules: []Rule{}, Targets: []Target{}, Remarks: []string{}}
	for _, a := range analyzers {
		for _, r := range a.Rules {
			if enabled(r) {
				d.Rules = append(d.Rules, Rule{
					ID: r.ID, Title: r.Title, Severity: r.Severity, Help: Section(a.Doc, r.ID), Many: r.Many,
					HelpURI: Pages + a.Name + "/README.md#" + r.ID,
				})
			}
		}
	}
	return d
}

// Section is the part of a check's page about one rule.
func Section(doc, rule string) string {
	_, rest, ok := strings.Cut(doc, "\n## "+rule+"\n")
	if !ok {
		return ""
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	return strings.TrimSpace(section)
}

// NewTarget makes the report of one result, which it does not keep. Lines returns
// the lines first to last of a file of the build context, for snippets; none
// where they cannot be had.
func NewTarget(res *driver.Result, lines func(path string, first, last int) []string) Target {
	t := Target{
		Name:     redact.Credentials(res.Target.Name),
		Place:    Place(res.Target.Place),
		Findings: []Finding{},
		Ignored:  []Ignored{},
		NotRun:   []NotRun{},
		Errors:   []string{},
		Remarks:  []string{},
	}
	if res.Target.Context != nil {
		t.Context = res.Target.ContextDir
	}
	c := res.Target.Config
	t.Configuration = Configuration{
		Files: append([]string{}, c.Files...), Settings: []Setting{}, FailOn: cmp.Or(c.FailOn, "warning"), Strict: c.Strict,
	}
	for _, x := range c.Settings {
		t.Configuration.Settings = append(t.Configuration.Settings, Setting{x.Path, x.Line, x.Key, redact.Credentials(x.Value)})
	}
	if d := res.Dockerfile; d != nil {
		t.Dockerfile = &Dockerfile{Path: d.Path, Target: d.Target.String(), Stages: []Stage{}}
		for _, s := range d.Stages {
			t.Dockerfile.Stages = append(t.Dockerfile.Stages,
				Stage{s.Index, s.Name, s.Line, Base{s.From, s.Base}, s.Root, s.Reached})
		}
	}
	if res.Image != nil {
		t.Image = newImage(res)
	}
	for _, p := range res.Target.Pods {
		t.Containers = append(t.Containers, Container{
			Name: redact.Credentials(p.String()), Location: location(p.Container.At), Image: redact.Credentials(p.Container.Image.S),
		})
	}
	var source []string
	if d := res.Dockerfile; d != nil {
		source = strings.Split(strings.ReplaceAll(string(d.Source), "\r\n", "\n"), "\n")
	}
	read := func(at Lines) []string {
		if d := res.Dockerfile; d == nil || d.Path != at.Path {
			return lines(at.Path, at.Line, at.End)
		}
		return source[min(at.Line-1, len(source)):min(at.End, len(source))]
	}
	var shown Lines // thousands of findings may stand on one long line
	var shownText string
	finding := func(f analysis.Finding) Finding {
		out := Finding{
			Rule: f.Rule.ID, Severity: f.Severity, Key: redact.Credentials(f.Key), Message: redact.Credentials(f.Message),
			Location: location(f.Location), Related: []Related{}, Fixes: []Fix{},
			Fingerprint: fingerprint(res, f), Among: f.Among, OfBase: f.OfBase, Swap: f.Rule.Siblings && f.Bytes != (analysis.Size{}),
		}
		for _, p := range f.Packages {
			out.Packages = append(out.Packages, redact.Credentials(p))
		}
		if f.Measured != 0 {
			out.Measured = new(f.Measured)
		}
		if f.Location.Layer == nil && f.Location.Line > 0 {
			if at := (Lines{f.Location.Path, f.Location.Line, min(max(f.Location.Line, f.Location.End), f.Location.Line+9)}); at != shown {
				shown, shownText = at, snippet(read(at))
			}
			out.Snippet = shownText
		}
		if f.Bytes != (analysis.Size{}) {
			out.Bytes = &Bytes{f.Bytes.Unpacked, f.Bytes.Download}
		}
		for _, r := range f.Related {
			out.Related = append(out.Related, Related{redact.Credentials(r.Message), location(r.Location)})
		}
		for _, fix := range f.Fixes {
			x := Fix{Message: redact.Credentials(fix.Message), Edits: []Edit{}}
			for _, e := range fix.Edits {
				x.Edits = append(x.Edits, Edit(e))
			}
			out.Fixes = append(out.Fixes, x)
		}
		return out
	}
	for _, f := range res.Findings {
		t.Findings = append(t.Findings, finding(f))
	}
	t.Savings = Savings(t.Findings)
	for _, i := range res.Ignored {
		x := Ignored{
			Finding: finding(i.Finding), By: Location{Path: i.By.Path, Line: i.By.Line, End: i.By.Line},
			Reason: redact.Credentials(i.By.Reason), Configured: i.By.Configured,
		}
		if !i.By.Until.IsZero() {
			x.Until = i.By.Until.Format(time.DateOnly)
		}
		t.Ignored = append(t.Ignored, x)
	}
	for _, n := range res.NotRun {
		t.NotRun = append(t.NotRun, NotRun{n.Rule.ID, redact.Credentials(n.Reason), location(n.Location)})
	}
	for _, err := range res.Errors {
		t.Errors = append(t.Errors, redact.Credentials(err.Error()))
	}
	for _, r := range res.Remarks {
		t.Remarks = append(t.Remarks, redact.Credentials(r))
	}
	return t
}

// Savings is the sum of what findings save. What is of the base counts only where no other base that
// would save it too is known, unpacked and to download: the two sums are of the same changes.
func Savings(list []Finding) *Bytes {
	var sum, base, swap Bytes
	for _, f := range list {
		if f.Bytes == nil {
			continue
		}
		to := &sum
		switch {
		case f.OfBase:
			to = &base
		case f.Swap:
			to = &swap
		}
		to.Unpacked += f.Bytes.Unpacked
		to.Download += f.Bytes.Download
	}
	if swap.Unpacked > 0 {
		base = swap
	}
	sum.Unpacked += base.Unpacked
	sum.Download += base.Download
	if sum == (Bytes{}) {
		return nil
	}
	return &sum
}

func location(l analysis.Location) Location {
	out := Location{Path: l.Path, Line: l.Line, End: l.End}
	if l.Layer != nil {
		out.Layer, out.Index = l.Layer.DiffID, l.Layer.Index
	}
	return out
}

func snippet(lines []string) string {
	var out []string
	for _, line := range lines {
		out = append(out, analysis.Clip(redact.Credentials(line), maxLine))
	}
	return strings.Join(out, "\n")
}

// maxLine is how many bytes of a line a finding shows.
const maxLine = 500

func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
