package analysis

import "github.com/moby/buildkit/frontend/dockerfile/shell"

// Expander expands words by the state in force at i, as BuildKit does for the
// operands of COPY and its like. A result is known if all of its variables are.
func (i *Instruction) Expander() func(word string) (value string, known bool) {
	lex := shell.NewLex(i.Stage.Dockerfile.Escape)
	return func(word string) (string, bool) {
		g := &getter{state: i.State, known: true}
		value, _, err := lex.ProcessWord(word, g)
		return value, err == nil && g.known
	}
}

// getter gives BuildKit's lexer the values of variables.
type getter struct {
	state State
	known bool
}

func (g *getter) Get(name string) (string, bool) {
	v, known, _ := g.state.Lookup(name)
	g.known = g.known && known
	return v, known
}

func (g *getter) Keys() []string { return nil }
