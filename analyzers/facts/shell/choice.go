package shell

import (
	"errors"
	"regexp"

	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// match reports whether a pattern of the shell is of the whole text, in which
// a slash is like any other.
func (b *budget) match(pat, text string) (bool, error) {
	if !b.spend(1 + len(pat)*len(text)/100) {
		return false, errWork
	}
	expr, err := pattern.Regexp(pat, pattern.EntireString)
	if err != nil {
		return false, err
	}
	rx, err := regexp.Compile(expr)
	if err != nil {
		return false, err
	}
	return rx.MatchString(text), nil
}

var errWork = errors.New("too much work")

func (w *walker) choice(c *syntax.CaseClause, at *place) {
	word := w.word(c.Word, at)
	taken := no
	for _, item := range c.Items {
		cond := no
		for _, p := range item.Patterns {
			want := w.word(p, at)
			if !word.usual() || !want.usual() {
				cond = unknown
			} else if ok, err := w.budget.match(want.Text, word.Text); err != nil {
				cond = unknown
			} else if ok {
				cond = yes
				break
			}
		}
		if byDefault := !word.Known && word.Default; byDefault && cond == no {
			cond = unlikely
		} else if byDefault && cond == yes {
			cond = unknown
		}
		switch {
		case taken == yes:
			cond = no
		case taken == unknown && cond == yes:
			cond = unknown
		}
		w.branch(item.Stmts, at, cond)
		if cond != no && cond != unlikely {
			taken = cond
		}
	}
}
