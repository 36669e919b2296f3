package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tareweight/tare/analyzers/analysis"
)

// assign carries out NAME=value.
func (w *walker) assign(a *syntax.Assign, at *place) {
	if a.Name == nil || a.Naked && a.Value == nil {
		return
	}
	v := analysis.Vars{Name: a.Name.Value, Known: a.Array == nil && a.Index == nil}
	if a.Array != nil {
		v.Value, v.Known = w.array(a.Array, at)
	} else if a.Value != nil {
		x := w.word(a.Value, at)
		v.Value, v.Known = x.Text, v.Known && x.Known
	}
	if a.Append {
		old := at.vars.Find(v.Name)
		if old == nil || !old.Known {
			v.Known = false
		} else if a.Array != nil {
			v.Value = strings.TrimSpace(old.Value + " " + v.Value)
		} else {
			v.Value = old.Value + v.Value
		}
	}
	at.vars = at.vars.Set(v)
	w.mark(at.vars, a.Array != nil)
}

// array joins the words of an array: "${x[@]}" gives them back.
func (w *walker) array(a *syntax.ArrayExpr, at *place) (string, bool) {
	var words []string
	known := true
	for _, e := range a.Elems {
		for _, f := range w.fields(e.Value, at) {
			words = append(words, f.Text)
			known = known && f.Known && !strings.ContainsAny(f.Text, " *?[")
		}
	}
	return strings.Join(words, " "), known
}

// word expands one word without splitting it.
func (w *walker) word(word *syntax.Word, at *place) Word {
	if word == nil {
		return Word{Known: true}
	}
	b := &fields{walker: w, at: at, quoted: true, line: w.lines.At(int(word.Pos().Offset()))}
	b.parts(word.Parts)
	b.open = true
	b.end()
	return b.out[0]
}

// fields expands one word into the arguments it becomes: an unquoted variable
// is split at blanks.
func (w *walker) fields(word *syntax.Word, at *place) []Word {
	if word == nil {
		return nil
	}
	if v := w.round(word, at); v != nil { // one argument in each round of the loop
		var out []Word
		for value := range strings.FieldsSeq(v.Value) {
			if w.budget.over() {
				break
			}
			inner := *at
			inner.vars = at.vars.Set(analysis.Vars{Name: v.Name, Value: value, Known: true})
			out = append(out, w.fields(word, &inner)...)
		}
		return out
	}
	b := &fields{walker: w, at: at, line: w.lines.At(int(word.Pos().Offset()))}
	b.parts(word.Parts)
	b.end()
	return b.out
}

// maxRounds is how many rounds of a loop a quoted variable is written out for.
const maxRounds = 200

// round returns the loop's variable that a word has in quotes: it is one argument
// in each round, and not one that holds them all. Nil if there is none.
func (w *walker) round(word *syntax.Word, at *place) *analysis.Vars {
	for _, p := range word.Parts {
		q, ok := p.(*syntax.DblQuoted)
		if !ok {
			continue
		}
		for _, part := range q.Parts {
			x, ok := part.(*syntax.ParamExp)
			if !ok || x.Index != nil || x.Param.Value == "@" || x.Param.Value == "*" {
				continue
			}
			if v := at.vars.Find(x.Param.Value); v != nil && v.Known && w.several[v] && strings.Count(v.Value, " ") < maxRounds {
				return v
			}
		}
	}
	return nil
}

// fields collects the arguments that a word becomes.
type fields struct {
	*walker
	at      *place
	line    int
	quoted  bool
	text    strings.Builder
	open    bool // an argument has begun, be it empty
	unknown bool
	unset   bool // it holds an ARG without a value
	last    int  // how many bytes stood before what is unknown, the last time
	out     []Word
}

func (b *fields) end() {
	if (b.open || b.unknown || b.unset) && (b.budget.spend(1+b.text.Len()/32) || len(b.out) == 0) { // word wants one
		word := Word{Text: b.text.String(), Known: !b.unknown && !b.unset, Default: b.unset && !b.unknown, Line: b.line}
		if i := strings.LastIndexByte(word.Text, '/'); !word.Known && i >= b.last {
			word.Base = word.Text[i+1:]
		}
		b.out = append(b.out, word)
	}
	b.text.Reset()
	b.open, b.unknown, b.unset, b.last = false, false, false, 0
}

func (b *fields) put(s string) {
	if b.open = true; b.text.Len()+len(s) > MaxScript {
		b.unknown = true
		return
	}
	b.text.WriteString(s)
}

func (b *fields) parts(parts []syntax.WordPart) {
	for _, p := range parts {
		if !b.open && !b.unknown && !b.unset {
			b.line = b.lines.At(int(p.Pos().Offset()))
		}
		switch p := p.(type) {
		case *syntax.Lit:
			b.put(unescape(p.Value))
		case *syntax.SglQuoted:
			b.put(p.Value)
			b.unknown = b.unknown || p.Dollar && strings.Contains(p.Value, `\`)
		case *syntax.DblQuoted:
			was := b.quoted
			b.quoted, b.open = true, true
			if len(p.Parts) == 1 && b.list(p.Parts[0]) {
				b.open = false
			}
			for _, q := range p.Parts {
				if lit, ok := q.(*syntax.Lit); ok {
					b.put(unquote(lit.Value))
				} else if b.list(q) { // "$@": one argument for each
					b.quoted = false
					b.parts([]syntax.WordPart{q})
					b.quoted = true
				} else {
					b.parts([]syntax.WordPart{q})
				}
			}
			b.quoted = was
		case *syntax.ParamExp:
			b.param(p)
		case *syntax.CmdSubst: // what it prints is not known, what it runs is
			inner := *b.at
			b.stmts(p.Stmts, &inner)
			b.unknown, b.last = true, b.text.Len()
		case *syntax.ProcSubst:
			inner := *b.at
			b.stmts(p.Stmts, &inner)
			b.unknown, b.last = true, b.text.Len()
		default: // $((...))
			b.unknown, b.last = true, b.text.Len()
		}
	}
}

// list reports whether p is "$@" or "${x[@]}".
func (b *fields) list(p syntax.WordPart) bool {
	x, ok := p.(*syntax.ParamExp)
	if !ok || x.Exp != nil {
		return false
	}
	if x.Index != nil {
		word, ok := x.Index.(*syntax.Word)
		return ok && word.Lit() == "@"
	}
	return x.Param.Value == "@"
}

func (b *fields) param(p *syntax.ParamExp) {
	v := b.at.vars.Find(p.Param.Value)
	known, set := v != nil && v.Known, v != nil && !v.Unset
	several := b.several[v]
	value := ""
	if v != nil {
		value = v.Value
	}
	switch {
	case p.Length || p.Excl || p.Slice != nil || p.Repl != nil || p.Index != nil && !several:
		known = false
	case p.Exp != nil:
		value, known = b.form(p.Exp, v, value, known, set)
		several = false
	}
	switch {
	case !known && v != nil && v.Unset && p.Exp == nil && !p.Length && !p.Excl && p.Slice == nil && p.Repl == nil:
		b.unset, b.last = true, b.text.Len()
	case !known || several && b.quoted:
		b.unknown, b.last = true, b.text.Len()
	case b.quoted:
		b.put(value)
	default:
		b.split(value)
	}
}

// form gives the value of ${x<op>word}. A variable that nothing in the file
// names may be set by the base: it is unknown in each of them.
func (b *fields) form(e *syntax.Expansion, v *analysis.Vars, value string, known, set bool) (string, bool) {
	if v == nil || set && !known {
		return "", false
	}
	word := b.word(e.Word, b.at)
	null := !set || value == ""
	switch e.Op {
	case syntax.DefaultUnset, syntax.AssignUnset:
		if set {
			return value, known
		}
		return word.Text, word.Known
	case syntax.DefaultUnsetOrNull, syntax.AssignUnsetOrNull:
		if !null {
			return value, known
		}
		return word.Text, word.Known
	case syntax.AlternateUnset:
		if set {
			return word.Text, word.Known
		}
		return "", true
	case syntax.AlternateUnsetOrNull:
		if !null {
			return word.Text, word.Known
		}
		return "", true
	case syntax.ErrorUnset, syntax.ErrorUnsetOrNull:
		return value, known
	}
	return "", false
}

// split puts an unquoted value: blanks in it end arguments.
func (b *fields) split(value string) {
	if b.budget.over() {
		return
	}
	words := strings.Fields(value)
	if len(words) == 0 {
		return
	}
	if strings.TrimLeft(value, " \t\n") != value {
		b.end()
	}
	for i, word := range words {
		if i > 0 {
			b.end()
		}
		b.put(word)
	}
	if strings.TrimRight(value, " \t\n") != value {
		b.end()
	}
}

// unescape removes the backslashes of an unquoted literal.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unquote removes the backslashes of a literal in double quotes, where they
// escape four characters alone.
func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\\n", s[i+1]) >= 0 {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
