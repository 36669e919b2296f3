package analysis

import (
	"slices"
	"sort"
	"strconv"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// A Dockerfile is a parsed build file.
type Dockerfile struct {
	Path   string // as the report names it: slash-separated, relative where it can be
	Source []byte
	Escape rune           // '\\' or '`'
	Args   []*Instruction // ARGs before the first FROM
	Stages []*Stage
	Target *Stage // the judged stage: the one that was chosen, else the last

	// Provisional says that nobody chose Target and that its name, or the
	// file's, is that of a stage for development.
	Provisional bool
}

// Leaves are the stages with a name that no other stage of the file needs, and the
// last: those that may ship.
func (d *Dockerfile) Leaves() (leaves []*Stage) {
	used := map[*Stage]bool{}
	for _, s := range d.Stages {
		for _, e := range s.Uses {
			used[e.Stage] = true
		}
	}
	for i, s := range d.Stages {
		if i == len(d.Stages)-1 || s.Name != "" && !used[s] {
			leaves = append(leaves, s)
		}
	}
	return leaves
}

// Chain returns the judged stage and the stages it stands on, the root first.
func (d *Dockerfile) Chain() []*Stage { return d.Target.Chain() }

// A Stage is one FROM and what follows it.
type Stage struct {
	Dockerfile   *Dockerfile
	Index        int
	Name         string // "" if it has none
	From         string // base as written
	Base         string // From with its variables expanded; "" if one of them is unknown
	Parent       *Stage // the stage of this file that Base names, or nil
	Root         string // the external image at the end of the FROM chain, as expanded; "" if unknown
	Platform     string // of --platform, expanded; "" if none or unknown
	Reached      bool   // the judged stage needs it, or is it
	Uses         []Edge // what it needs, in order, its FROM first
	Line, End    int    // of the FROM
	Instructions []*Instruction
	After        State // in force behind the last instruction
}

// Location is that of the stage's FROM.
func (s *Stage) Location() Location {
	return Location{Path: s.Dockerfile.Path, Line: s.Line, End: s.End}
}

// Chain returns s and the stages it stands on, the root first.
func (s *Stage) Chain() []*Stage {
	var chain []*Stage
	for ; s != nil; s = s.Parent {
		chain = append(chain, s)
	}
	slices.Reverse(chain)
	return chain
}

// String names the stage as a message does: by name, else by number.
func (s *Stage) String() string {
	if s.Name != "" {
		return s.Name
	}
	return "stage " + strconv.Itoa(s.Index)
}

// An EdgeKind says how a stage uses another.
type EdgeKind string

const (
	EdgeFrom  EdgeKind = "FROM"
	EdgeCopy  EdgeKind = "COPY --from"
	EdgeMount EdgeKind = "RUN --mount"
)

// An Edge is one use of a stage or an image by a stage.
type Edge struct {
	Kind        EdgeKind
	Stage       *Stage       // of this file, or nil
	Image       string       // the external image; "" if Stage is set or if it is unknown
	Instruction *Instruction // nil for FROM
}

// An Instruction is one instruction of a stage. Checks switch on the type of
// Command, which is BuildKit's, with the words as written.
type Instruction struct {
	instructions.Command
	Stage     *Stage    // nil for an ARG before the first FROM
	Line, End int       // 1-based, inclusive; heredocs included
	State     State     // in force before it
	Text      string    // the instruction as BuildKit joined it from its lines; heredocs left out
	Lines     LineTable // from an offset in Text to its line
	Heredocs  []Heredoc
}

// Location is that of the instruction's lines.
func (i *Instruction) Location() Location {
	if i.Stage == nil {
		return Location{}
	}
	return Location{Path: i.Stage.Dockerfile.Path, Line: i.Line, End: i.End}
}

// Triggered reports whether i is of an ONBUILD of the stage below: it stands on
// the line of that one, before the FROM of its own stage.
func (i *Instruction) Triggered() bool { return i.Stage != nil && i.Line < i.Stage.Line }

// A Heredoc is a document that stands below an instruction.
type Heredoc struct {
	Name    string // the delimiter, without quotes
	Content string // as it stands in the file
	Line    int    // of its first line
	Chomp   bool   // <<-: leading tabs are dropped
	Expand  bool   // the delimiter is not quoted
}

// A LineTable maps offsets of a text that was joined from lines to those
// lines. Entries are in order of both.
type LineTable []LineStart

// A LineStart says that from Offset on the text comes from Line.
type LineStart struct{ Offset, Line int }

// At returns the line that offset comes from; 0 for an empty table.
func (t LineTable) At(offset int) int {
	i := sort.Search(len(t), func(i int) bool { return t[i].Offset > offset })
	if i == 0 {
		if len(t) > 0 {
			return t[0].Line
		}
		return 0
	}
	return t[i-1].Line
}

// A State is what an instruction finds in force.
type State struct {
	Vars         *Vars    // of ENV and ARG
	Workdir      string   // absolute where the file says so; else below the base's own, which is ""
	WorkdirKnown bool     // false after a WORKDIR whose variables are unknown
	User         string   // "" is the base's
	Shell        []string // of SHELL; nil is the default
}

// Lookup returns the value of a variable as the shell of a RUN sees it.
// Defined is false for a name that nothing in the file sets: the base may set
// it. Known is false for a value that the file alone does not tell.
func (s State) Lookup(name string) (value string, known, defined bool) {
	if v := s.Vars.Find(name); v != nil {
		return v.Value, v.Known, true
	}
	return "", false, false
}

// Vars is a list of variables, the latest first: as in BuildKit, the later of
// an ENV and an ARG of one name is in force. It is immutable: Set returns a
// new one that shares the rest. A nil Vars is empty.
type Vars struct {
	Name, Value string
	Known       bool // Value is what the shell sees
	Unset       bool // an ARG without a value: not known, as the user may give it one
	Arg         bool // of ARG: it is not in the image's environment
	Line        int  // of the ARG or ENV that sets it; 0 if nothing of the file does
	next        *Vars
}

// maxValue is how many bytes of a variable's value are followed: one may be
// made of others, and they again.
const maxValue = 64 << 10

// Set returns vars with one more variable, which shadows an older one of its
// name.
func (v *Vars) Set(x Vars) *Vars {
	if len(x.Value) > maxValue {
		x.Value, x.Known = "", false
	}
	x.next = v
	return &x
}

// Find returns the variable of that name in force, or nil.
func (v *Vars) Find(name string) *Vars {
	for ; v != nil; v = v.next {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Next returns the variables without the latest.
func (v *Vars) Next() *Vars { return v.next }

// All returns the variables in force, the latest first.
func (v *Vars) All() []*Vars {
	var out []*Vars
	seen := map[string]bool{}
	for ; v != nil; v = v.next {
		if !seen[v.Name] {
			seen[v.Name] = true
			out = append(out, v)
		}
	}
	return out
}
