package analysis

import (
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// An Expander expands the words of FROM, COPY and their like as BuildKit does, and
// says whether the result is known. (A RUN is expanded by its shell.)
type Expander struct{ lex *shell.Lex }

// NewExpander returns one for a file's escape character.
func NewExpander(escape rune) Expander { return Expander{shell.NewLex(escape)} }

// maxExpansions is how many variables one word may hold.
const maxExpansions = 1000

// Word expands w. A variable without a value makes the result unknown, unless its
// form has an answer for that: ${X:-y}, ${X:+y}.
func (e Expander) Word(w string, vars *Vars) (value string, known bool, err error) {
	if !strings.ContainsAny(w, "$\\'\"`") {
		return w, true, nil
	}
	if strings.Count(w, "$") > maxExpansions {
		return "", false, nil
	}
	env := &getter{vars: vars}
	value, unset, err := e.lex.ProcessWord(w, env)
	if err != nil {
		return "", false, err
	}
	known = !env.unknown
	for name := range unset {
		if vars.Find(name) == nil || plain(w, name) {
			known = false
		}
	}
	return value, known, nil
}

// Expander expands words by the state in force at i.
func (i *Instruction) Expander() func(word string) (value string, known bool) {
	e := NewExpander(i.Stage.Dockerfile.Escape)
	return func(word string) (string, bool) {
		value, known, err := e.Word(word, i.State.Vars)
		return value, known && err == nil
	}
}

// getter gives BuildKit's lexer the values of variables.
type getter struct {
	vars    *Vars
	unknown bool // a variable was read that has a value, which is not known
}

func (g *getter) Get(name string) (string, bool) {
	v := g.vars.Find(name)
	if v == nil || v.Unset {
		return "", false
	}
	if !v.Known {
		g.unknown = true
	}
	return v.Value, true
}

func (g *getter) Keys() []string { return nil }

var forms = regexp.MustCompile(`\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:\}|[#%/?]|:\?))`)

// plain reports whether w reads the variable in a form that has no answer for
// a variable that is not set.
func plain(w, name string) bool {
	for _, m := range forms.FindAllStringSubmatch(w, -1) {
		if m[1] == name || m[2] == name {
			return true
		}
	}
	return false
}
