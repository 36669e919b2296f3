package shell

import (
	"fmt"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tareweight/tare/analyzers/analysis"
)

// maxDepth is how deep scripts, functions and sh -c are followed.
const (
	maxDepth = 12
	maxCalls = 1000 // of the script's own functions, in one RUN
)

// MaxScript is how many bytes of a script are read, and of a word: the parser
// takes memory for each parenthesis that is open.
const MaxScript = 64 << 10

// A script is a text with the lines its bytes come from.
type script struct {
	text  string
	lines analysis.LineTable
}

// A walker reads the scripts of one RUN.
type walker struct {
	inst      *analysis.Instruction
	out       *[]*Command
	functions map[string]function
	lines     analysis.LineTable // of the script being walked
	depth     int
	calls     int
	budget    *budget
	foreign   string                  // why a document is not read that another interpreter reads; ""
	several   map[*analysis.Vars]bool // loop variables: the words of all rounds, to be split
}

// A budget bounds what the scripts of a Dockerfile may become, all together: a
// function may be called by others many times, a variable of many words be written
// many times. Real ones come to some ten thousand.
type budget struct{ left int }

// maxWork is the budget: a word is one, and one more for each 32 bytes of it; a
// command forty; a pattern what its bytes times those of its text come to, in
// hundreds.
const maxWork = 1_000_000

// spend takes work from the budget; it is false when there is none left.
func (b *budget) spend(n int) bool {
	b.left -= n
	return b.left >= 0
}

func (b *budget) over() bool { return b.left < 0 }

type function struct {
	body  *syntax.Stmt
	lines analysis.LineTable
}

// A place is where the walk is: what a subshell has a copy of.
type place struct {
	vars     *analysis.Vars
	dir      string
	dirKnown bool
	dead     bool
	unlikely bool
	pipe     *Command // the command whose output is read
}

// A truth is the exit status of a command, where it can be known.
type truth int8

const (
	unknown truth = iota
	yes
	no
	likely   // yes, unless the build gives an ARG without a value one
	unlikely // no, likewise
)

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	case likely:
		return unlikely
	case unlikely:
		return likely
	}
	return unknown
}

// script parses and walks sc. It returns why it could not, or "".
func (w *walker) script(sc script, interpreter string, at *place) string {
	if notShell.MatchString(interpreter) {
		return "the script is " + interpreter + "'s"
	}
	if w.depth >= maxDepth {
		return "scripts nest too deep"
	}
	if len(sc.text) > MaxScript {
		return fmt.Sprintf("the script has %d bytes, more than the limit of %d", len(sc.text), MaxScript)
	}
	variants := []syntax.LangVariant{syntax.LangPOSIX, syntax.LangBash}
	if interpreter != "sh" && interpreter != "dash" && interpreter != "ash" && interpreter != "busybox" {
		variants = []syntax.LangVariant{syntax.LangBash, syntax.LangPOSIX}
	}
	var f *syntax.File
	var err error
	for _, v := range variants {
		if f, err = syntax.NewParser(syntax.Variant(v)).Parse(strings.NewReader(sc.text), ""); err == nil {
			break
		}
	}
	if err != nil {
		return "the shell's grammar does not take the script: " + err.Error()
	}
	outer := w.lines
	w.lines = sc.lines
	w.depth++
	w.stmts(f.Stmts, at)
	w.depth--
	w.lines = outer
	if w.budget.over() {
		return fmt.Sprintf("the scripts of the Dockerfile become more than the limit of %d words", maxWork)
	}
	return ""
}

var notShell = regexp.MustCompile(
	`^(powershell|pwsh|cmd|python[\d.]*|pypy[\d.]*|perl|ruby|node|php|lua|awk|tclsh|Rscript|xonsh|fish|nu)$`,
)

func (w *walker) stmts(list []*syntax.Stmt, at *place) truth {
	last := yes
	for _, s := range list {
		last = w.stmt(s, at)
	}
	return last
}

func (w *walker) stmt(s *syntax.Stmt, at *place) truth {
	if !w.budget.spend(1) {
		return unknown
	}
	before := len(*w.out)
	t := w.node(s.Cmd, at)
	for _, r := range s.Redirs {
		switch r.Op {
		case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll:
			words := w.fields(r.Word, at)
			for _, c := range (*w.out)[before:] {
				c.Writes = append(c.Writes, words...)
			}
		case syntax.Hdoc, syntax.DashHdoc:
			if len(*w.out) == before+1 && r.Hdoc != nil {
				w.stdin((*w.out)[before], r, at)
			}
		}
	}
	if s.Negated {
		t = t.not()
	}
	return t
}

// stdin walks the document that a lone shell reads: sh <<EOF.
func (w *walker) stdin(c *Command, r *syntax.Redirect, at *place) {
	if notShell.MatchString(c.Name()) {
		w.foreign = "the script is " + c.Name() + "'s"
	}
	if !shells[c.Name()] || len(c.Words) > 1 && !strings.HasPrefix(c.Words[1].Text, "-") {
		return
	}
	text, ok := literal(r.Hdoc)
	if !ok {
		word := w.word(r.Hdoc, at)
		if text, ok = word.Text, word.Known; !ok {
			w.foreign = "the script that " + c.Name() + " reads is not all known"
		}
	}
	if ok {
		inner := *at
		w.script(script{text, lines(text, w.lines.At(int(r.Hdoc.Pos().Offset())), 0)}, c.Name(), &inner)
	}
}

func literal(word *syntax.Word) (string, bool) {
	var b strings.Builder
	for _, p := range word.Parts {
		lit, ok := p.(*syntax.Lit)
		if !ok {
			return "", false
		}
		b.WriteString(lit.Value)
	}
	return b.String(), true
}

func (w *walker) node(cmd syntax.Command, at *place) truth {
	switch c := cmd.(type) {
	case *syntax.CallExpr:
		return w.call(c, at)
	case *syntax.BinaryCmd:
		return w.binary(c, at)
	case *syntax.Block:
		return w.stmts(c.Stmts, at)
	case *syntax.Subshell:
		inner := *at
		return w.stmts(c.Stmts, &inner)
	case *syntax.IfClause:
		w.conditional(c, at)
	case *syntax.WhileClause:
		inner := *at
		w.stmts(c.Cond, &inner)
		w.branch(c.Do, at, unknown)
	case *syntax.ForClause:
		w.loop(c, at)
	case *syntax.CaseClause:
		w.choice(c, at)
	case *syntax.FuncDecl:
		body, rest := splitBody(c.Body)
		if c.Name != nil {
			w.functions[c.Name.Value] = function{body, w.lines}
		}
		if rest != nil {
			return w.stmt(rest, at)
		}
	case *syntax.DeclClause:
		for _, a := range c.Args {
			w.assign(a, at)
		}
	case *syntax.TestClause:
		return w.test(c.X, at)
	case *syntax.CoprocClause:
		if c.Stmt != nil {
			inner := *at
			w.stmt(c.Stmt, &inner)
		}
	case *syntax.TimeClause:
		if c.Stmt != nil {
			return w.stmt(c.Stmt, at)
		}
	}
	return unknown
}

// splitBody takes a function's body apart where the parser took "&& next" for
// a part of it: f() { ...; } && f. Rest is what follows, with a command that
// does nothing in the body's place.
func splitBody(s *syntax.Stmt) (body, rest *syntax.Stmt) {
	b, ok := s.Cmd.(*syntax.BinaryCmd)
	if !ok {
		return s, nil
	}
	body, left := splitBody(b.X)
	if left == nil {
		left = &syntax.Stmt{Cmd: &syntax.Block{}}
	}
	return body, &syntax.Stmt{Cmd: &syntax.BinaryCmd{Op: b.Op, X: left, Y: b.Y}}
}

func (w *walker) binary(c *syntax.BinaryCmd, at *place) truth {
	switch c.Op {
	case syntax.AndStmt, syntax.OrStmt:
		x, skip := w.stmt(c.X, at), no
		if c.Op == syntax.OrStmt {
			skip = yes
		}
		if x == skip {
			w.branch([]*syntax.Stmt{c.Y}, at, no)
			return x
		}
		if x == unlikely && skip == no || x == likely && skip == yes {
			w.branch([]*syntax.Stmt{c.Y}, at, unlikely)
			return x
		}
		y := w.stmt(c.Y, at)
		if x == unknown || x == likely || x == unlikely {
			return unknown
		}
		return y
	default: // a pipe: each side in a process of its own
		left, before := *at, len(*w.out)
		w.stmt(c.X, &left)
		right := *at
		if n := len(*w.out); n > before {
			right.pipe = (*w.out)[n-1]
		}
		return w.stmt(c.Y, &right)
	}
}

func (w *walker) conditional(c *syntax.IfClause, at *place) {
	taken := no // whether a branch before this one was
	for ; c != nil; c = c.Else {
		cond := yes
		if len(c.Cond) > 0 {
			switch taken {
			case yes:
				w.branch(c.Cond, at, no)
				cond = no
			default:
				cond = w.stmts(c.Cond, at)
			}
		} else if taken == yes {
			cond = no
		}
		if cond == yes && (taken == unknown || taken == likely) {
			cond = unknown
		}
		if taken == likely && cond != no { // one before it is what is taken as a rule
			cond = unlikely
		}
		w.branch(c.Then, at, cond)
		if cond == unlikely {
			cond = unknown
			if taken == likely {
				continue
			}
		}
		if cond == yes || taken == no {
			taken = cond
		}
	}
}

// branch walks what is run if cond holds. What it assigns is unknown after it,
// unless cond is known.
func (w *walker) branch(list []*syntax.Stmt, at *place, cond truth) {
	if cond == yes {
		w.stmts(list, at)
		return
	}
	inner := *at
	inner.dead = at.dead || cond == no
	inner.unlikely = at.unlikely || cond == unlikely
	w.stmts(list, &inner)
	if cond == no {
		return
	}
	w.forget(at, &inner)
}

func (w *walker) loop(c *syntax.ForClause, at *place) {
	inner := *at
	if it, ok := c.Loop.(*syntax.WordIter); ok {
		v := analysis.Vars{Name: it.Name.Value, Known: true}
		var words []string
		for _, item := range it.Items {
			for _, f := range w.fields(item, at) {
				words = append(words, f.Text)
				v.Known = v.Known && f.Known && !strings.ContainsAny(f.Text, " *?[")
			}
		}
		v.Value = strings.Join(words, " ")
		inner.vars = inner.vars.Set(v)
		w.mark(inner.vars, len(words) != 1)
	}
	w.stmts(c.Do, &inner)
	w.forget(at, &inner)
}

// mark says that v holds several words, one for each round of a loop.
func (w *walker) mark(v *analysis.Vars, several bool) {
	if several {
		if w.several == nil {
			w.several = map[*analysis.Vars]bool{}
		}
		w.several[v] = true
	}
}

// forget makes unknown in at what a branch or a loop's rounds assigned.
func (w *walker) forget(at, inner *place) {
	for v, end := inner.vars, at.vars; v != end && v != nil; v = v.Next() {
		at.vars = at.vars.Set(analysis.Vars{Name: v.Name})
	}
	at.dirKnown = at.dirKnown && inner.dirKnown && inner.dir == at.dir
}
