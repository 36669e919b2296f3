package shell

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tareweight/tare/analyzers/analysis"
)

// call carries out a simple command.
func (w *walker) call(c *syntax.CallExpr, at *place) truth {
	var words []Word
	for _, arg := range c.Args {
		words = append(words, w.fields(arg, at)...)
	}
	if len(words) == 0 {
		for _, a := range c.Assigns {
			w.assign(a, at)
		}
		return yes
	}
	own := *at
	for _, a := range c.Assigns {
		w.assign(a, &own)
	}
	cmd := &Command{Instruction: w.inst, Line: words[0].Line, Words: words}
	vars := at.vars
	at.vars = own.vars
	t := w.command(cmd, at)
	if at.vars == own.vars {
		at.vars = vars
	}
	return t
}

// command carries out a command of which the words are known, as far as the
// walk follows it, and puts it out.
func (w *walker) command(c *Command, at *place) truth {
	if !w.budget.spend(40) {
		return unknown
	}
	c.Vars, c.Dir, c.DirKnown, c.Dead, c.Unlikely, c.PipeFrom = at.vars, at.dir, at.dirKnown, at.dead, at.unlikely, at.pipe
	c.Words = unwrap(c.Words)
	if len(c.Words) == 0 {
		return unknown
	}
	c.Line = c.Words[0].Line
	name := c.Name()
	switch name {
	case "[", "test":
		return weigh(c.Words[1:])
	case "true", ":":
		return yes
	case "false":
		return no
	case "cd", "pushd":
		w.chdir(c.Words[1:], at)
	case "popd":
		at.dirKnown = false
	case "export", "readonly", "local", "declare", "typeset": // POSIX's grammar takes them for commands
		for _, word := range c.Words[1:] {
			if key, value, ok := strings.Cut(word.Text, "="); ok {
				at.vars = at.vars.Set(analysis.Vars{Name: key, Value: value, Known: word.Known})
			}
		}
		return yes
	case "eval", ".", "source":
		if word := join(c.Words[1:]); name == "eval" && word.Known {
			w.inner(word, "sh", at)
			return unknown
		}
	}
	if f, ok := w.functions[name]; ok && w.depth < maxDepth && w.calls < maxCalls {
		w.calls++
		return w.invoke(f, c.Words[1:], at)
	}
	*w.out = append(*w.out, c)
	if i := scriptArg(c.Words); i > 0 && c.Words[i].Known {
		inner := *at
		*w.out = (*w.out)[:len(*w.out)-1]
		w.inner(c.Words[i], name, &inner)
	}
	return unknown
}

func join(words []Word) Word {
	out := Word{Known: true}
	for i, x := range words {
		if i == 0 {
			out.Line = x.Line
		} else {
			out.Text += " "
		}
		out.Text += x.Text
		out.Known = out.Known && x.Known
	}
	return out
}

// inner walks a word that is itself a script.
func (w *walker) inner(word Word, interpreter string, at *place) {
	if word.Known {
		if interpreter == "su" {
			interpreter = "sh"
		}
		w.script(script{word.Text, analysis.LineTable{{Offset: 0, Line: word.Line}}}, interpreter, at)
	}
}

// scriptArg is the index of the word that a shell runs as a script: that after
// -c. It is 0 if there is none.
func scriptArg(words []Word) int {
	name := path.Base(words[0].Text)
	if !words[0].Known || !shells[name] && name != "su" && name != "runuser" {
		return 0
	}
	for i, word := range words[1:] {
		opt := word.Text
		if opt == "--command" || strings.HasPrefix(opt, "-") && !strings.HasPrefix(opt, "--") && strings.HasSuffix(opt, "c") {
			if i+2 < len(words) {
				return i + 2
			}
			return 0
		}
		if !strings.HasPrefix(opt, "-") && shells[name] && !(i > 0 && words[i].Text == "-o") {
			return 0
		}
	}
	return 0
}

// wrappers are commands that run the command behind them; the value lists
// their options that take a value.
var wrappers = map[string]string{
	"sudo": "-u -g -h -p -C -D -r -t -T -U --user --group", "env": "-u -C -S --unset --chdir", "exec": "-a", "command": "",
	"time":  "-f -o",
	"xargs": "-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-procs", "nohup": "", "nice": "-n",
	"ionice": "-c -n", "timeout": "-k -s --signal --kill-after", "gosu": "", "su-exec": "", "setpriv": "", "chronic": "",
	"retry": "-t --times -d", "eatmydata": "", "builtin": "", "stdbuf": "-i -o -e", "catchsegv": "", "fakeroot": "",
	"faketime": "", "unbuffer": "", "doas": "-u",
	"flock": "-w -E --timeout", "chroot": "--userspec --groups", "setarch": "", "linux32": "", "linux64": "",
	"watch": "-n --interval", "unshare": "", "nsenter": "", "chrt": "", "taskset": "", "dumb-init": "", "tini": "",
	"micromamba-run": "",
}

// operands is how many words a wrapper takes before the command.
var operands = map[string]int{
	"timeout": 1,
	"gosu":    1,
	"su-exec": 1,
	"flock":   1,
	"chroot":  1,
	"setarch": 1,
	"chrt":    1,
	"taskset": 1,
}

// unwrap cuts off what only runs another command.
func unwrap(words []Word) []Word {
	for len(words) > 1 && words[0].Known {
		name := path.Base(words[0].Text)
		options, ok := wrappers[name]
		if !ok {
			break
		}
		rest := words[1:]
		for len(rest) > 0 && rest[0].Known && strings.HasPrefix(rest[0].Text, "-") && rest[0].Text != "-" {
			opt := rest[0].Text
			if name == "command" && (opt == "-v" || opt == "-V") {
				return words
			}
			rest = rest[1:]
			if opt == "--" {
				break
			}
			if strings.Contains(" "+options+" ", " "+opt+" ") && len(rest) > 0 {
				rest = rest[1:]
			}
		}
		for n := operands[name]; n > 0 && len(rest) > 0; n-- {
			rest = rest[1:]
		}
		for (name == "env" || name == "sudo") && len(rest) > 0 && strings.Contains(rest[0].Text, "=") {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			break
		}
		if name == "xargs" {
			return unwrap(fed(words[1:len(words)-len(rest)], rest))
		}
		words = rest
	}
	return words
}

// fed is the command that xargs runs: what it reads stands at its end, or
// where the text of -I stands.
func fed(options, command []Word) []Word {
	command = slices.Clone(command)
	for i, o := range options {
		mark, ok := strings.CutPrefix(o.Text, "-I")
		if ok && mark == "" && i+1 < len(options) {
			mark = options[i+1].Text
		}
		if !ok || mark == "" {
			continue
		}
		for j := range command {
			command[j].Known = command[j].Known && !strings.Contains(command[j].Text, mark)
		}
		return command
	}
	last := command[len(command)-1]
	last.Text, last.Known = "", false
	return append(command, last)
}

func (w *walker) chdir(args []Word, at *place) {
	for len(args) > 0 && args[0].Known && (args[0].Text == "--" || args[0].Text == "-P" || args[0].Text == "-L") {
		args = args[1:]
	}
	switch {
	case len(args) == 0 || !args[0].Known || args[0].Text == "-" || strings.HasPrefix(args[0].Text, "~"):
		at.dirKnown = false
	case path.IsAbs(args[0].Text):
		at.dir, at.dirKnown = path.Clean(args[0].Text), true
	default:
		at.dir = path.Join(at.dir, args[0].Text)
	}
}

// invoke walks a function's body with its arguments.
func (w *walker) invoke(f function, args []Word, at *place) truth {
	vars := at.vars
	at.vars = w.positional(vars, args)
	outer := w.lines
	w.lines = f.lines
	w.depth++
	t := w.stmt(f.body, at)
	w.depth--
	w.lines = outer
	at.vars = vars
	return t
}

// positional adds $1 and so on, $@ and $* to vars.
func (w *walker) positional(vars *analysis.Vars, args []Word) *analysis.Vars {
	var all []string
	known := true
	for i, a := range args {
		vars = vars.Set(analysis.Vars{Name: strconv.Itoa(i + 1), Value: a.Text, Known: a.Known})
		all = append(all, a.Text)
		known = known && a.Known && !strings.Contains(a.Text, " ")
	}
	for _, name := range []string{"@", "*"} {
		vars = vars.Set(analysis.Vars{Name: name, Value: strings.Join(all, " "), Known: known})
		w.mark(vars, true)
	}
	return vars
}

// testWords decides what [ and test decide, where strings alone are compared.
func testWords(words []Word) truth {
	if n := len(words); n > 0 && words[n-1].Text == "]" {
		words = words[:n-1]
	}
	for i, x := range words { // -a and -o are two tests
		if x.Known && i > 0 && (x.Text == "-a" || x.Text == "-o") {
			a, b := testWords(words[:i]), testWords(words[i+1:])
			switch {
			case x.Text == "-a" && (a == no || b == no):
				return no
			case x.Text == "-o" && (a == yes || b == yes):
				return yes
			case a == unknown || b == unknown:
				return unknown
			case x.Text == "-a":
				return yes
			}
			return no
		}
	}
	if len(words) > 0 && words[0].Known && words[0].Text == "!" {
		return testWords(words[1:]).not()
	}
	switch len(words) {
	case 0:
		return no
	case 1:
		return is(words[0].Known, words[0].Text != "")
	case 2:
		switch words[0].Text {
		case "-n":
			return is(words[1].Known, words[1].Text != "")
		case "-z":
			return is(words[1].Known, words[1].Text == "")
		}
	case 3:
		known, same := words[0].Known && words[1].Known && words[2].Known, words[0].Text == words[2].Text
		switch words[1].Text {
		case "=", "==", "-eq":
			return is(known, same)
		case "!=", "-ne":
			return is(known, !same)
		}
	}
	return unknown
}

func is(known, cond bool) truth {
	switch {
	case !known:
		return unknown
	case cond:
		return yes
	}
	return no
}

// weigh decides a test, where it can be, with the words of a build that is given
// nothing: likely or unlikely, where that is all that is known.
func weigh(words []Word) truth {
	if t := testWords(words); t != unknown {
		return t
	}
	usual := slices.Clone(words)
	for i := range usual {
		usual[i].Known = usual[i].usual()
	}
	switch testWords(usual) {
	case yes:
		return likely
	case no:
		return unlikely
	}
	return unknown
}

// test decides [[ ... ]], where strings alone are compared.
func (w *walker) test(x syntax.TestExpr, at *place) truth {
	switch x := x.(type) {
	case *syntax.Word:
		return weigh([]Word{w.word(x, at)})
	case *syntax.ParenTest:
		return w.test(x.X, at)
	case *syntax.UnaryTest:
		switch x.Op {
		case syntax.TsNot:
			return w.test(x.X, at).not()
		case syntax.TsEmpStr:
			return w.test(x.X, at).not()
		case syntax.TsNempStr:
			return w.test(x.X, at)
		}
	case *syntax.BinaryTest:
		switch x.Op {
		case syntax.AndTest, syntax.OrTest:
			a, b, stop := w.test(x.X, at), w.test(x.Y, at), no
			if x.Op == syntax.OrTest {
				stop = yes
			}
			if a == stop || b == stop {
				return stop
			}
			if a != stop.not() || b != stop.not() {
				return unknown
			}
			return stop.not()
		case syntax.TsMatchShort, syntax.TsMatch, syntax.TsNoMatch:
			a, ok1 := x.X.(*syntax.Word)
			b, ok2 := x.Y.(*syntax.Word)
			if !ok1 || !ok2 {
				return unknown
			}
			l, r := w.word(a, at), w.word(b, at)
			ok, err := w.budget.match(r.Text, l.Text)
			t := is(l.usual() && r.usual() && err == nil, ok == (x.Op != syntax.TsNoMatch))
			if !(l.Known && r.Known) && t != unknown {
				t = map[truth]truth{yes: likely, no: unlikely}[t]
			}
			return t
		}
	}
	return unknown
}
