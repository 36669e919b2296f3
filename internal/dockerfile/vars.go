package dockerfile

import (
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/tareweight/tare/analyzers/analysis"
)

// An expander expands words as BuildKit does, and says whether the result is
// known.
type expander struct{ lex *shell.Lex }

func newExpander(escape rune) expander { return expander{shell.NewLex(escape)} }

// maxExpansions is how many variables one word may hold.
const maxExpansions = 1000

// word expands w. A variable without a value makes the result unknown, unless
// its form has an answer for that: ${X:-y}, ${X:+y}.
func (e expander) word(w string, vars *analysis.Vars) (value string, known bool, err error) {
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

// getter gives BuildKit's lexer the values of variables.
type getter struct {
	vars    *analysis.Vars
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
