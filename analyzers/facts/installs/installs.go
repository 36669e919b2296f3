// Package installs reads what the commands of a Dockerfile install and remove:
// with the system's package managers, with pip and its successors, with conda
// and with installers that are piped into a shell.
package installs

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tareweight/tare/analyzers/analysis"
	"github.com/tareweight/tare/analyzers/facts/inputs"
	"github.com/tareweight/tare/analyzers/facts/shell"
)

// Fact holds the steps of every RUN.
var Fact = &analysis.Fact[*Steps]{
	Name:    "installs",
	Needs:   analysis.Needs{Facts: []analysis.AnyFact{shell.Fact, inputs.Fact}},
	Compute: compute,
}

// Steps is what the RUN instructions of a Dockerfile install and remove.
type Steps struct {
	of   map[*analysis.Instruction][]*Step
	open []Open
}

// Open returns what may install and cannot be read, in order.
func (s *Steps) Open() []Open { return s.open }

// An Open is a place where something may be installed, and why it is not known.
type Open struct {
	*analysis.Instruction
	At     analysis.Location
	Reason string
	System bool // packages of the system
	Python bool // distributions
}

// Location is that of the place.
func (o Open) Location() analysis.Location { return o.At }

// Of returns the steps of a RUN in order.
func (s *Steps) Of(inst *analysis.Instruction) []*Step { return s.of[inst] }

// A Kind says what a manager's names are.
type Kind string

const (
	System    Kind = "system"    // packages of the distribution
	Python    Kind = "python"    // distributions of a Python index
	Conda     Kind = "conda"     // packages of a conda channel
	Project   Kind = "project"   // what a lock or project file lists
	Toolchain Kind = "toolchain" // a compiler's own installer
)

// A Step is one command that installs or removes.
type Step struct {
	*shell.Command

	Kind    Kind
	Manager string // "apt", "apk", "dnf", "zypper", "pip", "uv", "conda", "rustup" ...
	Verb    string // as the manager calls it: "install", "sync", "add", "purge" ...
	Remove  bool   // it takes away
	Auto    bool   // of Remove: what was only a dependency goes too
	Mark    bool   // apt-mark auto (Remove) or manual: Names say which packages are dependencies from now on

	Names   []shell.Word // packages as written, their versions included; for Remove those that go
	Virtual string       // apk's --virtual: the name that removes them all
	Paths   []string     // directories that it fills, or that rm takes away

	Pip Pip // of Kind Python
}

// Pip is the options of pip install, and of uv pip install, that matter.
type Pip struct {
	Requirements  []shell.Word // -r
	Constraints   []shell.Word // -c, PIP_CONSTRAINT, UV_CONSTRAINT
	Editables     []shell.Word // -e
	FindLinks     []shell.Word // -f
	Python        string       // the interpreter or environment, as far as the command names it
	NoIndex       bool
	NoDeps        bool
	RequireHashes bool
	Upgrade       bool
}

func compute(pass *analysis.Pass) (*Steps, error) {
	s := &Steps{of: map[*analysis.Instruction][]*Step{}}
	if pass.Dockerfile == nil {
		return s, nil
	}
	commands := shell.Fact.Of(pass)
	r := &reader{pass: pass, tree: inputs.Fact.Of(pass), commands: commands, steps: s}
	for _, stage := range pass.Dockerfile.Stages {
		for _, inst := range stage.Instructions {
			r.trigger(inst)
			if why := cmp.Or(commands.Unread(inst), commands.Foreign(inst)); why != "" {
				r.unread(inst, inst.Location(), text(inst), why)
			}
			for _, c := range commands.Of(inst) {
				r.command(c, 0)
			}
		}
	}
	return s, nil
}

// read returns what c installs or removes, or nil.
func read(c *shell.Command) *Step {
	name := c.Name()
	if step := system(name, c); step != nil {
		return step
	}
	if step := pythonic(name, c); step != nil {
		return step
	}
	return toolchain(name, c)
}

// args are a command's words cut into options and operands.
type args struct {
	verb     string
	operands []shell.Word
	options  []opt
}

type opt struct {
	name  string // with its dashes
	value shell.Word
}

func (a *args) has(names ...string) bool {
	_, ok := a.value(names...)
	return ok
}

// value returns the last value of an option.
func (a *args) value(names ...string) (w shell.Word, ok bool) {
	for _, o := range a.options {
		for _, n := range names {
			if o.name == n {
				w, ok = o.value, true
			}
		}
	}
	return w, ok
}

func (a *args) values(names ...string) (out []shell.Word) {
	for _, o := range a.options {
		for _, n := range names {
			if o.name == n {
				out = append(out, o.value)
			}
		}
	}
	return out
}

// parse cuts words by the options of a manager. The first operand is the verb.
func parse(words []shell.Word, table optionTable) args {
	var a args
	for i := 0; i < len(words); i++ {
		w := words[i]
		text := w.Text
		switch {
		case text == "--" && w.Known:
			for _, rest := range words[i+1:] {
				a.operand(rest)
			}
			return a
		case strings.HasPrefix(text, "--"):
			name, value, glued := strings.Cut(text, "=")
			o := opt{name: name, value: shell.Word{Text: value, Known: w.Known, Line: w.Line}}
			if _, ok := table.takes[name]; table.whole && !ok {
				name = table.abbreviated(name)
			}
			switch {
			case glued || i+1 == len(words):
			case table.takes[name]:
				i++
				o.value = words[i]
			case table.whole && !table.takesNone(name) && !strings.HasPrefix(words[i+1].Text, "-"):
				// an option that the table does not have: the word behind it may be its value
				words = slices.Clone(words)
				words[i+1].Known = false
			}
			a.options = append(a.options, o)
		case len(text) > 1 && text[0] == '-':
			for j := 1; j < len(text); j++ {
				o := opt{name: "-" + text[j:j+1], value: shell.Word{Known: w.Known, Line: w.Line}}
				if table.takes[o.name] {
					if o.value.Text = strings.TrimPrefix(text[j+1:], "="); o.value.Text == "" && i+1 < len(words) {
						i++
						o.value = words[i]
					}
					a.options = append(a.options, o)
					break
				}
				a.options = append(a.options, o)
			}
		default:
			a.operand(w)
		}
	}
	return a
}

// abbreviated is the option that a beginning of its name stands for, as Python's
// parsers of options take it where it is the only one; else the name itself.
func (t optionTable) abbreviated(name string) string {
	found := ""
	for full, value := range t.takes {
		if strings.HasPrefix(full, name) {
			if found != "" && t.takes[found] != value {
				return name
			}
			found = full
		}
	}
	return cmp.Or(found, name)
}

func (a *args) operand(w shell.Word) {
	if a.verb == "" && w.Known {
		a.verb = w.Text
		return
	}
	a.operands = append(a.operands, w)
}

// sub takes the next operand as the verb.
func (a *args) sub() string {
	if len(a.operands) == 0 || !a.operands[0].Known {
		return ""
	}
	v := a.operands[0].Text
	a.operands = a.operands[1:]
	return v
}
