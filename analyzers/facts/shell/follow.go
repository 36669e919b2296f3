package shell

import (
	"path"
	"strings"
)

// ScriptFile is the file that c runs as a script of the shell: the operand of
// sh, of "." or of source, or a path that ends with .sh. It is false where c
// runs none. A word that is not Known is a script that is not known.
func (c *Command) ScriptFile() (Word, bool) {
	name := c.Name()
	switch {
	case name == "." || name == "source":
		if len(c.Words) > 1 {
			return c.Words[1], true
		}
	case shells[name]:
		for i := 1; i < len(c.Words); i++ {
			w := c.Words[i]
			switch {
			case w.Known && (w.Text == "-c" || w.Text == "-s" || strings.HasPrefix(w.Text, "--")):
				return Word{}, false
			case w.Known && (w.Text == "-o" || w.Text == "+o" || w.Text == "-O"):
				i++
			case w.Known && (strings.HasPrefix(w.Text, "-") || strings.HasPrefix(w.Text, "+")):
			default:
				return w, name != "busybox"
			}
		}
	case strings.Contains(c.Words[0].Text, "/") && (path.Ext(name) == ".sh" || path.Ext(name) == ".bash"):
		return c.Words[0], true
	}
	return Word{}, false
}

// UnknownScript reports whether c is a shell whose script, behind -c, is not known.
func (c *Command) UnknownScript() bool {
	i := scriptArg(c.Words)
	return i > 0 && !c.Words[i].Known
}

// PipedScript reports whether c is a shell that reads its script from another
// command: curl ... | sh.
func (c *Command) PipedScript() bool {
	if c.PipeFrom == nil || !shells[c.Name()] {
		return false
	}
	_, file := c.ScriptFile()
	return !file
}

// Follow walks the script that c runs: text, which stands in the file that the
// report calls at. It returns why it could not, or "".
func (all *Commands) Follow(c *Command, at, text string) ([]*Command, string) {
	interpreter := c.Name()
	if first, _, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "#!") {
		interpreter = shebang(first)
	} else if !shells[interpreter] {
		interpreter = "sh"
	}
	w := &walker{inst: c.Instruction, out: &[]*Command{}, functions: map[string]function{}, budget: all.budget}
	from := place{vars: c.Vars, dir: c.Dir, dirKnown: c.DirKnown, dead: c.Dead, unlikely: c.Unlikely}
	words := c.Words[1:]
	if file, _ := c.ScriptFile(); file != c.Words[0] {
		for len(words) > 0 && words[0] != file {
			words = words[1:]
		}
		words = words[min(1, len(words)):]
	}
	from.vars = w.positional(from.vars, words)
	why := w.script(script{text, lines(text, 1, 0)}, interpreter, &from)
	for _, inner := range *w.out {
		inner.Script = at
	}
	return *w.out, why
}
