// Package shell gives the commands that the RUN instructions of a Dockerfile
// run, as words with their lines: variables of ARG, ENV and the script itself
// expanded, conditions, loops and functions walked.
package shell

import (
	"path"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/tareweight/tare/analyzers/analysis"
)

// Fact holds the commands of every RUN.
var Fact = &analysis.Fact[*Commands]{Name: "shell", Compute: compute}

// Commands is what the RUN instructions of a Dockerfile run.
type Commands struct {
	of      map[*analysis.Instruction][]*Command
	unread  map[*analysis.Instruction]string
	foreign map[*analysis.Instruction]string
	budget  *budget
}

// Of returns the commands of a RUN in the order in which they stand; nil for
// any other instruction.
func (c *Commands) Of(inst *analysis.Instruction) []*Command { return c.of[inst] }

// Unread says why the commands of a RUN are not known, or "".
func (c *Commands) Unread(inst *analysis.Instruction) string { return c.unread[inst] }

// Foreign says which document of a RUN is not read, as another interpreter reads
// it, or "". The other commands of the RUN are known.
func (c *Commands) Foreign(inst *analysis.Instruction) string { return c.foreign[inst] }

// Exhausted reports whether the scripts became more words than are followed: the
// rest is not known.
func (c *Commands) Exhausted() bool { return c.budget.over() }

// A Command is one simple command of a RUN: sudo, env and the like cut off,
// the script of sh -c walked in its place.
type Command struct {
	*analysis.Instruction // the RUN

	Line     int            // that its first word stands on
	Words    []Word         // its name and arguments; never empty
	Vars     *analysis.Vars // in force, the command's own assignments included
	Dir      string         // working directory: absolute, or below the base's own
	DirKnown bool
	Dead     bool     // in a branch that the values of the variables rule out
	Unlikely bool     // in a branch that is taken only if the build gives an ARG without a value one
	PipeFrom *Command // the command whose output it reads, or nil
	Writes   []Word   // files that its output is redirected to
	Script   string   // the script that it stands in, as the report names it; "" for the RUN itself
}

// Location is the line of the command's first word.
func (c *Command) Location() analysis.Location {
	if c.Script != "" {
		return analysis.Location{Path: c.Script, Line: c.Line, End: c.Line}
	}
	l := c.Instruction.Location()
	l.Line, l.End = c.Line, c.Line
	return l
}

// Name is the command's name without directories; "" if unknown.
func (c *Command) Name() string {
	if !c.Words[0].Known {
		return c.Words[0].Base
	}
	return path.Base(c.Words[0].Text)
}

// Lookup returns the value of a variable that the command sees.
func (c *Command) Lookup(name string) (value string, known bool) {
	v := c.Vars.Find(name)
	if v == nil || !v.Known {
		return "", false
	}
	return v.Value, true
}

// A Word is one argument as the command receives it.
type Word struct {
	Text    string // where it is not Known: with what is unknown left out
	Known   bool
	Default bool   // not Known, but Text is what it is unless the build gives an ARG without a value one
	Base    string // of a path that is not Known: its last part, where that is
	Line    int
}

// usual reports whether Text is the word in a build that is given nothing.
func (w Word) usual() bool { return w.Known || w.Default }

// String writes the command as a person would, for messages.
func (c *Command) String() string {
	var words []string
	for _, w := range c.Words {
		switch {
		case !w.Known:
			words = append(words, "...")
		case strings.ContainsAny(w.Text, " \t\"'<>|&;$"):
			words = append(words, strconv.Quote(w.Text))
		default:
			words = append(words, w.Text)
		}
	}
	return strings.Join(words, " ")
}

func compute(pass *analysis.Pass) (*Commands, error) {
	c := &Commands{
		of:      map[*analysis.Instruction][]*Command{},
		unread:  map[*analysis.Instruction]string{},
		foreign: map[*analysis.Instruction]string{},
	}
	if pass.Dockerfile == nil {
		return c, nil
	}
	c.budget = &budget{maxWork}
	for _, stage := range pass.Dockerfile.Stages {
		for _, inst := range stage.Instructions {
			if run, ok := inst.Command.(*instructions.RunCommand); ok {
				w := &walker{inst: inst, out: &[]*Command{}, functions: map[string]function{}, budget: c.budget}
				if why := w.run(run); why != "" {
					c.unread[inst] = why
				}
				c.of[inst] = *w.out
				if w.foreign != "" {
					c.foreign[inst] = w.foreign
				}
			}
		}
	}
	return c, nil
}

// run walks one RUN. It returns why the commands are not known, or "".
func (w *walker) run(run *instructions.RunCommand) string {
	st := w.inst.State
	at := place{vars: st.Vars, dir: st.Workdir, dirKnown: st.WorkdirKnown}
	if _, _, set := st.Lookup("HOME"); !set && (st.User == "" || st.User == "root" || st.User == "0") {
		at.vars = at.vars.Set(analysis.Vars{Name: "HOME", Value: "/root", Known: true}) // as runc takes it from /etc/passwd
	}
	if !run.PrependShell {
		var words []Word
		for _, text := range run.CmdLine {
			line := w.inst.Lines.At(max(0, strings.Index(w.inst.Text, strconv.Quote(text))))
			words = append(words, Word{Text: text, Known: true, Line: line})
		}
		if len(words) > 0 {
			w.command(&Command{Instruction: w.inst, Line: words[0].Line, Words: words}, &at)
		}
		return ""
	}
	if len(run.CmdLine) == 0 {
		return ""
	}
	interpreter := shellOf(st.Shell)
	sc := w.body(run.CmdLine[0])
	if h := parser.MustParseHeredoc(run.CmdLine[0]); h != nil && len(w.inst.Heredocs) == 1 {
		doc := w.inst.Heredocs[0]
		sc = script{lines: lines(doc.Content, doc.Line, 0), text: doc.Content}
		if doc.Chomp {
			sc.text = parser.ChompHeredocContent(doc.Content)
			sc.lines = lines(sc.text, doc.Line, 0)
		}
		if first, _, _ := strings.Cut(sc.text, "\n"); strings.HasPrefix(first, "#!") {
			interpreter = shebang(first)
		}
	}
	return w.script(sc, interpreter, &at)
}

// body is the script of a RUN in shell form, the documents below it included.
func (w *walker) body(text string) script {
	from := max(0, strings.LastIndex(w.inst.Text, text))
	sc := script{text: text}
	for _, l := range w.inst.Lines {
		sc.lines = append(sc.lines, analysis.LineStart{Offset: l.Offset - from, Line: l.Line})
	}
	for _, doc := range w.inst.Heredocs {
		sc.text += "\n"
		sc.lines = append(sc.lines, lines(doc.Content, doc.Line, len(sc.text))...)
		sc.text += doc.Content + doc.Name
	}
	return sc
}

// lines is the table of a text that stands in the file as it is, from line on.
func lines(text string, line, offset int) (t analysis.LineTable) {
	for l := range strings.Lines(text) {
		t = append(t, analysis.LineStart{Offset: offset, Line: line})
		offset += len(l)
		line++
	}
	return t
}

// shellOf names the interpreter that a SHELL instruction chose: "sh", "bash"
// or another program.
func shellOf(words []string) string {
	name := "sh"
	for i, w := range words {
		base := strings.ToLower(path.Base(strings.ReplaceAll(w, `\`, "/")))
		if i == 0 || shells[base] {
			name = strings.TrimSuffix(base, ".exe")
		}
	}
	return name
}

// shebang names the interpreter of a first line.
func shebang(line string) string {
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if len(words) > 1 && path.Base(words[0]) == "env" {
		words = words[1:]
		if words[0] == "-S" && len(words) > 1 {
			words = words[1:]
		}
	}
	if len(words) == 0 {
		return "sh"
	}
	return path.Base(words[0])
}

var shells = map[string]bool{"sh": true, "bash": true, "dash": true, "ash": true, "ksh": true, "zsh": true, "busybox": true}
