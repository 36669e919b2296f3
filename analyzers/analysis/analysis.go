// Package analysis is the vocabulary of checks: what a check declares
// (Analyzer, Rule, Needs), what it is given (Pass) and what it reports
// (Finding). It does no input or output.
package analysis

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"
)

// An Analyzer describes one check. It is a constant: it keeps no state
// between runs, and may be run for several targets at once.
type Analyzer struct {
	Name   string            // directory name, and section of .tare.yaml
	Doc    string            // Markdown, with one section "## <rule-id>" for each rule; its first line is the title
	Rules  []*Rule           // all that Run may report
	Needs  Needs             // all that Run may read
	Config any               // a struct of default settings with yaml tags; nil if there are none
	Run    func(*Pass) error // an error means that the check could not be done
}

// A Rule is one kind of finding, described as data.
type Rule struct {
	ID       string   // begins with the analyzer's name; SARIF ruleId, documentation anchor, suppression key
	Title    string   // one clause, no capital, no period
	Severity Severity // the default; a Finding may differ, the configuration decides
	Unset    string   // its severity where the setting that it judges by is not set: "off", or a lower one; "" is the same
	Needs    Input    // what the rule cannot be decided without
	Any      Input    // of these it needs one, whichever the target has
	Uses     Input    // what it reads besides, where the target has it: it may decide otherwise then
	Many     string   // what a report says of many findings in one file, after "5 lines of PATH": "are not pinned"; "" lists them one by one
	Siblings bool     // says what the smaller sibling of a base would save: its manifest is asked for
	Bytes    bool     // decides by the bytes of files, which are not read of a layer that is Listed unless the user asks for the rule
	Runtime  bool     // judges the image that ships: notes only, where the judged stage is one for development that nobody chose
}

// A Severity says how much a finding matters. The values are SARIF's levels.
type Severity string

const (
	Error   Severity = "error"   // the user set the limit, or the thing cannot be read at all
	Warning Severity = "warning" // should be changed
	Note    Severity = "note"    // worth knowing
)

// Severities are all of them, what matters most first.
var Severities = []Severity{Error, Warning, Note}

// An Input is a set of the things that a target may have.
type Input uint

const (
	InputDockerfile Input = 1 << iota // the Dockerfile
	InputContext                      // the files of the build context, or files that the user named
	InputManifest                     // the image's manifest and configuration
	InputFiles                        // the index of every layer of the image
	InputBaseline                     // an older image to compare with
	InputWorkload                     // a container of a pod, as a manifest describes it
)

// Or names the inputs as a report says that one of them is missing: "a Dockerfile
// or an image".
func (in Input) Or() string {
	var names []string
	for _, x := range []struct {
		in   Input
		name string
	}{
		{InputDockerfile, "a Dockerfile"}, {InputContext, "the files of the build context"},
		{InputManifest | InputFiles, "an image"}, {InputBaseline, "a baseline image"},
		{InputWorkload, "a manifest of Kubernetes"},
	} {
		if in&x.in != 0 {
			names = append(names, x.name)
		}
	}
	return Or(names)
}

// Needs lists what an analyzer or a fact reads where it is there. The driver
// reads every layer once, so it must know all of it beforehand.
type Needs struct {
	Facts    []AnyFact // derived values, read with Fact.Of
	Contents []Want    // files of the image whose bytes are kept
}

// A Want names files of an image whose contents are kept in the index. It is
// data, so that it can be part of a cache key.
type Want struct {
	Glob string // a path in the image as path.Match reads it; a leading "**/" stands for any directories
	Max  int64  // bytes kept of a file; a longer file keeps none
}

// A Pass is one application of an analyzer to one target.
type Pass struct {
	Analyzer   *Analyzer
	Dockerfile *Dockerfile  // nil if the target has none
	Image      *Image       // nil if the target has none
	Baseline   *Image       // an older image of the same, to compare with, its layers indexed; nil if there is none
	RunBy      []*Container // the containers of pods that run what is judged; nil if none is known, and where Container is judged
	Container  *Container   // the container of a pod that is judged, with its pod; nil if what it runs is, or if there is none
	Services   []*Service   // of the same input as Container
	Files      fs.FS        // the build context, .dockerignore applied; nil if there is none
	FilesDir   string       // its directory as the report names it; "" is the current one
	Named      []string     // requirement and lock files of Files that the user named
	Now        time.Time    // the day of the run, UTC: for ends of life alone
	AddedOnly  bool         // sizes are of what stands above the base; the driver leaves out what is found of the base itself
	Config     any          // the analyzer's settings: of the type of Analyzer.Config. nil in a fact
	Report     func(Finding)

	undecided func(Undecided)
	facts     map[AnyFact]*memo
}

// An Undecided says that a rule could not be decided at a place, and why.
type Undecided struct {
	Rule     *Rule
	Location Location
	Reason   string
}

// Reportf reports a finding of rule at the place of node. Key is what the
// finding is about; see Finding.
func (p *Pass) Reportf(rule *Rule, node Node, key, format string, args ...any) {
	p.Report(Finding{Rule: rule, Location: node.Location(), Key: key, Message: fmt.Sprintf(format, args...)})
}

// Undecided says that rule could not be decided at node, or, where node is
// nil, for the target at all. Unknown is said, never guessed.
func (p *Pass) Undecided(rule *Rule, node Node, reason string) {
	u := Undecided{Rule: rule, Reason: reason}
	if node != nil {
		u.Location = node.Location()
	}
	p.undecided(u)
}

// At is the place of lines of a file of Files.
func (p *Pass) At(name string, line, end int) Location {
	return Location{Path: path.Join(p.FilesDir, name), Line: line, End: end}
}

// maxRead is how much of a file of the build context is read.
const maxRead = 4 << 20

// ReadFile returns the text of a file of Files.
func (p *Pass) ReadFile(name string) (string, error) {
	if p.Files == nil {
		return "", fs.ErrNotExist
	}
	f, err := p.Files.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err == nil && len(b) > maxRead {
		err = fmt.Errorf("%q is larger than %d bytes", name, maxRead)
	}
	return string(b), err
}

// HasFiles reports whether the image's layers were indexed. Rules that need
// InputFiles may rely on it.
func (p *Pass) HasFiles() bool { return p.Image != nil && p.Image.Indexed }

// A Finding is one problem at one place, grouped as a person would say it.
type Finding struct {
	Rule     *Rule
	Severity Severity // empty: the rule's
	Location Location
	Key      string   // what it is about, stable over lines, layers, sizes and wording: "flask", "apt: cmake gfortran"
	Message  string   // what is wrong, then what to do; lower case, no period
	Packages []string // names of the packages that it is about, as their manager has them; nil if it is about none
	Among    int      // how many things of its kind were judged in its file; 0 where that is not known
	Measured int64    // bytes that it complains of, such as those of an image over its budget; 0 where it is not about a size
	Bytes    Size     // what would be saved; only from the facts causes and swap, so that bytes are counted once
	OfBase   bool     // Bytes are of the base: another base saves them too
	Related  []Related
	Fixes    []Fix // at most one is applied
}

// A Size is an amount of an image's bytes.
type Size struct {
	Unpacked int64 // in the files, as the image holds them
	Download int64 // of the compressed layers; an estimate where it is part of a layer
}

// Add returns the sum of s and t.
func (s Size) Add(t Size) Size { return Size{s.Unpacked + t.Unpacked, s.Download + t.Download} }

// String is s for a message: exact unpacked, about to download.
func (s Size) String() string {
	text := Bytes(s.Unpacked).String()
	if s.Download > 0 {
		text += fmt.Sprintf(" unpacked, about %s to download", Bytes(s.Download).About())
	}
	return text
}

// Related is a second place that explains a finding.
type Related struct {
	Location Location
	Message  string
}

// A Fix is a change that would mend a finding.
type Fix struct {
	Message string // a verb phrase: "use python:3.11-slim"
	Edits   []Edit
}

// An Edit replaces whole lines of a file: BuildKit's parser gives lines, not
// columns.
type Edit struct {
	Path      string
	Line, End int // 1-based, inclusive
	New       string
}

// A Node is anything that has a place: a stage, an instruction, a file of a
// layer.
type Node interface{ Location() Location }

// A Location is some lines of a file or a path in a layer. The zero Location
// is the image itself.
type Location struct {
	Path      string
	Line, End int    // 1-based, inclusive; 0 in a layer
	Layer     *Layer // nil in a source file
}

// Location makes a Location a Node.
func (l Location) Location() Location { return l }

// String gives "path:line", "layer N: path" or "image".
func (l Location) String() string {
	switch {
	case l.Layer != nil && l.Path == "":
		return fmt.Sprintf("layer %d", l.Layer.Index)
	case l.Layer != nil:
		return fmt.Sprintf("layer %d: %s", l.Layer.Index, l.Path)
	case l.Path == "":
		return "image"
	case l.Line == 0:
		return l.Path
	}
	return fmt.Sprintf("%s:%d", l.Path, l.Line)
}
